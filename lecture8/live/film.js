// A film: panels that change together, frame by frame; a line leaves its earlier frames behind as fading traces.
// data.frames: [{name, words, at}], at: the frame's place in panels that grow (else its number); data.label: "epoch", …
// data.panels, each with a title and a share of the width:
// {kind: "lines", x, across, up, series: [{name, values, color}], log, low, high, unit}: values over the places x, for each
//   frame a row, or one row for all that grows up to the frame's place; with log the values are logarithms to the base 10
// {kind: "tiles", shape: [tiles, rows, columns], values, beside, zero, most, captions}: 0 to 255 for every frame, tile, row
//   and column, in lists or as bytes in base64; beside: tiles side by side; zero is black; most: the value of 255
(root, data, say) => {
  "use strict";
  const ORANGE = "#D55E00", BLUE = "#0072B2", PINK = "#CC79A7", SKY = "#56B4E9", GRAY = "#767676";
  const COLORS = [ORANGE, BLUE, PINK, SKY, GRAY], {frames} = data, last = frames.length - 1, SPEEDS = [0.5, 1, 2, 4];
  const HOLD = Math.max(250, Math.min(900, 9000 / frames.length)), PAUSE = 2200;  // ms of a frame, and of the last one

  // --- small tools ---
  const set = (part, attributes) => Object.entries(attributes).forEach(([key, value]) => part.setAttribute(key, value));
  const DRAWN = ["svg", "text", "tspan", "path", "circle"];
  const make = (tag, attributes = {}, ...inside) => {
    const made = document.createElementNS(`http://www.w3.org/${DRAWN.includes(tag) ? "2000/svg" : "1999/xhtml"}`, tag);
    set(made, attributes);
    return made.append(...inside), made;
  };
  const between = (least, value, most) => Math.max(least, Math.min(value, most));
  const power = exponent => `10${[...String(exponent)].map(sign => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("")}`;
  const short = value => {  // three digits
    const [digits, exponent] = value.toExponential(2).split("e").map(Number), far = value && (exponent < -4 || exponent > 5);
    return (far ? `${digits} · ${power(exponent)}` : String(Number(value.toPrecision(3)))).replace("-", "−");
  };
  const ticks = (low, high, count) => {
    const rough = (high - low) / count, ten = 10 ** Math.floor(Math.log10(rough));
    const step = ten * [1, 2, 5, 10].find(times => times * ten >= rough * 0.999), first = Math.ceil(low / step - 1e-9);
    return Array.from({length: Math.floor(high / step + 1e-9) - first + 1}, (_, i) => Number(((first + i) * step).toFixed(9)));
  };
  const nearest = (places, to) => places.reduce((best, one, i) => Math.abs(one - to) < Math.abs(places[best] - to) ? i : best, 0);
  const range = (kind, name, max, act) => {
    const input = make("input", {type: "range", min: 0, max, "aria-label": name}), output = make("output");
    input.addEventListener("input", () => act(Number(input.value)));
    const tell = (value, words) => Object.assign(input, {value}).ariaValueText = output.textContent = words;
    return {input, tell, label: make("label", {class: kind}, name, input, output)};
  };

  // --- the parts of the page ---
  const CSS = `
    & { container-type: inline-size; width: 100%; padding: 4px; box-sizing: border-box; font-size: min(1em, 18px);
      line-height: 1.4; color: inherit; text-align: left; }
    & .tools, & .panels { display: flex; flex-wrap: wrap; align-items: center; gap: .5em 1.2em; }
    & .panels { align-items: flex-start; gap: 1em 1.6em; } & .panel { min-width: 0; flex-basis: 270px; }
    & .words { display: grid; margin: .5em 0 .8em; } & .ghost { visibility: hidden; }
    & .words > p { grid-area: 1 / 1; margin: 0; font-size: 1em; font-weight: 600; }
    & .head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1em; margin: 0 0 .25em; line-height: 1.3; }
    & .head span, & .key, & .place { font-size: .88em; } & output, & text, & .head { font-variant-numeric: tabular-nums; }
    & svg { display: block; width: 100%; overflow: visible; touch-action: pan-y; cursor: crosshair; }
    & text { fill: currentColor; font-size: 13px; pointer-events: none; } & circle { pointer-events: none; stroke: #fff; }
    & path { fill: none; stroke: currentColor; stroke-linecap: round; stroke-linejoin: round; pointer-events: none; }
    & canvas { display: block; width: 100%; background: ${GRAY}; border-radius: 2px; }
    & .key { display: flex; align-items: center; gap: .4em; margin: .35em 0 0; }
    & .key i { width: 4.5em; height: .8em; border: 1px solid ${GRAY}; background: linear-gradient(90deg, #000 8%, #3c3c3c 8%, #fff); }
    & button { font: inherit; font-weight: 600; min-width: 6em; color: #fff; background: ${BLUE}; border: 1px solid ${BLUE};
      border-radius: .35em; padding: .2em .7em; margin: 0; cursor: pointer; }
    & :focus-visible { outline: 3px solid ${SKY}; outline-offset: 1px; } & output { min-width: 2.6em; }
    & label { display: flex; align-items: center; gap: .5em; margin: 0; white-space: nowrap; }
    & input { accent-color: ${BLUE}; cursor: pointer; margin: 0; width: 8em; } & .speed input { width: 4.5em; }
    & .time { flex: 1 1 15em; } & .time input { flex: 1; min-width: 5em; } & .time output { min-width: 5em; font-weight: 600; }
    & .place { flex-wrap: wrap; gap: 0 .5em; } @container (max-width: 480px) { & .time { order: 1; flex-basis: 100%; } }`;
  const [longest] = frames.map(({words}) => say(words)).sort((a, b) => b.length - a.length);  // keeps its room
  const play = make("button", {type: "button"}, say`▶ play`), said = make("p", {"aria-live": "polite"});
  const row = make("div", {class: "tools"}, play), stage = make("div", {class: "panels"});
  root.append(make("style", {}, CSS.replaceAll("&", "[data-live=film]")), row,
    make("div", {class: "words"}, said, make("p", {class: "ghost", "aria-hidden": "true"}, longest)), stage);
  const film = {frame: last, before: last, since: 0, mix: 1, playing: false, speed: 1};  // mix: how far the change is
  const at = frame => frames[frame].at ?? frame;

  // --- a panel of lines ---
  const lines = panel => {
    const {x, log, unit = ""} = panel, end = x[x.length - 1], grows = !Array.isArray(panel.series[0].values[0]);
    const series = panel.series.map((one, i) => ({color: COLORS[i % COLORS.length], ...one, name: say(one.name)}));
    const all = series.flatMap(one => one.values).flat().filter(Number.isFinite), spare = 0.05 * (Math.max(...all) - Math.min(...all));
    const low = panel.low ?? Math.min(...all) - spare, high = panel.high ?? Math.max(...all) + spare;
    const svg = make("svg", {role: "img", "aria-label": say`${say(panel.title)}. Across: ${say(panel.across)}. Up: ${say(panel.up)}`});
    const values = ({values}, frame) => grows ? values.map((value, i) => x[i] <= at(frame) + 1e-9 ? value : NaN) : values[frame];
    const read = value => Number.isFinite(value) ? short(log ? 10 ** value : value) + unit : "–";
    const add = (tag, attributes, ...inside) => svg.appendChild(make(tag, attributes, ...inside));
    let X, Y, wide, bottom, drawn, cursor, first, place = 0;
    const path = row => row.map((value, i) => !Number.isFinite(value) ? "" :
      `${i && Number.isFinite(row[i - 1]) ? "L" : "M"}${X(x[i]).toFixed(1)},${Y(value).toFixed(1)}`).join("");
    const layout = () => {
      wide = Math.max(200, svg.clientWidth || 600);
      bottom = Math.round(between(150, wide * 0.46, wide > 800 ? 190 : 270));
      const up = ticks(low, high, bottom / 26).filter(one => !log || Number.isInteger(one));
      const upward = up.map(one => log && Math.abs(one) > 4 ? power(one) : short(log ? 10 ** one : one));
      const left = 30 + 7.6 * Math.max(...upward.map(text => text.length));
      const right = wide - Math.min(0.4 * wide, 26 + 8.2 * Math.max(...series.map(({name}) => name.length)));
      const near = (end - x[0]) * 24 / (right - left), inner = ticks(x[0], end, Math.min(10, (right - left) / 36));
      const across = [x[0], ...inner.filter(one => one - x[0] > near && end - one > near), end];
      X = value => left + (value - x[0]) / (end - x[0] || 1) * (right - left);
      Y = value => bottom - (value - low) / (high - low || 1) * (bottom - 8);
      set(svg, {viewBox: `0 0 ${wide} ${bottom + 40}`, height: bottom + 40});
      svg.replaceChildren();
      add("path", {d: up.map(one => `M${left},${Y(one)}H${right}`).join(""), "stroke-opacity": 0.16});
      add("path", {d: across.map(one => `M${X(one)},${bottom}v5`).join("") + `M${left},${bottom}H${right}`, "stroke-opacity": 0.7});
      up.forEach((one, i) => add("text", {x: left - 7, y: Y(one) + 4, "text-anchor": "end"}, upward[i]));
      for (const one of across) add("text", {x: X(one), y: bottom + 19, "text-anchor": "middle"}, short(one));
      add("text", {x: (left + right) / 2, y: bottom + 37, "text-anchor": "middle"}, say(panel.across));
      add("text", {x: -(8 + bottom) / 2, y: 12, "text-anchor": "middle", transform: "rotate(-90)"}, say(panel.up));
      cursor = add("path", {"stroke-opacity": 0.6, "stroke-dasharray": "3 3"});
      const traces = series.map(({color, values}) => grows ? [] :
        values.map(row => add("path", {d: path(row), style: `stroke: ${color}`, "stroke-width": 1.3})));
      first = grows ? add("text") : add("text", {x: left + 8, y: Y(series[0].values[0][0]) - 4, opacity: 0.75}, say(frames[0].name));
      drawn = series.map(({color, name}, i) => {
        const line = add("path", {style: `stroke: ${color}`, "stroke-width": 2.8}), number = make("tspan", {dy: 15});
        const dot = add("circle", {r: 4.5, fill: color}), title = make("tspan", {"font-weight": 600}, name);
        const label = make("text", {}, make("tspan", {fill: color}, "● "), title, number);
        return {...series[i], traces: traces[i], line, dot, number, label};
      });
      svg.append(...drawn.map(one => one.label));
    };
    const paint = (from, to, mix) => {
      const ends = drawn.map(one => {
        const past = values(one, from), now = values(one, to);
        const row = grows || mix === 1 ? now :
          now.map((value, i) => Number.isFinite(past[i]) ? past[i] + mix * (value - past[i]) : value);
        const edge = row.reduce((found, value, i) => Number.isFinite(value) ? i : found, -1), spot = grows ? edge : place;
        one.traces.forEach((trace, frame) => set(trace, {"stroke-opacity": frame >= to ? 0 :
          Math.max(frame ? last < 16 ? 0.12 : 0 : 0.3, 0.5 * 0.68 ** (to - frame - 1)).toFixed(3)}));
        set(one.line, {d: path(row)});
        one.dot.style.display = Number.isFinite(row[spot]) ? "" : "none";
        one.label.style.display = edge < 0 ? "none" : "";
        if (!one.dot.style.display) set(one.dot, {cx: X(x[spot]), cy: Y(row[spot])});
        one.number.textContent = grows ? read(row[edge]) : "";
        return {one, x: X(x[Math.max(0, edge)]) + 9, y: edge < 0 ? NaN : Y(row[edge]) - (grows ? 3 : 0)};
      }).filter(({y}) => Number.isFinite(y)).sort((a, b) => a.y - b.y);
      const room = grows ? 32 : 17, most = bottom - (grows ? 22 : 4);
      ends.forEach((end, i) => { end.y = Math.max(end.y, 12, i ? ends[i - 1].y + room : 0); });  // names lie not on each other
      ends.reverse().forEach((end, i) => { end.y = Math.min(end.y, most, i ? ends[i - 1].y - room : most); });
      for (const {one, x, y} of ends) { set(one.label, {x, y: y + 4.5}); set(one.number, {x: x + 15}); }
      set(first, {visibility: to ? "visible" : "hidden"});
      set(cursor, {d: `M${X(grows ? between(x[0], at(to), end) : x[place])},8V${bottom}`});
    };
    const report = one => `${one.name} ${read(values(one, film.frame)[place])}`;
    const tell = () => slider.tell(place, `${x[place]}: ${series.map(report).join(", ")}`);
    const choose = value => { place = value; paint(film.before, film.frame, film.mix); tell(); };
    const slider = range("place", say(panel.across).split(/ ?\(/)[0], x.length - 1, choose);
    const point = event => {
      const box = svg.getBoundingClientRect(), spot = (event.clientX - box.left) / box.width * wide;
      if (!grows) choose(nearest(x.map(X), spot));
      else if (event.buttons) stop(nearest(frames.map((_, frame) => X(at(frame))), spot));
    };
    for (const type of ["pointerdown", "pointermove"]) svg.addEventListener(type, point);
    return {parts: grows ? [svg] : [svg, slider.label], layout, paint, tell};
  };

  // --- a panel of tiles ---
  const tiles = panel => {
    let side, tall, gap;  // of a tile, in pixels
    const [count, high, wide] = panel.shape, length = count * high * wide, {zero = 0, beside = Math.ceil(Math.sqrt(2 * count))} = panel;
    const bytes = Array.isArray(panel.values) ? panel.values.flat(3) : Uint8Array.from(atob(panel.values), sign => sign.charCodeAt(0));
    const canvas = make("canvas", {role: "img", "aria-label": say`${say(panel.title)}: ${count} tiles of ${high} × ${wide} values`});
    const small = make("canvas", {width: wide, height: high * count}), pen = canvas.getContext("2d"), brush = small.getContext("2d");
    const picture = brush.createImageData(wide, high * count), gray = new Uint32Array(picture.data.buffer);
    const layout = () => {
      side = Math.max(2, Math.floor(Math.max(120, canvas.clientWidth) * devicePixelRatio / beside));
      [tall, gap] = [Math.round(side * high / wide), between(1, Math.round(side * 0.06), 3)];
      Object.assign(canvas, {width: beside * side + gap, height: Math.ceil(count / beside) * tall + gap});
    };
    const paint = (from, to, mix) => {
      for (let i = 0; i < length; i++) {
        const past = bytes[from * length + i], value = past + mix * (bytes[to * length + i] - past);
        gray[i] = 4278190080 + 65793 * (value === zero ? 0 : Math.round(60 + 195 * value / 255));  // opaque; only zero is black
      }
      brush.putImageData(picture, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.clearRect(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < count; i++) pen.drawImage(small, 0, i * high, wide, high,
        i % beside * side + gap, Math.floor(i / beside) * tall + gap, side - gap, tall - gap);
    };
    const key = panel.most ? [make("div", {class: "key"}, "0", make("i"), short(panel.most))] : [];
    return {parts: [canvas, ...key], layout, paint, tell: () => {}};
  };

  // --- the film ---
  const panels = data.panels.map(panel => {
    const made = (panel.kind === "tiles" ? tiles : lines)(panel), caption = make("span");
    const head = make("div", {class: "head"}, make("b", {}, say(panel.title)), caption);
    stage.append(make("div", {class: "panel", style: `flex-grow: ${panel.share || 1}`}, head, ...made.parts));
    return {...made, write: frame => { caption.textContent = say((panel.captions || [])[frame] || ""); made.tell(); }};
  });
  const paint = () => panels.forEach(panel => panel.paint(film.before, film.frame, film.mix));
  const show = (frame, mix = 1) => {
    Object.assign(film, {before: film.frame, frame, mix, since: performance.now()});
    paint();
    panels.forEach(panel => panel.write(frame));
    time.tell(frame, say(frames[frame].name));
    said.textContent = say(frames[frame].words);
  };
  const tick = now => {
    if (!film.playing || !root.isConnected) return;
    const ended = film.frame === last, part = (now - film.since) / (ended ? PAUSE : HOLD / SPEEDS[film.speed]);
    if (part >= 1) show(ended ? 0 : film.frame + 1, ended || matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 0);
    else if (film.mix < 1) { film.mix = between(0, part / (ended ? 0.25 : 0.6), 1); paint(); }
    requestAnimationFrame(tick);
  };
  const run = on => {
    if (on && !film.playing) requestAnimationFrame(tick);
    film.playing = on;
    said.setAttribute("aria-live", on ? "off" : "polite");  // else every frame would be read aloud
    play.textContent = on ? say`❚❚ pause` : say`▶ play`;
    show(on && film.frame === last ? 0 : film.frame);
  };
  const stop = frame => { if (film.playing) run(false); show(frame); };
  const time = range("time", data.label ? say(data.label) : say`frame`, last, stop);
  const hasten = value => { film.speed = value; speed.tell(value, `× ${SPEEDS[value]}`); };
  const speed = range("speed", say`speed`, SPEEDS.length - 1, hasten);
  hasten(1);
  row.append(time.label, speed.label);
  play.addEventListener("click", () => run(!film.playing));
  time.input.addEventListener("keydown", event => event.key === " " && (event.preventDefault(), run(!film.playing)));
  const fit = () => { film.width = root.clientWidth; panels.forEach(panel => panel.layout()); show(film.frame); };
  fit();
  new ResizeObserver(() => root.clientWidth === film.width || fit()).observe(root);
}
