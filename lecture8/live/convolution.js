// A convolution to touch: a window slides over an image, and its products are added up to one value of the feature map.
// data.image: a table of numbers, or three (red, green, blue); data.most: the number that is white
// data.kernels: names from KERNELS, or [name, table]; for three channels a table is three numbers (1 × 1), or three tables
// data.stride, data.padding, data.relu, data.place ([row, column], from 0): what is shown first
// data.layers: 2 or 3 convolutions with this kernel, one after the other; data.controls: those that are shown
(root, data, say) => {
  "use strict";
  const BLUE = "#0072B2", SKY = "#56B4E9", GRAY = "#767676", WHITE = "#fff";
  const POSITIVE = "213, 94, 0", NEGATIVE = "128, 90, 190";  // orange and purple, as in the figures of the lessons
  const U = 20, NUMBERS = 16;  // units of a cell in the drawing; with more cells side by side numbers are not written
  const blur = size => Array.from({length: size}, () => Array(size).fill(1 / size ** 2));
  const KERNELS = {
    "brighter below": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]], "brighter right": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "outlines": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "blur": blur(3), "blur 5 × 5": blur(5), "1 × 1": [[2]],
    "mean": blur(3)[0].map(share => 3 * share), "red": [1, 0, 0], "red − green": [1, -1, 0], "blue − red": [-1, 0, 1],
  };
  const color = Array.isArray(data.image[0][0]), planes = color ? data.image : [data.image];
  const CHANNELS = [say`red`, say`green`, say`blue`], depth = color ? 1 : data.layers || 1;
  const most = data.most || Math.max(...planes.flat(2)), shown = data.controls || ["kernel", "stride", "padding", "relu"];
  const names = data.kernels || Object.keys(KERNELS).filter(name => color === !Array.isArray(KERNELS[name][0]));
  const cube = table => !Array.isArray(table[0]) ? table.map(one => [[one]]) : Array.isArray(table[0][0]) ? table : [table];
  const presets = names.map(one => Array.isArray(one) ? one : [one, KERNELS[one]]);

  // --- small tools ---
  const make = (tag, attributes = {}, ...inside) => {
    const space = ["svg", "rect", "text", "path"].includes(tag) ? "2000/svg" : "1999/xhtml";
    const made = document.createElementNS(`http://www.w3.org/${space}`, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const written = (value, digits = 2) =>
    String(Number(value.toFixed(Math.abs(value) < 100 ? digits : 0)) || 0).replace("-", "−");
  const tint = (value, largest) =>
    `rgba(${value < 0 ? NEGATIVE : POSITIVE}, ${(0.75 * Math.min(1, Math.abs(value) / largest)).toFixed(3)})`;
  const largestOf = table => Math.max(1e-9, ...table.flat(2).map(Math.abs)), square = (high, wide) => `${high} × ${wide}`;
  const between = (least, value, largest) => Math.max(least, Math.min(value, largest));

  // --- what is computed ---
  const state = {kernel: null, stride: data.stride || 1, padding: data.padding || 0, relu: Boolean(data.relu), playing: null,
    maps: [], level: depth, row: 0, column: 0};  // maps[0] is the image, maps[1] the first feature map
  const size = () => state.kernel[0].length, top = () => state.maps.length - 1, here = () => state.maps[state.level];
  const outputs = length => Math.floor((length + 2 * state.padding - size()) / state.stride) + 1;
  const padded = (map, row, column) => (map[row - state.padding] || [])[column - state.padding] || 0;
  // the numbers under the window, one table for each channel
  const under = (level, row, column) => (level === 1 ? planes : [state.maps[level - 1]]).map(map =>
    state.kernel[0].map((line, i) => line.map((_, j) => padded(map, row * state.stride + i, column * state.stride + j))));
  const multiplied = tables => tables.map((table, channel) =>
    table.map((line, i) => line.map((pixel, j) => pixel * state.kernel[channel][i][j])));
  const sum = tables => multiplied(tables).flat(2).reduce((a, b) => a + b, 0);
  const compute = () => {
    state.maps = [planes[0]];
    for (let level = 1; level <= depth; level++) {
      const below = state.maps[level - 1], high = outputs(below.length), wide = outputs(below[0].length);
      if (high < 1 || wide < 1) break;  // the kernel does not fit any more
      state.maps.push(Array.from({length: high}, (_, row) => Array.from({length: wide}, (_, column) =>
        Math.max(state.relu ? 0 : -Infinity, sum(under(level, row, column))))));
    }
  };
  const choose = (level, row, column) => {
    state.level = between(1, level, top());
    [state.row, state.column] = [between(0, row, here().length - 1), between(0, column, here()[0].length - 1)];
  };
  // what the chosen value depends on: for every map below the first and last row, and column, with padding
  const fields = () => {
    const {stride: s, padding: p} = state, found = [];
    let spans = [[state.row, state.row], [state.column, state.column]];
    for (let level = state.level - 1; level >= 0; level--) {
      const lengths = [state.maps[level].length, state.maps[level][0].length];
      found[level] = spans.map(([first, last]) => [first * s, last * s + size() - 1]);
      spans = found[level].map(([first, last], i) => [Math.max(0, first - p), Math.min(lengths[i] - 1, last - p)]);
      found[level].real = spans.map(([first, last]) => last - first + 1);
    }
    return found;
  };

  // --- the parts of the page ---
  const CSS = `
    & { container-type: inline-size; width: 100%; padding: 4px; box-sizing: border-box; font-size: min(1em, 18px);
      line-height: 1.4; color: inherit; }
    & .tools, & .picture, & .equation, & .grids { display: flex; flex-wrap: wrap; gap: .6em; align-items: flex-start; }
    & .tools { align-items: center; margin: 0 0 .7em; } & .picture { gap: 1em 2.4em; } & .grids { gap: .6em clamp(.4em, 2cqw, 1em); }
    & .part > b { display: block; white-space: pre-line; line-height: 1.2; margin: 0 0 .3em; } & p { margin: .5em 0 0; }
    & svg { display: block; overflow: visible; max-width: none; touch-action: pan-y; cursor: pointer; }
    & svg text { pointer-events: none; text-anchor: middle; dominant-baseline: central; fill: currentColor; }
    & .tiny text, & text.later { display: none; } & rect.later { fill: transparent; }
    & button, & .table > input { font: inherit; color: inherit; background: transparent; border: 1px solid ${GRAY};
      border-radius: .35em; padding: .2em .6em; margin: 0; cursor: pointer; }
    & button[aria-pressed=true] { background: ${BLUE}; border-color: ${BLUE}; color: ${WHITE}; }
    & button.play { min-width: 6.4em; font-weight: 600; } & :focus-visible { outline: 3px solid ${SKY}; }
    & label { display: inline-flex; align-items: center; gap: .4em; white-space: nowrap; margin: 0 .6em 0 0; }
    & output { min-width: 1em; font-variant-numeric: tabular-nums; } & .position output { min-width: 9em; }
    & input { accent-color: ${BLUE}; cursor: pointer; margin: 0; } & label > input[type=range] { width: 5.5em; }
    & .table { display: grid; gap: 2px; font-size: .93em; font-variant-numeric: tabular-nums; border-radius: 2px; }
    & .table > * { width: 2.45em; height: 2.1em; display: grid; place-items: center; box-sizing: border-box; }
    & .table > input { padding: 0; cursor: text; appearance: textfield; text-align: center; }
    & .table > input::-webkit-inner-spin-button { display: none; }
    & .table > i { font-style: normal; justify-content: end; padding-right: .4em; width: auto; }
    & .framed { outline: 3px solid ${BLUE}; outline-offset: 1px; } & b.framed { padding: 0 .3em; border-radius: 2px; }
    & p.sum { width: 0; min-width: max(100%, min(23em, 92cqw)); line-height: 1.8; } & .sum b { font-size: 1.2em; }
    & .said { min-height: 1.4em; font-weight: 600; } & label.position > input { width: 8em; }`.replaceAll("&", "[data-live=convolution]");
  const [controls, second, grids, equation] = ["tools", "tools", "grids", "equation"].map(name => make("div", {class: name}));
  const said = make("p", {class: "said", "aria-live": "polite"}), sizes = make("p"), sumLine = make("p", {class: "sum"});
  const picture = make("div", {class: "picture"}, grids, make("div", {}, equation, sumLine));
  root.append(make("style", {}, CSS), controls, second, picture, said, sizes);

  // --- the controls ---
  const range = (name, words, min, max, value, act) => {
    const input = make("input", {type: "range", min, max, value}), output = make("output", {}, value);
    input.addEventListener("input", () => { output.textContent = input.value; act(Number(input.value)); });
    return {input, output, label: make("label", {class: name}, words, input, output)};
  };
  const take = pressed => {  // the kernel of a button
    state.kernel = cube(presets[pressed][1]).map(table => table.map(line => [...line]));
    buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(i === pressed)));
  };
  const named = name => say(name /* copy | brighter below | brighter right | outlines | sharpen | blur | blur 5 × 5 | mean | brightness | yellow − blue | red − green | blue − red */);
  const buttons = presets.map(([name]) => make("button", {type: "button"}, named(name)));
  buttons.forEach((one, i) => one.addEventListener("click", () => { take(i); rebuild(); }));
  const steps = depth > 1 ? presets.map(([, table]) => cube(table)[0].length) : [];  // in layers no pixel may be left out
  const stride = range("stride", say`stride`, 1, Math.min(4, ...steps), state.stride, value => { state.stride = value; rebuild(); });
  const padding = range("padding", say`padding`, 0, 2, state.padding, value => { state.padding = value; rebuild(); });
  const relu = make("input", {type: "checkbox", ...(state.relu ? {checked: ""} : {})});
  relu.addEventListener("change", () => { state.relu = relu.checked; rebuild(); });
  const go = (level, row, column) => { slide(false); choose(level, row, column); move(); };
  const layer = range("layer", say`layer`, 1, depth, depth, value => go(value, state.row, state.column));
  const place = range("position", say`position`, 0, 1, 0, value =>
    go(state.level, Math.floor(value / here()[0].length), value % here()[0].length));
  place.input.addEventListener("keydown", event => {  // up and down move by a row
    const [down, right] = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key] || [];
    if (down === undefined) return;
    event.preventDefault();
    go(state.level, state.row + down, state.column + right);
  });
  const slide = on => {  // the window slides by itself, from here or, at the end, from the first place
    clearInterval(state.playing);
    const wide = here()[0].length, places = here().length * wide;
    if (on && (state.row + 1) * (state.column + 1) === places) choose(state.level, 0, 0);
    state.playing = on ? setInterval(() => {
      const next = state.row * wide + state.column + 1;
      if (next === places || !root.isConnected) slide(false); else choose(state.level, Math.floor(next / wide), next % wide);
      move();
    }, between(60, 20000 / places, 500)) : null;
    said.setAttribute("aria-live", on ? "off" : "polite");  // else every place would be read aloud
    play.textContent = on ? say`❚❚ stop` : say`▶ slide`;
  };
  const play = make("button", {type: "button", class: "play"}, say`▶ slide`);
  play.addEventListener("click", () => { slide(!state.playing); move(); });
  const more = {stride: stride.label, padding: padding.label, relu: make("label", {}, relu, "ReLU")};
  if (shown.includes("kernel")) controls.append(...buttons); else controls.remove();
  second.append(play, place.label, ...(depth > 1 ? [layer.label] : []));
  for (const name in more) if (shown.includes(name)) second.append(more[name]);

  // --- the image and the feature maps ---
  let panels = [], tables = {};
  const panel = level => {
    const map = state.maps[level], read = level < top(), border = read ? state.padding : 0, middle = (size() - 1) / 2;
    const high = map.length + 2 * border, wide = map[0].length + 2 * border, s = state.stride;
    const name = level === 0 ? say`image` : depth === 1 ? say`feature map` : say`layer ${level}`;
    const title = `${name}, ${square(map.length, map[0].length)}`, viewBox = `0 0 ${wide * U} ${high * U}`;
    const style = `width: calc(${wide} * var(--cell)); height: calc(${high} * var(--cell))`;
    const svg = make("svg", {viewBox, style, role: "img", "aria-label": title});
    const cells = [], numbers = (level || !color) && map[0].length <= NUMBERS, spots = {lands: "", skipped: ""};
    for (let row = 0; row < high; row++) {
      for (let column = 0; column < wide; column++) {
        const [y, x] = [row - border, column - border], real = map[y]?.[x] !== undefined;
        const corner = {x: column * U, y: row * U, width: U, height: U, "data-row": y, "data-column": x};
        const line = {fill: "transparent", stroke: GRAY, "stroke-width": 0.6, "stroke-dasharray": real ? "none" : "2 2"};
        const rect = make("rect", {...corner, ...line});
        const text = numbers && make("text", {x: (column + 0.5) * U, y: (row + 0.52) * U, style: "font-size: 9px"}, "0");
        svg.append(rect, ...(text ? [text] : []));
        if (real) cells.push({rect, text, y, x});
        // where the middle of the window stops, and the places in between that a stride above 1 skips
        const [i, j] = [row - middle, column - middle], lands = i % s === 0 && j % s === 0;
        if (!read || s === 1 || i < 0 || j < 0 || i + size() > high || j + size() > wide) continue;
        spots[lands ? "lands" : "skipped"] += `M${(column + 0.5) * U},${(row + (numbers ? 0.86 : 0.5)) * U}h0`;
      }
    }
    const line = (tag, d, stroke, width, name = "") => make(tag, {
      d, stroke, "stroke-width": width, fill: "none", "stroke-linecap": "round", "pointer-events": "none", class: name});
    const dot = numbers ? 4.6 : 6, frames = [line("rect", "", WHITE, 5), line("rect", "", BLUE, 3)];
    svg.append(line("path", spots.skipped, "#000", dot / 2 + 1.4), line("path", spots.skipped, WHITE, dot / 2, "skipped"),
      line("path", spots.lands, WHITE, dot + 1.6), line("path", spots.lands, BLUE, dot, "lands"), ...frames);
    const point = event => {
      const {row, column} = event.target.dataset, pressed = event.type === "pointerdown";
      if (row === undefined || state.playing && !pressed) return;
      if (pressed) {  // from here on the arrow keys move the window
        event.preventDefault();
        place.input.focus({preventScroll: true});
        event.target.releasePointerCapture(event.pointerId);  // a finger moves on to other cells
      }
      const near = at => level ? Number(at) : Math.round((Number(at) + state.padding - middle) / s);
      go(level || 1, near(row), near(column));
    };
    for (const type of ["pointerdown", "pointermove"]) svg.addEventListener(type, point);
    return {svg, cells, frames, high, wide, part: make("div", {class: "part"}, make("b", {}, title.replace(", ", "\n")), svg)};
  };
  const paint = () => panels.forEach(({cells}, level) => {
    const map = state.maps[level], largest = largestOf(map);
    for (const {rect, text, y, x} of cells) {
      const rgb = [0, 1, 2].map(c => between(0, Math.round(255 * planes[color ? c : 0][y]?.[x] / most), 255));
      rect.setAttribute("fill", level ? tint(map[y][x], largest) : `rgb(${rgb})`);
      if (!text) continue;
      text.textContent = written(map[y][x], 1);
      text.style.fontSize = `${Math.min(9.5, 27 / text.textContent.length)}px`;
      text.style.fill = level ? "" : rgb[1] < 130 ? WHITE : "#000";
    }
  });

  // --- the window written out: pixels × kernel = products, and their sum ---
  const table = (words, cell = () => make("span"), mark = "") => {
    const inside = [], style = `grid-template-columns: repeat(${size() + Number(color)}, auto)`;
    const title = make("b", {}, words), box = make("div", {class: `table ${mark}`, style});
    state.kernel.forEach((one, channel) => one.forEach((line, i) => {
      if (color) box.append(make("i", {}, i ? "" : CHANNELS[channel]));
      line.forEach((_, j) => box.append(inside[inside.push(cell(channel, i, j)) - 1]));
    }));
    return {inside, title, part: make("div", {class: "part"}, title, box)};
  };
  const weight = (channel, i, j) => {
    const where = [...color ? [CHANNELS[channel]] : [], say`row ${i + 1}, column ${j + 1}`].join(", ");
    const input = make("input", {type: "number", step: "any", "aria-label": say`weight: ${where}`});
    input.value = Number(state.kernel[channel][i][j].toFixed(2));
    input.addEventListener("input", () => {
      state.kernel[channel][i][j] = Number(input.value) || 0;
      buttons.forEach(one => one.setAttribute("aria-pressed", "false"));
      compute(); paint(); move();
    });
    return input;
  };
  const rebuild = () => {
    const level = state.level === top() ? depth : state.level;
    compute(); choose(level, state.row, state.column); slide(false);
    panels = state.maps.map((_, i) => panel(i));
    grids.replaceChildren(...panels.map(one => one.part));
    const total = panels.reduce((cells, one) => cells + one.wide, 0), [{high, wide}] = panels;
    const beside = `(100cqw - ${panels.length * 1.05}em) / ${total}`, below = wide > 2 * high ? `98cqw / ${wide}` : "0px";
    // where a wide image would get small, the feature map is below it
    grids.style.setProperty("--cell", `max(6px, min(1.95em, ${25 / high}em, max(${beside}, min(12px, ${below}))))`);
    tables = [table(say`pixels`, undefined, "framed"), table(say`× kernel`, weight), table(say`= products`)];
    equation.replaceChildren(...tables.map(one => one.part));
    sizes.textContent = [say`Orange is positive, purple negative.`, ...shown.includes("stride") ? sizesInWords() : []].join(" ");
    paint(); move();
  };
  const sizesInWords = () => {
    const {stride: s, padding: p, maps} = state, k = size(), stops = maps[1].length * maps[1][0].length;
    const along = n => `⌊(${n} + 2 · ${p} − ${k}) / ${s}⌋ + 1 = ${outputs(n)}`.replaceAll(" ", "\u00a0");
    const sides = map => [...new Set([map.length, map[0].length])].map(along).reduce((a, b) => say`${a} rows and ${b}`);
    const words = depth > 1 ? maps.slice(1).map((_, i) => say`layer ${i + 1}: ${sides(maps[i])}`) : [say`here ${sides(maps[0])}`];
    const places = (maps[0].length + 2 * p - k + 1) * (maps[0][0].length + 2 * p - k + 1);
    const list = words.join(", ") + (maps.length > depth ? "." : say`; then the kernel does not fit.`);
    return [say`From n rows or columns ⌊(n + 2p − k) / s⌋ + 1 are left, with padding p, kernel size k and stride s: ${list}`,
      ...s > 1 ? [say`The middle of the window stops at ${stops} of ${places} places, the blue dots. It skips the others.`] : []];
  };
  const move = () => {
    const {level, row, column} = state, found = fields(), border = level < top() ? state.padding : 0;
    const wide = here()[0].length, current = row * wide + column, [i, j] = [row + 1, column + 1];
    found[level] = [[row + border, row + border], [column + border, column + border]];
    panels.forEach(({frames, cells}, i) => {
      const [[first, last], [left, right]] = found[i] || [[0, -1], [0, -1]];
      const spot = {x: left * U, y: first * U, width: (right - left + 1) * U, height: (last - first + 1) * U};
      frames.forEach(frame => Object.entries(spot).forEach(([key, value]) => frame.setAttribute(key, value)));
      cells.forEach(({rect, text}, n) => {  // while it slides, what is not computed yet is empty
        const late = Boolean(state.playing) && i === level && n > current;
        for (const one of [rect, text]) if (one) one.classList.toggle("later", late);
      });
    });
    const read = under(level, row, column), parts = multiplied(read).flat(2), weights = state.kernel.flat(2);
    const total = sum(read), below = largestOf(state.maps[level - 1]), [pixels, kernel, products] = tables;
    pixels.title.textContent = level > 1 ? say`layer ${level - 1}` : say`pixels`;
    read.flat(2).forEach((pixel, i) => {
      const cell = pixels.inside[i], share = Math.round(255 * pixel / most), channel = Math.floor(i / size() ** 2);
      const rgb = [0, 1, 2].map(c => !color || c === channel ? share : 0), dark = share < 130 || color && channel !== 1;
      cell.textContent = written(pixel);
      cell.style.background = level > 1 ? tint(pixel, below) : `rgb(${rgb})`;
      cell.style.color = level > 1 ? "" : dark ? WHITE : "#000";
      kernel.inside[i].style.background = tint(weights[i], largestOf(weights));
      products.inside[i].style.background = tint(parts[i], largestOf(parts));
      products.inside[i].textContent = written(parts[i]);
    });
    const exact = [...parts, total].every(part => Math.abs(part * 100 - Math.round(part * 100)) < 1e-6);
    const terms = parts.map(part => written(part)).join(" + ").replaceAll("+ −", "− ") + (exact ? " = " : " ≈ ");
    sumLine.replaceChildren(terms + (state.relu ? `${written(total)} → ReLU → ` : ""),
      make("b", {class: "framed"}, written(here()[row][column])));
    const relus = !state.relu ? "" : total < 0 ? say`, and ReLU makes it 0` : say`, and ReLU keeps it`;
    const seen = found.slice(0, level).map(({real}, i) => i ? say`${square(...real)} values of layer ${i}` : say`${square(...real)} pixels`);
    const answer = `${written(total)}${relus}`, where = say`row ${i}, column ${j}`;
    said.textContent = depth > 1 ? say`Row ${i}, column ${j} of layer ${level} depends on ${seen.reverse().reduce((all, one) => say`${all}, on ${one}`)}.`
      : parts.length > 1 ? say`Row ${i}, column ${j}: the sum of the ${parts.length} products is ${answer}.`
      : say`Row ${i}, column ${j}: the product is ${answer}.`;
    Object.assign(place.input, {max: here().length * wide - 1, value: current, ariaValueText: where});
    place.output.textContent = where;
    Object.assign(layer.input, {max: top()}).value = layer.output.textContent = level;
  };
  new ResizeObserver(() => grids.classList.toggle("tiny", panels[0].svg.clientWidth < 16 * panels[0].wide)).observe(grids);
  [state.row, state.column] = data.place || [0, 0];
  take(0);
  rebuild();
}
