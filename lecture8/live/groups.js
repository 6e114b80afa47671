// Convolutions in groups: what is connected with what, on how many channels one channel depends, and what it costs.
// data.names: of the feature maps, first to last; data.channels: of each map; data.kernel: rows and columns of each kernel
// data.groups: of each convolution, what is shown first; each of them divides the channels
(root, data, say) => {
  "use strict";
  const BLUE = "#0072B2", SKY = "#56B4E9", ORANGE = "#D55E00", GRAY = "#767676";
  const {names, channels, kernel} = data, groups = [...data.groups], last = names.length - 1, ROW = 26, TOP = 24;
  const CHOICES = Array.from({length: channels}, (_, i) => i + 1).filter(count => channels % count === 0);

  // --- small tools ---
  const set = (part, attributes) => Object.entries(attributes).forEach(([key, value]) => part.setAttribute(key, value));
  const make = (tag, attributes = {}, ...inside) => {
    const drawn = ["svg", "text", "path", "rect"].includes(tag);
    const made = document.createElementNS(`http://www.w3.org/${drawn ? "2000/svg" : "1999/xhtml"}`, tag);
    set(made, attributes);
    return made.append(...inside), made;
  };
  const counted = number => number.toLocaleString("en");
  const weights = count => channels * channels / count * kernel ** 2;  // of a convolution in this many groups
  const between = (least, value, most) => Math.max(least, Math.min(value, most));

  // --- what is computed ---
  const state = {map: last, channel: 0};  // the chosen channel
  const size = layer => channels / groups[layer - 1];  // channels that a group of this map reads, and outputs
  const reads = (layer, from, to) => Math.floor(from / size(layer)) === Math.floor(to / size(layer));
  // for every map up to the chosen one, whether the chosen channel depends on each of its channels
  const cone = () => {
    const found = Array.from({length: state.map + 1}, () => Array(channels).fill(false));
    found[state.map][state.channel] = true;
    for (let layer = state.map; layer > 0; layer--)
      for (let from = 0; from < channels; from++)
        found[layer - 1][from] = found[layer].some((inside, to) => inside && reads(layer, from, to));
    return found;
  };

  // --- the parts of the page ---
  const CSS = `
    & { width: 100%; padding: 4px; box-sizing: border-box; font-size: min(1em, 18px); line-height: 1.4; color: inherit;
      text-align: left; }
    & .tools { display: flex; flex-wrap: wrap; gap: .4em 1.4em; align-items: center; margin: 0 0 .5em; }
    & label { display: inline-flex; align-items: center; gap: .45em; white-space: nowrap; margin: 0; }
    & input { accent-color: ${BLUE}; cursor: pointer; margin: 0; width: 5em; } & .place input { width: 8em; }
    & output { min-width: 1em; font-variant-numeric: tabular-nums; } & .place output { min-width: 6em; }
    & :focus-visible { outline: 3px solid ${SKY}; outline-offset: 1px; }
    & svg { display: block; width: 100%; max-width: 680px; overflow: visible; touch-action: pan-y; cursor: pointer; }
    & text { fill: currentColor; font-size: 14px; text-anchor: middle; pointer-events: none; }
    & path { fill: none; stroke-linecap: round; pointer-events: none; } & rect { stroke-width: 1.5; }
    & p { margin: .5em 0 0; } & .said { font-weight: 600; }`;
  const row = make("div", {class: "tools"}), said = make("p", {class: "said", "aria-live": "polite"}), cost = make("p");
  const svg = make("svg", {role: "img", "aria-label": say`the channels of ${names.join(", ")}, and what is connected`});
  root.append(make("style", {}, CSS.replaceAll("&", "[data-live=groups]")), row, svg, said, cost);

  // --- the controls ---
  const range = (kind, name, max, value, act) => {
    const input = make("input", {type: "range", min: 0, max, value, "aria-label": name}), output = make("output");
    input.addEventListener("input", () => act(Number(input.value)));
    row.append(make("label", {class: kind}, name, input, output));
    return {input, tell: (at, words) => Object.assign(input, {value: at}).ariaValueText = output.textContent = words};
  };
  const sliders = groups.map((count, i) => range("", say`groups in ${names[i + 1]}`, CHOICES.length - 1,
    CHOICES.indexOf(count), at => { groups[i] = CHOICES[at]; draw(); }));
  const choose = (map, channel) => {
    Object.assign(state, {map: between(1, map, last), channel: between(0, channel, channels - 1)});
    draw();
  };
  const place = range("place", say`channel`, last * channels - 1, 0,
    at => choose(1 + Math.floor(at / channels), at % channels));
  place.input.addEventListener("keydown", event => {  // left and right move to another feature map
    const [right, down] = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[event.key] || [];
    if (right === undefined) return;
    event.preventDefault();
    choose(state.map + right, state.channel + down);
  });

  // --- the channels and their connections ---
  const gray = make("path", {stroke: GRAY, "stroke-opacity": 0.5}), blue = make("path", {stroke: BLUE, "stroke-width": 2});
  svg.append(gray, blue);
  const write = (y, words, weight) => svg.appendChild(make("text", {y, "font-weight": weight}, words));
  const titles = names.map(name => write(12, name, 600)), prices = groups.map(() => write(TOP + channels * ROW + 14, "", 400));
  const boxes = names.map((_, map) => Array.from({length: channels}, (_, channel) => {
    const box = svg.appendChild(make("rect", {width: 30, height: ROW - 8, rx: 4, stroke: GRAY}));
    box.addEventListener("pointerdown", event => {
      event.preventDefault();  // from here on the arrow keys move on
      place.input.focus({preventScroll: true});
      choose(map, channel);
    });
    return box;
  }));
  const draw = () => {
    const wide = between(280, svg.clientWidth || 600, 680), found = cone(), lines = {true: "", false: ""};
    const X = map => 42 + map * (wide - 84) / last, Y = channel => TOP + (channel + 0.5) * ROW;
    set(svg, {viewBox: `0 0 ${wide} ${TOP + channels * ROW + 20}`});
    for (let layer = 1; layer <= last; layer++)
      for (let from = 0; from < channels; from++)
        for (let to = 0; to < channels; to++)
          if (reads(layer, from, to)) {
            const inside = layer <= state.map && found[layer][to];
            lines[inside] += `M${X(layer - 1) + 15},${Y(from)}L${X(layer) - 15},${Y(to)}`;
          }
    set(gray, {d: lines.false});
    set(blue, {d: lines.true});
    titles.forEach((title, map) => set(title, {x: X(map)}));
    prices.forEach((price, i) => {
      set(price, {x: X(i + 0.5)});
      price.textContent = say`${counted(weights(groups[i]))} weights`;
    });
    boxes.forEach((column, map) => column.forEach((box, channel) => {
      const chosen = map === state.map && channel === state.channel, inside = map <= state.map && found[map][channel];
      set(box, {x: X(map) - 15, y: Y(channel) - ROW / 2 + 4, fill: chosen ? ORANGE : inside ? BLUE : "transparent"});
    }));
    const where = say`${state.channel + 1} of ${names[state.map]}`, count = found[0].filter(Boolean).length;
    const seen = found.slice(0, -1).map((map, i) => say`${map.filter(Boolean).length} channels of ${names[i]}`).reverse();
    said.textContent = say`Channel ${where} depends on ${seen.reduce((all, one) => say`${all}, on ${one}`)}: ${count < channels
      ? say`it never sees ${channels - count} of ${names[0]}.` : say`it sees all of ${names[0]}.`}`;
    const total = groups.reduce((sum, one) => sum + weights(one), 0), share = Math.round(100 * total / (weights(1) * last));
    cost.textContent = say`Each of the ${channels} kernels of a convolution reads ${channels} / groups channels, ${kernel} × ${kernel
      } values of each. Together ${counted(total)} weights, ${share} % of what they are with one group.`;
    sliders.forEach((slider, i) => slider.tell(CHOICES.indexOf(groups[i]), String(groups[i])));
    place.tell((state.map - 1) * channels + state.channel, where);
  };
  draw();
  let width = root.clientWidth;
  new ResizeObserver(() => width === root.clientWidth || (width = root.clientWidth, draw())).observe(root);
}
