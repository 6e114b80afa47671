// The gray square that the reader drags over a photograph: what the network says for every place of it.
// data.side, data.square: pixels of the image that the network takes, and of the square; data.step: from place to place
// data.classes: names; data.start: [row, column] of the first place shown, counted in places
// data.photographs: for each its address (photo), the network's image (pixels: red, green, blue of each pixel, in base64),
//   the class that it shows (true), and percent for each class: without the square, and for each place (probabilities)
(root, data, say) => {
  "use strict";
  const BLUE = "#0072B2", ORANGE = "#D55E00", SKY = "#56B4E9", GRAY = "#767676", WHITE = "#fff";
  const SQUARE = "#7d7b72";  // the mean color of CIFAR-10, which is 0 for the network
  const CIVIDIS = [[0, 34, 78], [26, 56, 111], [67, 78, 108], [97, 101, 111], [125, 124, 120], [155, 148, 118],
    [188, 174, 108], [222, 201, 88], [254, 232, 56]];  // from 0 to 100 %, as in the figures of the lesson
  const {side, square, step, classes} = data, across = Math.floor((side - square) / step) + 1, LARGE = 8 * side;
  const share = pixels => `${100 * pixels / side}%`, between = (least, value, most) => Math.max(least, Math.min(value, most));
  const start = data.start || [0, 0].fill(across >> 1);
  const make = (tag, attributes = {}, ...inside) => {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const active = (made, type, act) => { made.addEventListener(type, act); return made; };
  const shade = percent => {
    const at = percent / 100 * (CIVIDIS.length - 1), low = Math.min(Math.floor(at), CIVIDIS.length - 2);
    return CIVIDIS[low].map((value, i) => Math.round(value + (at - low) * (CIVIDIS[low + 1][i] - value)));
  };

  // --- what is shown: a photograph, a place, and the places tried before ---
  const photographs = data.photographs.map(one => ({...one, index: classes.indexOf(one.true), image: new Image(),
    tried: new Set(), colors: Uint8Array.from(atob(one.pixels), letter => letter.charCodeAt(0))}));
  const state = {shown: photographs[0], row: 0, column: 0};
  const chances = () => state.shown.probabilities.map(now => now[state.shown.index]);  // of the true class

  // --- the parts of the page ---
  const CSS = `
    & { container-type: inline-size; width: 100%; padding: 4px; font-size: min(1em, 17px); line-height: 1.4; color: inherit; }
    &, & * { box-sizing: border-box; text-align: left; } & p { margin: .6em 0 .8em; font-size: 1em; }
    & .tools { display: flex; flex-wrap: wrap; gap: .5em .6em; align-items: center; margin: 0 0 .8em; }
    & .picture { display: grid; gap: .8em 1.5em; grid-template-columns: 1fr 1fr minmax(13.5em, .85fr); max-width: 62em; }
    & .head { display: flex; flex-wrap: wrap; justify-content: space-between; font-weight: 600; margin: 0 0 .4em; line-height: 1.35; }
    & .frame { position: relative; aspect-ratio: 1; overflow: hidden; border-radius: 3px; cursor: pointer; touch-action: pan-y;
      user-select: none; -webkit-user-select: none; }
    & canvas { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; max-width: none; }
    & .map .whole { filter: grayscale(1) contrast(.8); }
    & .map .places { opacity: .82; image-rendering: pixelated; left: ${share((square - step) / 2)};
      top: ${share((square - step) / 2)}; width: ${share(across * step)}; height: ${share(across * step)}; }
    & .square { position: absolute; width: ${share(square)}; height: ${share(square)}; touch-action: none; cursor: grab; }
    & .square, & .square::before { display: grid; place-items: center; outline: 1.5px solid ${WHITE}; }
    & .photo .square { background: ${SQUARE}; border: 3px solid ${BLUE}; } & .wrong .photo .square { border-color: ${ORANGE}; }
    & .map .square { border: 1.5px dashed ${WHITE}; outline: 1px solid rgba(0, 0, 0, .35); }
    & .map .square::before { content: ""; width: ${100 * step / square + 6}%; aspect-ratio: 1; border: 2px solid #000; }
    & .held, & .held .square { cursor: grabbing; } & .begun .photo .square > svg { display: none; }
    & .square > svg { width: 70%; fill: ${WHITE}; pointer-events: none; }
    & .answer { padding: 0 .5em; border-radius: .3em; background: ${BLUE}; color: ${WHITE}; } & .wrong .answer { background: ${ORANGE}; }
    & .bars { display: grid; grid-template-columns: auto minmax(2em, 1fr) 3.1em; gap: .22em .5em; align-items: center; }
    & .bars b, & output { text-align: right; font-weight: 400; font-variant-numeric: tabular-nums; } & .true { font-weight: 700; }
    & .track { position: relative; height: 1.15em; background: rgba(128, 128, 128, .2); border-radius: 2px; }
    & .track > * { position: absolute; left: 0; top: 0; bottom: 0; border-radius: 2px; }
    & u { display: inline-block; width: 2px; height: 1em; background: currentColor; vertical-align: -.15em; }
    & .track > u { inset: -2px auto; height: auto; margin-left: -1px; } & small { grid-column: 1 / -1; font-size: .85em; }
    & .key { display: flex; flex-wrap: wrap; align-items: center; gap: 0 .5em; font-size: .85em; margin: .45em 0 0; }
    & .key i { flex: 1; height: .8em; border-radius: 2px; } & .key span { flex-basis: 100%; }
    & .said { min-height: 2.8em; max-width: 62em; font-weight: 600; } & :focus-visible { outline: 3px solid ${SKY}; }
    & button { font: inherit; color: inherit; background: transparent; border: 1px solid ${GRAY}; border-radius: .35em;
      padding: .2em .6em; margin: 0; cursor: pointer; }
    & button[aria-pressed=true] { background: ${BLUE}; border-color: ${BLUE}; color: ${WHITE}; }
    & label { display: inline-flex; align-items: center; gap: .4em; margin: 0 .6em 0 0; font-weight: 400; }
    & input { accent-color: ${BLUE}; cursor: pointer; margin: 0; } & input[type=range] { width: 8em; } & output { min-width: 8.7em; }
    @container (max-width: 600px) {
      & .picture { grid-template-columns: minmax(0, 1fr) minmax(0, .8fr); gap: .7em .9em; } & .photo { grid-column: 1 / -1; }
      & .map { order: 1; } & .bars { font-size: .82em; gap: .35em; } & .said { min-height: 5.6em; }
      & .map .head, & .answers .head { font-size: .95em; min-height: 2.8em; align-content: end; }
    }`.replaceAll("&", "[data-live=occlusion]");
  const canvas = (size, name) => make("canvas", {width: size, height: size, class: name});
  const frame = (label, ...inside) => {
    const whole = canvas(LARGE, "whole"), handle = make("div", {class: "square"});
    return {whole, handle, box: make("div", {class: "frame", role: "img", "aria-label": label}, whole, ...inside, handle)};
  };
  const part = (name, head, ...inside) => make("div", {class: name}, make("div", {class: "head"}, ...head), ...inside);
  const map = canvas(across, "places"), frames = [frame(say`photograph`), frame(say`map of the true class's probability`, map)];
  frames[0].handle.innerHTML = `<svg viewBox="0 0 100 100"><path d="M50 4 64 20H55V45H80V36L96 50 80 64V55H55V80H64L50 96
    36 80H45V55H20V64L4 50 20 36V45H45V20H36Z"/></svg>`;  // it can be moved
  const [answer, title, count] = ["answer", "", ""].map(name => make("span", {class: name}));
  const bars = make("div", {class: "bars"}), said = make("p", {class: "said", "aria-live": "polite"});
  const ramp = make("i", {style: `background: linear-gradient(90deg, ${CIVIDIS.map(rgb => `rgb(${rgb})`)})`});
  const picture = make("div", {class: "picture"}, part("photo", [say`drag the gray square`], frames[0].box),
    part("map", [title], frames[1].box, make("div", {class: "key"}, "0 %", ramp, "100 %", count)),
    part("answers", [say`the answer`, answer], bars));
  const choices = make("div", {class: "tools"}), controls = make("div", {class: "tools"});
  root.append(make("style", {}, CSS), choices, picture, said, controls);

  // --- drawing ---
  let rows = [];  // for each class its bar and its number
  const drawBars = () => {  // the true class first, the others in their order
    const {index, without} = state.shown, lines = [];
    rows = classes.map((name, at) => {
      const bar = make("i"), number = make("b"), mark = make("u", {style: `left: ${without[at]}%`});
      const line = [make("span", {class: at === index ? "true" : ""}, name), make("div", {class: "track"}, bar, mark), number];
      lines.splice(at === index ? 0 : lines.length, 0, ...line);
      return {bar, number};
    });
    bars.replaceChildren(...lines, make("small", {}, make("u"), ` ${say`without the square`}`));
  };
  const drawPhotograph = () => {
    const {image, colors} = state.shown, dots = new ImageData(side, side);
    for (let at = 0; at < side * side; at++) dots.data.set([...colors.subarray(3 * at, 3 * at + 3), 255], 4 * at);
    for (const pen of frames.map(({whole}) => whole.getContext("2d"))) {
      pen.imageSmoothingEnabled = false;
      pen.putImageData(dots, 0, 0);
      if (!coarse.input.checked && image.naturalWidth) pen.drawImage(image, 0, 0, LARGE, LARGE);
      else pen.drawImage(pen.canvas, 0, 0, side, side, 0, 0, LARGE, LARGE);
    }
  };
  const drawMap = () => {
    const pen = map.getContext("2d"), dots = pen.createImageData(across, across), {tried} = state.shown;
    const seen = at => all.input.checked || tried.has(at);
    chances().forEach((percent, at) => dots.data.set([...shade(percent), seen(at) ? 255 : 0], 4 * at));
    pen.putImageData(dots, 0, 0);
    count.textContent = say`${all.input.checked ? across ** 2 : tried.size} of ${across ** 2} places`;
  };
  const go = (row, column) => {
    [state.row, state.column] = [row, column].map(at => between(0, at, across - 1));
    const {shown} = state, at = state.row * across + state.column, [top, left] = [state.row * step, state.column * step];
    const now = shown.probabilities[at], best = now.indexOf(Math.max(...now)), right = shown.index;
    for (const {handle} of frames) Object.assign(handle.style, {top: share(top), left: share(left)});
    picture.classList.toggle("wrong", best !== right);
    picture.classList.toggle("begun", shown.tried.add(at).size > 1);
    rows.forEach(({bar, number}, one) => {
      Object.assign(bar.style, {width: `${now[one]}%`, background: one === right ? BLUE : one === best ? ORANGE : GRAY});
      number.textContent = `${now[one]} %`;
    });
    answer.textContent = classes[best];
    said.textContent = say`The square covers rows ${top + 1} to ${top + square}, columns ${left + 1} to ${left + square}. p(${shown.true
      }) is ${now[right]} %, without the square ${shown.without[right]} %. The network says “${classes[best]}”, ${now[best]} %.`;
    written.textContent = say`row ${state.row + 1}, column ${state.column + 1}`;
    Object.assign(position, {value: at, ariaValueText: written.textContent});
    drawMap();
  };
  const choose = shown => {
    state.shown = shown;
    buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(photographs[i] === shown)));
    title.textContent = say`p(${shown.true}) by place`;
    drawBars();
    drawPhotograph();
    go(state.row, state.column);
  };

  // --- the controls ---
  const button = (words, act) => active(make("button", {type: "button"}, words), "click", act);
  const tick = (words, act) => {
    const input = active(make("input", {type: "checkbox"}), "change", act);
    return {input, label: make("label", {}, input, words)};
  };
  const coarse = tick(say`as the network sees it: ${side} × ${side}`, drawPhotograph), all = tick(say`map of all places`, drawMap);
  const position = make("input", {type: "range", min: 0, max: across ** 2 - 1}), written = make("output");
  const buttons = photographs.map(one => button(one.true, () => choose(one)));
  const show = at => go(Math.floor(at / across), at % across);
  const worst = button(say`where it hurts most`, () => show(chances().indexOf(Math.min(...chances()))));
  const again = button(say`start again`, () => {
    for (const one of photographs) one.tried.clear();
    all.input.checked = coarse.input.checked = false;
    [state.row, state.column] = start;
    choose(state.shown);
  });
  position.addEventListener("input", () => show(position.value));
  position.addEventListener("keydown", event => {  // up and down move by a row
    const [down, right] = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key] || [];
    if (down === undefined) return;
    event.preventDefault();
    go(state.row + down, state.column + right);
  });
  choices.append(...(photographs.length > 1 ? buttons : []), coarse.label);
  controls.append(worst, again, all.label, make("label", {}, say`place`, position, written));

  // --- the square follows the mouse or the finger ---
  let grip = null, tapped = false;  // where in the square it was taken hold of, in pixels of the image
  for (const {box, handle} of frames) {
    const at = ({clientX, clientY}, {left, top, width} = box.getBoundingClientRect()) =>
      [clientY - top, clientX - left].map(pixel => pixel / width * side);
    const follow = event => go(...at(event).map((pixel, axis) => Math.round((pixel - grip[axis]) / step)));
    box.addEventListener("pointerdown", event => {
      const taken = event.target === handle, corner = [state.row * step, state.column * step], middle = square / 2;
      grip = taken ? at(event).map((pixel, axis) => pixel - corner[axis]) : [middle, middle];
      tapped = event.pointerType === "touch" && !taken;  // a finger beside the square may want to scroll the page
      if (tapped || event.button) return;
      event.preventDefault();
      position.focus({preventScroll: true});  // from here on the arrow keys move the square
      box.setPointerCapture(event.pointerId);
      picture.classList.add("held");
      follow(event);
    });
    box.addEventListener("pointermove", event => box.hasPointerCapture(event.pointerId) && !tapped && follow(event));
    box.addEventListener("click", event => tapped && follow(event));
    box.addEventListener("lostpointercapture", () => picture.classList.remove("held"));
  }
  for (const {image, photo} of photographs) active(image, "load", drawPhotograph).src = photo;
  [state.row, state.column] = start;
  choose(photographs[0]);
}
