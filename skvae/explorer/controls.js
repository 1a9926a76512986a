"use strict";

// The hand: everything that moves the latent point, and everything that shows where it is.
const content = JSON.parse(document.getElementById("content").textContent);
const { ranges, order, nats, points, prior, conditions } = content;
const decoder = makeDecoder(content.decoder);
const N_SLIDERS = 12;
const MAX_ZOOM = 50;
// The colours of the displays (Okabe and Ito, a grey, a wine), dark enough to read on white and light
// enough on black; the marks tell classes apart without them.
const COLORS = {
  light: ["#0072b2", "#c27300", "#00875f", "#b0568a", "#000000", "#2f9bdb", "#c44f00", "#8f8400", "#757575", "#882255"],
  dark: ["#2f86d6", "#e69f00", "#00b383", "#cc79a7", "#ffffff", "#8fd3ff", "#ff7a1a", "#f0e442", "#9a9a9a", "#d0407f"],
};

const byId = (id) => document.getElementById(id);
const clamp = (value, [low, high]) => Math.min(Math.max(value, low), high);
const share = (value, [low, high]) => (high > low ? (value - low) / (high - low) : 0.5);

function element(parent, tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);

  return made;
}

// State

const hasClasses = prior !== null && prior.classes !== null;
let z = prior === null ? ranges.map(() => 0) : prior.means[0].slice();
let chosen = hasClasses ? 0 : null;
// Of each condition, such as the class: the number of a category, or a number in its units.
const given = conditions.map(({ categories, mean }) => (categories ? 0 : mean));
let frame = null;
// What the map shows of the ranges.
let shown = ranges;
const views = [];

function inputsOf(values) {
  return conditions.flatMap(({ categories, mean, scale }, i) =>
    categories ? categories.map((_, k) => Number(k === values[i])) : [(values[i] - mean) / scale]);
}

function decode(point, values = given) {
  return decoder(point, inputsOf([values].flat()));
}

function show() {
  frame = null;
  const x = decode(z);
  for (const view of views) view(x);
}

function moveTo(point, classOfPrior = null) {
  z = point.map((value, i) => clamp(value, ranges[i]));
  chosen = classOfPrior;
  frame ??= requestAnimationFrame(show);
}

// Output

function showImage([height, width, nChannels], ends) {
  const canvas = byId("image");
  Object.assign(canvas, { hidden: false, width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  views.push((x) => {
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) {
        pixels.data[4 * i + c] = 255 * share(x[i * nChannels + (nChannels === 3 ? c : 0)], ends);
      }
      pixels.data[4 * i + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
  });
}

function showFeatures(features, nFeatures) {
  byId("features").hidden = false;
  const table = element(byId("features"), "table", "");
  const text = `The ${features.length} of ${nFeatures} features that vary most`;
  if (features.length < nFeatures) element(table, "caption", text);
  const rows = features.map(({ name }) => {
    const row = element(table, "tr", "");
    element(row, "th", name, { scope: "row" });
    const value = element(row, "td", "");
    const bar = element(element(element(row, "td", ""), "div", "", { class: "bar" }), "div", "");

    return { value, bar };
  });
  views.push((x) => features.forEach(({ index, ends }, i) => {
    rows[i].value.textContent = x[index].toPrecision(4);
    rows[i].bar.style.width = `${100 * clamp(share(x[index], ends), [0, 1])}%`;
  }));
}

function showPlace() {
  const classes = points === null ? null : points.classes;
  views.push(() => {
    const place = z.length === 2 ? [`z = (${z.map((value) => value.toFixed(2)).join(", ")})`] : [];
    if (classes !== null) place.push(`nearest data point: ${classes[points.class_numbers[nearest()]].name}`);
    byId("place").textContent = place.join("; ");
  });
}

// Points

function latentPoints() {
  const values = floats(points.z);

  return Array.from({ length: values.length / z.length }, (_, i) =>
    Array.from(values.subarray(i * z.length, (i + 1) * z.length)));
}

function nearest() {
  let best = 0;
  let least = Infinity;
  known.forEach((point, i) => {
    const distance = point.reduce((sum, value, j) => sum + (value - z[j]) ** 2, 0);
    if (distance < least) [best, least] = [i, distance];
  });

  return best;
}

// Map

function showMap() {
  const map = byId("map");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  byId("space").hidden = false;
  document.querySelector("main").classList.add("with-map");
  const draw = () => drawMarks(dark.matches);
  views.push(() => {
    if (z.some((value, i) => value < shown[i][0] || value > shown[i][1])) {
      shown = windowOf(z, 1);
      draw();
    }
    byId("cursor").style.left = `${100 * share(z[0], shown[0])}%`;
    byId("cursor").style.top = `${100 - 100 * share(z[1], shown[1])}%`;
  });
  new ResizeObserver(draw).observe(map);
  dark.addEventListener("change", draw);
  const zoom = (factor, center) => {
    shown = windowOf(center, factor);
    draw();
    moveTo(z, chosen);
  };
  for (const [text, factor] of [["Zoom in", 2], ["Zoom out", 0.5], ["Whole map", 0]]) {
    element(byId("zoom"), "button", text, { type: "button" }).addEventListener("click", () => zoom(factor, z));
  }

  const under = (event) => {
    const { left, top, width, height } = map.getBoundingClientRect();
    const shares = [(event.clientX - left) / width, 1 - (event.clientY - top) / height];
    return shown.map(([low, high], i) => low + shares[i] * (high - low));
  };
  const follow = (event) => moveTo(under(event));
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(2 ** (-event.deltaY / 240), under(event));
  }, { passive: false });
  map.addEventListener("pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    follow(event);
  });
  map.addEventListener("pointermove", follow);
  map.addEventListener("keydown", (event) => {
    const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
    const factors = { "+": 2, "-": 0.5, 0: 0 };
    if (event.key === "Home") moveTo([0, 0]);
    else if (event.key in factors && !event.ctrlKey && !event.metaKey) zoom(factors[event.key], z);
    else if (event.key in directions) {
      const step = (event.shiftKey ? 0.1 : 0.02) * (shown[0][1] - shown[0][0]);
      moveTo(z.map((value, i) => value + step * directions[event.key][i]));
    } else return;
    event.preventDefault();
    requestAnimationFrame(() => { byId("status").textContent = byId("place").textContent; });
  });
}

// A part of the ranges, smaller by a factor than what the map shows, in which a point keeps its place on
// the map, or comes into its middle where it was outside. A factor of 0 is all.
function windowOf(center, factor) {
  return shown.map(([low, high], i) => {
    const [least, most] = ranges[i];
    const whole = most - least;
    const length = factor === 0 ? whole : clamp((high - low) / factor, [whole / MAX_ZOOM, whole]);
    const place = share(center[i], [low, high]);
    const start = center[i] - (place < 0 || place > 1 ? 0.5 : place) * length;
    const from = clamp(start, [least, most - length]);

    return [from, from + length];
  });
}

function drawMarks(dark) {
  const canvas = byId("marks");
  const size = canvas.clientWidth;
  const style = getComputedStyle(document.documentElement);
  canvas.width = canvas.height = Math.round(size * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  const across = (value) => size * share(value, shown[0]);
  const down = (value) => size - size * share(value, shown[1]);
  drawGrid(context, size, style, across, down);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = "10px sans-serif";
  const colors = COLORS[dark ? "dark" : "light"];
  const classes = points === null ? null : points.classes;
  known.forEach(([a, b], i) => {
    const classNumber = classes === null ? 0 : points.class_numbers[i];
    context.fillStyle = colors[classNumber % colors.length];
    context.fillText(classes === null ? "•" : classes[classNumber].mark, across(a), down(b));
  });
  byId("legend").replaceChildren();
  (classes ?? []).forEach(({ mark, name }, classNumber) => {
    const item = element(byId("legend"), "li", "");
    element(item, "b", mark).style.color = colors[classNumber % colors.length];
    if (name !== mark) item.append(` ${name}`);
  });
  if (hasClasses) drawMeans(context, style, across, down);
}

function drawGrid(context, size, style, across, down) {
  const length = shown[0][1] - shown[0][0];
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].find((candidate) => length / candidate <= 10) ?? length;
  context.font = "11px sans-serif";
  context.strokeStyle = style.getPropertyValue("--grid");
  context.fillStyle = style.getPropertyValue("--quiet");
  for (const [i, place] of [across, down].entries()) {
    for (let k = Math.ceil(shown[i][0] / step); k * step < shown[i][1]; k++) {
      const at = place(k * step);
      context.beginPath();
      context.moveTo(...(i === 0 ? [at, 0] : [0, at]));
      context.lineTo(...(i === 0 ? [at, size] : [size, at]));
      context.stroke();
      if (at > 20) context.fillText(Number((k * step).toFixed(2)), ...(i === 0 ? [at + 3, size - 4] : [3, at - 3]));
    }
  }
}

function drawMeans(context, style, across, down) {
  context.font = "bold 15px sans-serif";
  context.lineWidth = 4;
  context.strokeStyle = style.getPropertyValue("--paper");
  context.fillStyle = style.getPropertyValue("--ink");
  prior.means.forEach(([a, b], k) => {
    context.strokeText(prior.classes[k].mark, across(a), down(b));
    context.fillText(prior.classes[k].mark, across(a), down(b));
  });
}

// Controls

function addChooser(kind, classes, current, choose) {
  const group = element(byId("choosers"), "div", "", { class: "row", role: "group", "aria-label": kind });
  element(group, "span", kind, { "aria-hidden": true });
  const buttons = classes.map(({ name }, k) => {
    const button = element(group, "button", name, { type: "button" });
    button.addEventListener("click", () => choose(k));

    return button;
  });
  views.push(() => buttons.forEach((b, k) => b.setAttribute("aria-pressed", k === current())));
}

function addChoosers() {
  conditions.forEach(({ name, categories, ends }, i) => {
    const current = () => given[i];
    const choose = (value) => {
      given[i] = value;
      moveTo(z, chosen);
    };
    if (categories) addChooser(name, categories, current, choose);
    else addRange(byId("choosers"), name, ends, current, (value) => value.toPrecision(4), choose);
  });
  if (hasClasses) {
    const { kind, classes, means, scales } = prior;
    // In units of its scales, a class keeps the distance from the mean of the one chosen before.
    const moved = (v, i, k) => means[k][i] + (v - means[chosen][i]) * scales[k][i] / scales[chosen][i];
    addChooser(kind, classes, () => chosen, (k) =>
      moveTo(chosen === null ? means[k] : z.map((v, i) => moved(v, i, k)), k));
  }
}

function draw(weights) {
  let left = Math.random();
  const k = weights.findIndex((weight) => (left -= weight) < 0);

  return k < 0 ? weights.length - 1 : k;
}

function addButtons() {
  const add = (text, action) =>
    element(byId("buttons"), "button", text, { type: "button" }).addEventListener("click", action);
  const pick = (list) => Math.floor(Math.random() * list.length);
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  if (hasClasses) {
    add(`${prior.kind} mean`, () => moveTo(prior.means[chosen ?? 0], chosen ?? 0));
  } else add("Origin", () => moveTo(z.map(() => 0)));
  if (prior !== null) {
    add("Draw from the prior", () => {
      const { means, scales } = prior;
      const k = chosen ?? draw(prior.weights);
      moveTo(means[k].map((mean, i) => mean + scales[k][i] * normal()), hasClasses ? k : null);
    });
  }
  if (points !== null) add("Random data point", () => moveTo(known[pick(known)]));
}

function addSliders() {
  const sorted = z.length === 2 ? [0, 1] : order;
  const rest = sorted.slice(N_SLIDERS);
  sorted.slice(0, N_SLIDERS).forEach((i) => addSlider(byId("sliders"), i));
  if (rest.length === 0) return;
  byId("more").hidden = false;
  byId("more").querySelector("summary").textContent =
    rest.length === 1 ? "The dimension that carries least" : `${rest.length} dimensions that carry less`;
  rest.forEach((i) => addSlider(byId("more").querySelector("div"), i));
}

function addSlider(parent, i) {
  const label = addRange(parent, `z${i + 1}`, ranges[i], () => z[i], (value) => value.toFixed(2), (value) =>
    moveTo(z.map((v, j) => (j === i ? value : v)), chosen));
  element(label, "small", nats === null ? "" : `${nats[i].toFixed(2)} nats`);
}

function addRange(parent, name, [min, max], current, written, choose) {
  const label = element(parent, "label", name);
  const input = element(label, "input", "", { type: "range", min, max, step: (max - min) / 200 });
  const value = element(label, "output", "");
  input.addEventListener("input", () => choose(Number(input.value)));
  views.push(() => {
    input.value = current();
    value.textContent = written(current());
  });

  return label;
}

const known = points === null ? [] : latentPoints();
if (content.image === null) showFeatures(content.features, content.n_features);
else showImage(content.image, content.ends);
showPlace();
if (z.length === 2) showMap();
addChoosers();
addButtons();
addSliders();
show();

// For the console: skvae.decode([0, 1]), with a class's number skvae.decode([0, 1], 3) or with conditions
// skvae.decode([0, 1], [3, 40]), and skvae.moveTo([0, 1]).
const skvae = { decode, moveTo, where: () => z.slice() };
