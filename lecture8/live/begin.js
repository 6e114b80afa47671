// Begins one live picture: finds its place, lets it draw, and hides the still in the output before it.
// texts: what the picture says in English, with {0}, {1} for its values -> the same in the language of the notebook
(name, draw, data, texts) => {
  "use strict";
  // say`Row ${i}, column ${j}` and say(word): in that language, or in English where `texts` has nothing
  const say = (parts, ...values) => {
    const english = [].concat(parts).map((part, i) => (i ? `{${i - 1}}` : "") + part).join("");
    return (texts[english] || english).replace(/\{(\d)\}/g, (_, n) => values[n]);
  };
  // JupyterLab inserts scripts anew: then the place is the first that no script has begun yet
  const beside = document.currentScript && document.currentScript.previousElementSibling;
  const root = beside || document.querySelector(`[data-live="${name}"]:not([data-begun])`);
  if (!root || root.dataset.begun) return;
  root.dataset.begun = "true";
  // keys pressed here neither turn a slide nor move the notebook's selection; nor does a finger turn a slide
  root.dataset.lmSuppressShortcuts = root.dataset.preventSwipe = "true";
  root.addEventListener("keydown", event => event.stopPropagation());
  draw(root, data, say);  // if it fails, the still stays
  for (let box = root; box && !box.matches(".jp-OutputArea, .cell_output, #output-area, body"); box = box.parentElement) {
    const still = box.previousElementSibling;
    if (still && (still.matches("img") || still.querySelector("img"))) {
      still.style.display = "none";
      return;
    }
  }
}
