// The atlas: every network of the lineage to one scale, from all of them down to a single layer.
// A bar's area says how many parameters something has, its color how many multiply-adds it does for one image.
// data: nets (label, image, params, macs, depth, unused params, layers, year, top-5 accuracy), and specs of layers
(root, data, say) => {
  "use strict";
  const STOPS = [[0, 247, 236, 217], [0.42, 230, 159, 0], [0.7, 213, 94, 0], [1, 122, 42, 0]];  // YELLOW and ORANGE inside
  const SKY = "#56B4E9", ORANGE = "#D55E00", GLASS = 'fill="currentColor" fill-opacity=".12"';
  const OPENED = ["features", "classifier", "body", "branches"];  // their parts are shown in their place
  const KINDS = {
    Conv2d: say`convolution`, Linear: say`fully connected layer`, MaxPool2d: say`max pooling`, AvgPool2d: say`average pooling`,
    AdaptiveAvgPool2d: say`average pooling`, mean: say`average`, BatchNorm2d: say`batch normalization`, cat: say`concatenation`,
    add: say`addition`, unused: say`parameters that only training uses`,
  };
  const STYLE = `
    & { font: 14px/1.45 system-ui, sans-serif; color: inherit; text-align: left; container-type: inline-size; margin: 8px 0; }
    & * { box-sizing: border-box; } & p, & dl, & dd, & dt { margin: 0; padding: 0; font-size: 14px; float: none; width: auto; }
    & button { font: inherit; color: inherit; background: none; border: 0; margin: 0; padding: 0 4px; min-height: 26px;
      text-align: left; cursor: pointer; border-radius: 3px; box-shadow: none; text-transform: none; letter-spacing: 0; }
    & button:focus-visible, & select:focus-visible { outline: 2px solid currentColor; outline-offset: -1px; }
    & button:disabled { opacity: .6; cursor: default; }
    & nav, & .key { display: flex; flex-wrap: wrap; align-items: center; gap: 0 2px; }
    & nav button:not(:disabled) { text-decoration: underline; text-underline-offset: 3px; }
    & nav .step { margin-left: auto; display: flex; }
    & nav .step button { text-decoration: none !important; min-width: 28px; text-align: center; }
    & .title { font-size: 20px; font-weight: 650; margin-right: 10px; } & .key { gap: 4px 14px; margin: 8px 0; }
    & select { font: inherit; color: inherit; background: transparent; border: 1px solid; border-radius: 4px; padding: 2px 4px; }
    & option { color: #111; background: #fff; } & .ramp { position: relative; width: min(290px, 94cqw); height: 29px; font-size: 11px; }
    & .ramp i { position: absolute; inset: 0 0 auto; height: 12px; border-radius: 2px; }
    & .ramp span { position: absolute; top: 12px; transform: translateX(-50%); white-space: nowrap; }
    & .entry, & .top { display: grid; grid-template-columns: 225px minmax(0, 1fr) 76px 92px; gap: 0 8px; align-items: center;
      width: 100%; padding: 1px 4px; }
    & .top { font-size: 12px; opacity: .8; align-items: end; } & .top :first-child { grid-column: 1 / 3; }
    & .entry:hover, & .entry:focus { background: rgba(128, 128, 128, .18); }
    & .num { text-align: right; font-variant-numeric: tabular-nums; } & .chip { border-radius: 3px; padding: 0 7px; line-height: 20px; }
    & .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    & small, & .year, & dt { opacity: .75; font-weight: normal; } & small { font-size: 12px; margin-left: 5px; }
    & .year { display: inline-block; width: 2.9em; }
    & .rows.long { max-height: min(500px, 78vh); overflow: hidden auto; }
    & .track, & .bar, & .seg { height: 20px; transform-origin: 0 0; overflow: hidden; } & .track { overflow: visible; }
    & .bar { display: flex; min-width: 2px; border-radius: 2px; } & .bar.none { border-left: 2px dotted; opacity: .6; }
    & .seg { flex: 0 1 0; min-width: 0; font-size: 11px; line-height: 20px; display: flex; flex-wrap: wrap;
      box-shadow: inset -1px 0 rgba(255, 255, 255, .6); }
    & .seg::before { content: ""; height: 20px; } & .seg span { padding: 0 4px; white-space: nowrap; }
    & .said { min-height: 4.4em; margin-top: 8px; }
    & .layer { outline: none; display: flex; flex-wrap: wrap; gap: 14px 36px; margin: 10px 0; }
    & .layer div { text-align: center; font-size: 12px; }
    & .layer svg { display: block; margin: 0 auto 4px; max-width: 100%; height: auto; }
    & dl { display: grid; grid-template-columns: auto auto; gap: 2px 14px; align-self: start; }
    @container (max-width: 620px) {
      & .entry, & .top { grid-template-columns: minmax(0, 1fr) 62px 84px; }
      & .top :first-child { grid-column: 1; }
      & .track { grid-column: 1 / -1; grid-row: 2; margin: 2px 0 3px; }
      & .title { font-size: 17px; }
    }`;
  const exact = number => number.toLocaleString("en-US");
  const short = number => {
    const [size, letter] = [[1e9, " G"], [1e6, " M"], [1e3, " k"]].find(([size]) => number >= 0.9995 * size) || [1, ""];
    return Number((number / size).toPrecision(3)) + letter;
  };
  const percent = share => share && share < 0.0005 ? say`less than 0.1 %` : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
  const times = shape => [].concat(shape).join(" × ");
  const pair = value => Array.isArray(value) ? value : [value, value];

  // --- the tree -----------------------------------------------------------------------------------------------------
  const plant = ([name, size, params, macs, depth, unused, layers, year, top5]) => {
    const net = {name, kids: []}, places = new Map();
    const put = (path, leaf) => {
      let at = net;
      path.split(".").forEach((part, i, parts) => {
        const key = parts.slice(0, i + 1).join(".");
        if (!places.has(key)) at.kids.push(places.set(key, {name: part, kids: []}).get(key));
        at = places.get(key);
      });
      Object.assign(at, leaf);
    };
    let path = "";
    for (const [same, rest, line, field] of layers) {
      const [kind, params, macs, from, to, kernel, stride, padding, groups] = data.specs[line];
      put(path = path.slice(0, same) + rest, {kind, params, macs, from, to, kernel, stride, padding, groups, field});
    }
    if (unused) put(say`not used`, {kind: "unused", params: unused, macs: 0});
    return Object.assign(settle(net, true), {year, top5, size, params, macs, depth});
  };
  const settle = (node, top) => {
    if (node.kind) return Object.assign(node, {name: /^\d*$/.test(node.name) ? words(node) : node.name});
    node.kids = node.kids.flatMap(kid => [settle(kid)].flatMap(
      done => OPENED.includes(kid.name) && done.kids.length > 1 ? done.kids : [done]));
    const [only, ...others] = node.kids;
    if (!others.length && !top) return Object.assign(only, {name: /^\d*$/.test(node.name) ? only.name : node.name});
    const convolutions = node.kids.filter(kid => kid.kind === "Conv2d");
    if (/^\d*$/.test(node.name) && convolutions.length === 1) node.name = words(convolutions[0]);
    for (const kid of node.kids) kid.parent = node;
    const sum = key => node.kids.reduce((total, kid) => total + kid[key], 0);
    return Object.assign(node, {params: sum("params"), macs: sum("macs"), to: (node.kids.filter(kid => kid.to).pop() || {}).to});
  };
  const words = leaf => {
    const window = leaf.kernel && leaf.kind !== "AdaptiveAvgPool2d" ? times(pair(leaf.kernel)) + " " : "";
    const depthwise = leaf.groups > 1 && leaf.from && leaf.groups === leaf.from[0] ? `${say`depthwise`} ` : "";
    const global = /^(Adaptive|mean)/.test(leaf.kind) && (leaf.to[1] || 1) === 1 ? `${say`global`} ` : "";
    return window + depthwise + global + (KINDS[leaf.kind] || leaf.kind);
  };
  const all = {name: say`All networks`, kids: data.nets.map(plant)};
  for (const net of all.kids) net.parent = all;
  const leaves = node => node.kids.length ? node.kids.flatMap(leaves) : [node];
  const ancestors = node => node.parent ? [...ancestors(node.parent), node] : [node];
  const most = Math.max(1, ...all.kids.map(net => net.macs));
  const busiest = Math.max(2, ...leaves(all).map(leaf => leaf.params ? leaf.macs / leaf.params : 0));

  // --- colors -------------------------------------------------------------------------------------------------------
  const SCALES = {
    macs: {words: say`multiply-adds`, head: say`multiply-adds`, value: node => short(node.macs),
      place: node => Math.cbrt(node.macs / most),
      ticks: [0, 1e3, 1e5, 1e6, 1e7, 1e8, 1e9, 5e9, 1.5e10].map(n => [Math.cbrt(n / most), short(n)])},
    uses: {words: say`multiply-adds per parameter`, head: say`… per parameter`,
      value: node => node.params ? short(node.macs / node.params) : "–",
      place: node => node.params ? Math.log(Math.max(1, node.macs / node.params)) / Math.log(busiest) : 0,
      ticks: [1, 10, 100, 1e3, 1e4].map(n => [Math.log(n) / Math.log(busiest), exact(n)])},
  };
  let scale = SCALES.macs;
  const color = place => {
    const i = STOPS.findIndex(([end]) => place <= end + 1e-9), [a, b] = [STOPS[Math.max(0, i - 1)], STOPS[i]];
    const part = (place - a[0]) / (b[0] - a[0] || 1);
    return `rgb(${a.slice(1).map((value, c) => Math.round(value + part * (b[c + 1] - value))).join(",")})`;
  };

  // --- what is said -------------------------------------------------------------------------------------------------
  const about = node => {
    const net = ancestors(node)[1];
    const share = key => node !== net && net[key] ? ` ${say`(${percent(node[key] / net[key])} of ${net.name})`}` : "";
    const costs = say`${exact(node.params)} parameters${share("params")}, ${exact(node.macs)} multiply-adds${share("macs")}.`;
    if (node.kind) return `${node.name}: ${node.name === words(node) ? "" : words(node) + ", "}${costs} ${uses(node)}`;
    const big = node.kids.reduce((a, b) => b.params > a.params ? b : a), rate = Number((node.macs / node.params).toPrecision(3));
    const [area, work] = node.params ? [big.params / node.params, big.macs / (node.macs || 1)] : [0, 0];
    const part = area > 0.25 && Math.abs(area - work) > 0.05
      && say`Its largest part, ${big.name}, has ${percent(area)} of them and does ${percent(work)} of the multiply-adds.`;
    const right = node.top5 && say`Top-5 accuracy: ${node.top5.toFixed(1)} % (published weights, one crop).`;
    const often = rate === 1 ? say`Each parameter is used about once per image.`
      : rate && say`Each parameter is used about ${exact(rate)} times per image.`;
    return [`${node.name}: ${costs}`, often, part, right].filter(Boolean).join(" ");
  };
  const weights = leaf => leaf.kind === "Conv2d"
    ? leaf.to[0] * leaf.from[0] / leaf.groups * pair(leaf.kernel)[0] * pair(leaf.kernel)[1]
    : leaf.kind === "Linear" ? leaf.to[0] * leaf.from[0] : 0;
  const uses = leaf => {
    const [, ...places] = leaf.to || [], used = places.reduce((a, b) => a * b, 1);
    const nothing = leaf.params ? "" : say`There is nothing to learn here.`, each = exact(weights(leaf)), at = times(places);
    if (!leaf.from || !weights(leaf) || weights(leaf) * used !== leaf.macs) return nothing;
    return places.length ? say`Each of its ${each} weights is used ${at} = ${exact(used)} times, at every place of the feature map.`
      : say`Each of its ${each} weights is used once.`;
  };
  const facts = leaf => [
    [say`input`, leaf.from && times(leaf.from)], [say`output`, leaf.to && times(leaf.to)],
    [say`kernel`, leaf.kernel && times(pair(leaf.kernel))], [say`stride`, leaf.stride && [...new Set(pair(leaf.stride))].join(" × ")],
    [say`padding`, leaf.kernel && [...new Set(pair(leaf.padding))].join(" × ")], [say`groups`, leaf.groups > 1 && leaf.groups],
    [say`parameters`, exact(leaf.params)], [say`multiply-adds`, exact(leaf.macs)],
    [say`receptive field`, leaf.to && (leaf.field ? say`${exact(leaf.field)} pixels` : say`the whole image`)],
  ].filter(([, value]) => value || value === 0);

  // --- the page -----------------------------------------------------------------------------------------------------
  const make = (tag, options = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), options);
    made.append(...inside);
    return made;
  };
  const trail = make("nav", {ariaLabel: say`Where you are in the atlas`}), head = make("p");
  const rows = make("div", {className: "rows", role: "group"}), said = make("p", {className: "said"});
  const choice = make("select", {}, ...Object.entries(SCALES).map(([value, {words}]) => make("option", {value}, words)));
  const ramp = make("div", {className: "ramp"}), top = make("div", {className: "top"});
  said.setAttribute("aria-live", "polite");
  const key = make("div", {className: "key"}, make("span", {}, say`Area: parameters`), make("label", {}, `${say`Color`}: `, choice), ramp);
  root.append(make("style", {textContent: STYLE.replace(/&/g, '[data-live="atlas"]')}), trail, head, key, top, rows, said);
  let at = all;  // what is open
  const seen = new Map();  // node -> the part of it that was in focus last
  const paint = node => `background:${color(scale.place(node))};color:${scale.place(node) > 0.74 ? "#fff" : "#111"}`;
  const bar = (node, widest) => {
    const parts = node.kids.filter(kid => kid.params), style = `width:${100 * node.params / widest}%`;
    return make("div", {className: node.params ? "bar" : "bar none", style, node},
      ...(parts.length ? parts : node.params ? [node] : []).map(kid => make("div",
        {className: "seg", node: kid, style: `flex-grow:${kid.params / node.params};${paint(kid)}`},
        make("span", {}, kid === node ? "" : kid.name))));
  };
  const row = (node, widest, year) => {
    const name = make("span", {className: "name", title: node.name}, node.name);
    if (at === all) name.prepend(make("span", {className: "year"}, year));
    else if (!node.kind) name.append(make("small", {}, times(node.to || [])));
    else if (node.name !== words(node)) name.append(make("small", {}, words(node)));
    const ariaLabel = say`${node.name}, ${short(node.params)} parameters, ${scale.value(node)} ${scale.words}`;
    return make("button", {className: "entry", type: "button", tabIndex: -1, node, ariaLabel}, name,
      make("div", {className: "track"}, bar(node, widest)), make("span", {className: "num"}, short(node.params)),
      make("span", {className: "num chip", style: paint(node)}, scale.value(node)));
  };
  const picture = leaf => {
    const size = ancestors(leaf)[1].size, sees = Math.min(1, (leaf.field || 1e9) / size[2]) * 130;
    const rect = (x, y, w, h, more) => `<rect x="${x}" y="${y}" width="${w}" height="${h}" ${more}/>`;
    const svg = (w, h, inside) => `<svg width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" aria-hidden="true" fill="none"
      stroke="currentColor">${inside}</svg>`;
    const image = svg(132, 152, rect(1, 21, 130, 130, GLASS)
      + rect(66 - sees / 2, 86 - sees / 2, sees, sees, `stroke="${ORANGE}" stroke-width="2" fill="${ORANGE}" fill-opacity=".3"`));
    const box = (shape, x) => {  // a feature map as a block: as high as the map, deeper with more channels
      const [channels, height = 1] = shape, side = 8 + 110 * Math.sqrt(height / size[1]), deep = 2 + 4 * Math.log2(channels);
      const y = 150 - side, up = `l${deep} ${-deep / 2}`, lid = `M${x} ${y}${up}h${side}v${side}l${-deep} ${deep / 2}M${x + side} ${y}${up}`;
      return {x, y, side, unit: side / height, drawn: rect(x, y, side, side, GLASS) + `<path d="${lid}"/>`};
    };
    let blocks = "";
    if (leaf.from && leaf.to) {
      const a = box(leaf.from, 2), b = box(leaf.to, 220), whole = /^(Linear|Adaptive|mean)/.test(leaf.kind);
      const k = whole ? a.side : Math.max(7, Math.min(a.side, pair(leaf.kernel || 1)[0] * a.unit));
      const u = Math.min(b.side, Math.max(6, b.unit));
      const [ax, ay, bx, by] = [[a, k], [b, u]].flatMap(([box, side]) => [box.x + (box.side - side) / 2, box.y + (box.side - side) / 2]);
      const lines = `<path stroke="${ORANGE}" d="M${ax + k} ${ay}L${bx} ${by}M${ax + k} ${ay + k}L${bx} ${by + u}"/>`;
      blocks = svg(390, 152, a.drawn + b.drawn + lines + rect(ax, ay, k, k, `fill="${ORANGE}"`) + rect(bx, by, u, u, `fill="${SKY}"`));
    }
    const card = make("div", {className: "layer", tabIndex: -1}, make("dl", {}, ...facts(leaf).flatMap(
      ([term, value]) => [make("dt", {}, term), make("dd", {}, String(value))])));
    if (blocks) card.append(make("div", {innerHTML: blocks}, say`one output value (blue) and the inputs it is made of (orange)`));
    if (leaf.to) card.append(make("div", {innerHTML: image}, say`what it sees of the ${times(size.slice(1))} image`));
    return card;
  };
  const glide = shapes => {  // what was on the screen before (node -> rectangle) moves from there to its new place
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const moved = [...rows.querySelectorAll(".seg, .bar")].filter(shape => shapes.has(shape.node));
    for (const [shape, to] of moved.map(shape => [shape, shape.getBoundingClientRect()])) {
      const from = shapes.get(shape.node);
      if (!from.width || !to.width) continue;
      const move = `translate(${from.left - to.left}px,${from.top - to.top}px) scale(${from.width / to.width},${from.height / to.height})`;
      shape.animate([{transform: move}, {transform: "none"}], {duration: 420, easing: "cubic-bezier(.2,.7,.2,1)"});
    }
  };
  const pick = (button, focus) => {  // one row at a time can be reached by Tab; arrow keys move between rows
    for (const other of rows.children) other.tabIndex = -1;
    button.tabIndex = 0;
    seen.set(at, button.node);
    if (focus) button.focus();
  };
  const crumb = (node, name, disabled, ariaLabel = name) =>
    make("button", {type: "button", disabled, ariaLabel, onclick: () => go(node)}, name);
  const next = step => at.parent && at.parent.kids[at.parent.kids.indexOf(at) + step];
  const draw = () => {
    const path = ancestors(at);
    trail.replaceChildren(...path.flatMap((node, i) => [i ? "›" : "", crumb(node, node.name, node === at)]));
    if (at.parent) trail.append(make("span", {className: "step"}, ...[[-1, "◂"], [1, "▸"]].map(([step, sign]) =>
      crumb(next(step), sign, !next(step), next(step) ? `${step < 0 ? say`Previous` : say`Next`}: ${next(step).name}` : say`none`))));
    const net = path[1], costs = net && [say`${exact(at.params)} parameters`, say`${exact(at.macs)} multiply-adds`];
    const more = at === all ? [say`All networks to one scale. Click a network or a block to look inside.`] : at.kind ? [words(at)]
      : [...costs, ...(at === net ? [say`image ${times(at.size)}`, say`${at.depth} layers deep`] : at.to ? [say`output ${times(at.to)}`] : [])];
    const title = at === all ? say`What does a network spend, and where?` : at.name;
    head.replaceChildren(make("span", {className: "title"}, title), more.join(" · "));
    const gradient = `background:linear-gradient(90deg,${STOPS.map(([end]) => `${color(end)} ${100 * end}%`).join()})`;
    ramp.replaceChildren(make("i", {style: gradient}), ...scale.ticks.filter(
      ([place], i) => place <= 1 && (!i || place > 0.15)).map(([place, text]) => make("span", {style: `left:${100 * place}%`}, text)));
    top.style.display = key.style.display = at.kind ? "none" : "";
    rows.className = at.kids.length > 20 ? "rows long" : "rows";
    top.replaceChildren(make("span", {}, at === all ? say`network` : say`${at.kids.length} parts, in execution order`),
      ...[say`parameters`, scale.head].map(words => make("span", {className: "num"}, words)));
    rows.ariaLabel = say`Parts of ${at.name}`;
    const widest = Math.max(1, ...at.kids.map(kid => kid.params));
    rows.replaceChildren(...at.kind ? [picture(at)] : at.kids.map((kid, i) =>
      row(kid, widest, i && at.kids[i - 1].year === kid.year ? "" : kid.year || "–")));
  };
  const go = (node, child) => {
    if (!node) return;
    const shapes = new Map([...rows.querySelectorAll(".seg, .bar")].map(shape => [shape.node, shape.getBoundingClientRect()]));
    if (child) seen.set(node, child);
    [at, child] = [node, node.kids.includes(at) ? at : ancestors(at).find(n => node.kids.includes(n)) || child];
    draw();
    const wanted = child || seen.get(at), target = [...rows.children].find(button => button.node === wanted) || rows.firstChild;
    if (at.kind) rows.firstChild.focus();
    else pick(target, true);
    said.textContent = about(at.kind ? at : target.node);
    glide(shapes);
  };
  rows.addEventListener("click", event => {
    const button = event.target.closest(".entry"), part = event.target.closest(".seg");
    if (button) go(button.node, part && part.node !== button.node ? part.node : null);
  });
  const tell = event => {
    const button = event.target.closest(".entry"), part = event.type === "mouseover" && event.target.closest(".seg");
    if (button && event.type === "focusin") pick(button);
    if (button) said.textContent = about(part ? part.node : button.node);
  };
  for (const kind of ["focusin", "mouseover"]) rows.addEventListener(kind, tell);
  choice.addEventListener("change", () => {
    scale = SCALES[choice.value];
    draw();
    if (!at.kind) pick([...rows.children].find(button => button.node === seen.get(at)) || rows.firstChild);
  });
  root.addEventListener("keydown", event => {
    if (event.target === choice || event.ctrlKey || event.metaKey || event.altKey) return;
    const list = [...rows.children], now = list.findIndex(button => button.tabIndex === 0), last = list.length - 1;
    const goes = {ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: last}[event.key], step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (event.key === "Escape" || event.key === "Backspace") go(at.parent);
    else if (step || (at.kind && /^Arrow(Up|Down)$/.test(event.key))) go(next(step || (event.key === "ArrowUp" ? -1 : 1)));
    else if (goes !== undefined && !at.kind) pick(list[Math.min(last, Math.max(0, goes))], true);
    else return;
    event.preventDefault();
  });
  draw();
  pick(rows.children[Math.max(0, all.kids.findIndex(net => net.name === "VGG-16"))]);
  said.textContent = about(seen.get(all));
}
