// Begins one live picture: finds its place, lets it draw, and hides the still in the output before it.
// texts: pairs of what the picture says in English, with {0}, {1} for its values, and what it says instead
(name, draw, data, texts) => {
  "use strict";
  // JupyterLab inserts scripts anew: then the place is the first that no script has begun yet
  const beside = document.currentScript && document.currentScript.previousElementSibling;
  const root = beside || document.querySelector(`[data-live="${name}"]:not([data-begun])`);
  if (!root || root.dataset.begun) return;
  root.dataset.begun = "true";
  // keys pressed here neither turn a slide nor move the notebook's selection; nor does a finger turn a slide
  root.dataset.lmSuppressShortcuts = root.dataset.preventSwipe = "true";
  root.addEventListener("keydown", event => event.stopPropagation());
  draw(root, data);  // if it fails, the still stays
  if (texts) {
    const rules = texts.map(([from, to]) => [new RegExp(`^${from.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\d\}/g, "(.*?)")}$`, "s"), to]);
    const say = text => {
      for (const [pattern, to] of rules) {
        const found = text.match(pattern);
        if (found) return to.replace(/\{(\d)\}/g, (_, n) => say(found[Number(n) + 1]));
      }
      if (text.includes(", on ")) return text.split(", on ").map(say).join(", ");
      const cut = text.search(/(?<=[.:]) /);
      return cut < 0 ? text : `${say(text.slice(0, cut))} ${say(text.slice(cut + 1))}`;
    };
    const put = (text, set) => {
      const said = say(text.trim());
      if (said !== text.trim()) set(said);
    };
    const visit = place => {
      for (const word of ["aria-label", "aria-valuetext", "title"])
        if (place.hasAttribute && place.hasAttribute(word)) put(place.getAttribute(word), said => place.setAttribute(word, said));
      if (place.nodeType === Node.TEXT_NODE) put(place.data, said => (place.data = said));
      else place.childNodes.forEach(visit);
    };
    visit(root);
    const watch = {subtree: true, childList: true, characterData: true, attributeFilter: ["aria-label", "aria-valuetext", "title"]};
    new MutationObserver(changes => changes.forEach(({target}) => visit(target))).observe(root, watch);
  }
  for (let box = root; box && !box.matches(".jp-OutputArea, .cell_output, #output-area, body"); box = box.parentElement) {
    const still = box.previousElementSibling;
    if (still && (still.matches("img") || still.querySelector("img"))) {
      still.style.display = "none";
      return;
    }
  }
}
