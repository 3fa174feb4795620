// Two small plots: a line for each latency, a bar for each minute. Their captions say the same in words.

import { byId, setText } from "./dom.js";
import { look } from "./net.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 170;
const EDGE = { left: 54, right: 8, top: 10, bottom: 22 };
const SERIES = [["classify_ms", "network"], ["command_ms", "frame to command"], ["acknowledge_ms", "arm's receipt"]];
let history = { latencies: [], per_minute: [] };

function draw(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

function niceTop(value) {
  // The next of 1, 2, 5 times a power of ten, so that the axis has round numbers.
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999);
}

function frame(id, top, unit) {
  const width = Math.max(240, byId(id).clientWidth);
  const plot = draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, "aria-hidden": "true" });
  const scale = {
    width: width - EDGE.left - EDGE.right,
    x: (share) => EDGE.left + share * (width - EDGE.left - EDGE.right),
    y: (value) => HEIGHT - EDGE.bottom - (value / top) * (HEIGHT - EDGE.top - EDGE.bottom),
  };
  for (const tick of [0, top / 2, top]) {
    const y = scale.y(tick);
    plot.append(draw("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, class: "grid" }));
    const text = tick === top ? `${+tick.toPrecision(3)} ${unit}` : String(+tick.toPrecision(3));
    plot.append(draw("text", { x: EDGE.left - 6, y: y + 4, class: "tick", "text-anchor": "end" }, text));
  }
  return { plot, scale };
}

function label(plot, scale, first, last) {
  const y = HEIGHT - 5;
  plot.append(draw("text", { x: scale.x(0), y, class: "tick" }, first));
  plot.append(draw("text", { x: scale.x(1), y, class: "tick", "text-anchor": "end" }, last));
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function drawLatencies(objects) {
  if (objects.length === 0) return;
  const top = niceTop(Math.max(...objects.flatMap((object) => SERIES.map(([key]) => object[key]))) || 1);
  const { plot, scale } = frame("latency", top, "ms");
  const step = Math.max(1, objects.length - 1);
  SERIES.forEach(([key], i) => {
    const points = objects.map((object, n) => `${scale.x(n / step).toFixed(1)},${scale.y(object[key]).toFixed(1)}`);
    if (points.length === 1) points.push(`${scale.x(1)},${scale.y(objects[0][key])}`);
    plot.append(draw("polyline", { points: points.join(" "), class: `series s${i}` }));
  });
  label(plot, scale, `#${objects[0].number}`, `#${objects.at(-1).number}`);
  byId("latency").replaceChildren(plot);
  byId("latency-caption").replaceChildren(...SERIES.map(([key, name], i) => {
    const item = document.createElement("span");
    item.className = `key s${i}`;
    item.textContent = `${name}: median ${median(objects.map((object) => object[key])).toFixed(1)} ms`;
    return item;
  }));
}

function drawThroughput(minutes) {
  if (minutes.length === 0) return;
  const top = Math.max(4, niceTop(Math.max(...minutes)));
  const { plot, scale } = frame("throughput", top, "");
  const wide = scale.width / minutes.length;
  minutes.forEach((count, i) => {
    if (count === 0) return;
    const y = scale.y(count);
    const x = scale.x(i / minutes.length) + wide * 0.12;
    plot.append(draw("rect", { x, y, width: wide * 0.76, height: scale.y(0) - y, class: "bar" }));
  });
  label(plot, scale, `${minutes.length} minutes ago`, "now");
  byId("throughput").replaceChildren(plot);
  const hour = minutes.reduce((sum, count) => sum + count, 0);
  setText(byId("throughput-caption"), `${minutes.at(-1)} in this minute, ${minutes.at(-2)} in the one before, ${hour} in the last hour.`);
}

function redraw() {
  drawLatencies(history.latencies);
  drawThroughput(history.per_minute);
}

export async function refreshPlots() {
  history = (await look("/api/history")).body;
  redraw();
}

export function watchSize() {
  new ResizeObserver(redraw).observe(byId("latency"));
}
