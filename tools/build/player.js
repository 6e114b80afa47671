// Explorers, quizzes and predictions on a page without a kernel. The page holds what stands for them (a picture, a list)
// in <figure data-player> and <div data-ask>, made by players.py; this script brings them to life. No library, no network:
// the pictures of an explorer lie beside this file, and are fetched when it comes into view.
(() => {
  const here = new URL(".", document.currentScript.src).href;
  const waiting = {};
  const add = (parent, tag, settings = {}) => parent.appendChild(Object.assign(document.createElement(tag), settings));

  window.lecture8 = { states: (name, data) => (waiting[name] || []).forEach((figure) => explorer(figure, figure.dataset.player, data)) };

  function load(figure) {
    const states = `${figure.dataset.player}/${figure.dataset.language}`;
    (waiting[states] ||= []).push(figure);
    if (waiting[states].length === 1) add(document.head, "script", { src: `${here}${states}.js` });
  }

  function control(form, { label, values, start, slides }, change) {
    const row = add(form, "label", { textContent: `${label} ` });
    let input, said;
    if (slides) {
      input = add(row, "input", { type: "range", min: 0, max: values.length - 1, value: start });
      said = add(row, "output");
    } else {
      input = add(row, "select");
      values.forEach((value, i) => add(input, "option", { textContent: value, value: i, selected: i === start }));
    }
    const show = () => {
      if (said) input.setAttribute("aria-valuetext", (said.textContent = values[input.value]));
    };
    show();
    input.addEventListener("input", () => (show(), change()));
    return () => Number(input.value);
  }

  function explorer(figure, key, { controls, pictures, states }) {
    const image = figure.querySelector("img"), caption = figure.querySelector("figcaption");
    const form = document.createElement("form");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("keydown", (event) => event.stopPropagation()); // arrows move the control, not the slides
    figure.prepend(form);
    const kept = [];
    const picture = (i) => (kept[i] ||= Object.assign(new Image(), { src: `${here}${key}/${i}.webp` }));
    let latest = 0;
    const values = controls.map((one) => control(form, one, change));
    async function change() {
      const place = controls.reduce((n, one, i) => n * one.values.length + values[i](), 0);
      const [i, words] = states[place], turn = ++latest;
      await picture(i).decode().catch(() => {});
      if (turn !== latest) return; // a later move was faster
      image.src = picture(i).src;
      image.alt = caption.textContent = words;
      figure.dataset.shown = turn;
    }
    figure.dataset.ready = "yes";
    // the rest while the reader reads; from the disk or the cache it then takes no time
    const rest = [...Array(pictures).keys()];
    (function next() {
      if (rest.length) picture(rest.shift()).decode().catch(() => {}).then(next);
    })();
  }

  function ask(box) {
    const { prompt, options, key, button } = JSON.parse(box.querySelector("script").textContent);
    const form = document.createElement("form");
    const field = add(form, "fieldset"), name = `ask-${Math.random()}`;
    add(field, "legend", { innerHTML: prompt });
    options.forEach((option, i) => {
      const row = add(field, "label");
      add(row, "input", { type: "radio", name, value: i });
      row.append(` ${option.text}`);
    });
    const press = add(form, "button", { textContent: button, disabled: true });
    const said = add(form, "p");
    said.setAttribute("aria-live", "polite");
    form.addEventListener("keydown", (event) => event.stopPropagation());
    form.addEventListener("input", () => ((press.disabled = false), (said.innerHTML = "")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = options[new FormData(form).get(name)];
      said.innerHTML = chosen.said;
      if (key) document.querySelectorAll(`[data-reveal="${key}"]`).forEach((place) => reveal(place, chosen));
    });
    box.querySelector(".still").replaceWith(form);
  }

  function reveal(place, chosen) {
    const details = place.querySelector("details");
    details.open = true;
    const right = place.dataset.measured === chosen.text;
    place.querySelector(".guess").innerHTML =
      `${right ? "✅" : "❌"} ${place.dataset.mine}: ${chosen.html}. ${right ? "" : chosen.why}`;
  }

  function begin() {
    add(document.head, "style", {
      textContent: `[data-player] { margin: 0 0 1em; text-align: left; } [data-player] img { max-width: 100%; height: auto; }
        [data-player] label { display: inline-block; margin: 0 1.5em .5em 0; } [data-player] input { vertical-align: middle; }
        [data-ask] fieldset { border: 0; margin: 0; padding: 0; } [data-ask] legend { font-weight: bold; padding: 0; }
        [data-ask] label { display: block; margin: .3em 0; } [data-ask] button { margin: .4em 0; font: inherit; }`,
    });
    document.querySelectorAll("[data-ask]").forEach(ask);
    const seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) seen.unobserve(target), load(target);
    }, { rootMargin: "400px" });
    document.querySelectorAll("[data-player]").forEach((figure) => seen.observe(figure));
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
