// A map on which a person draws the edges of a place. It shows the places of the node's gazetteer over lines of
// latitude and longitude, and asks no other server. Without this file the four fields work by themselves.
"use strict";

const box = document.getElementById("extent");
const map = box.querySelector("svg");
const name = document.getElementById("spatial");
const fields = ["west", "south", "east", "north"].map((edge) => document.getElementById(edge));
const places = JSON.parse(box.dataset.places).map(([names, edges]) => ({ names, edges }));
const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30];
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();

let width = 640;
let height = 320;
let view;
let start = null;

// One unit is one pixel, so that names can be read on a phone too.
function measure() {
  width = map.clientWidth || 640;
  height = Math.max(240, Math.round(width / 2));
  map.setAttribute("viewBox", `0 0 ${width} ${height}`);
}

function element(kind, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function edgesTyped() {
  const numbers = fields.map((field) => (field.value.trim() ? Number(field.value.replace(",", ".")) : NaN));
  const [west, south, east, north] = numbers;
  const fits = numbers.every(Number.isFinite) && west < east && south < north && west >= -180 && east <= 180
    && south >= -90 && north <= 90;
  return fits ? numbers : null;
}

function placeNamed() {
  const text = fold(name ? name.value : "");
  return text ? places.find((place) => place.names.some((known) => fold(known) === text)) : undefined;
}

// The view: its centre, and how many degrees of longitude it is wide.
function fit([west, south, east, north]) {
  const y = (south + north) / 2;
  const shrink = Math.cos((y * Math.PI) / 180) || 0.01;
  const span = Math.max(east - west, ((north - south) / shrink) * (width / height), 0.002) * 1.6;
  view = { x: (west + east) / 2, y, span: Math.min(span, 360) };
}

function fitAll() {
  const all = places.map((place) => place.edges);
  fit([0, 1, 2, 3].map((at) => Math[at < 2 ? "min" : "max"](...all.map((edges) => edges[at]))));
}

function scales() {
  const across = width / view.span;
  return { across, up: across / (Math.cos((view.y * Math.PI) / 180) || 0.01) };
}

function toPixels(x, y) {
  const { across, up } = scales();
  return [width / 2 + (x - view.x) * across, height / 2 - (y - view.y) * up];
}

function toDegrees(event) {
  const area = map.getBoundingClientRect();
  const { across, up } = scales();
  const x = ((event.clientX - area.left) / area.width) * width;
  const y = ((event.clientY - area.top) / area.height) * height;
  return [
    Math.min(Math.max(view.x + (x - width / 2) / across, -180), 180),
    Math.min(Math.max(view.y - (y - height / 2) / up, -90), 90),
  ];
}

function rectangle([west, south, east, north], kind) {
  const [left, top] = toPixels(west, north);
  const [right, bottom] = toPixels(east, south);
  return element("rect", { x: left, y: top, width: right - left, height: bottom - top, class: kind });
}

function lines() {
  const { across, up } = scales();
  const made = [];
  const step = STEPS.find((size) => size * across >= 80) || 60;
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  const [west, east] = [view.x - view.span / 2, view.x + view.span / 2];
  for (let x = Math.ceil(west / step) * step; x < east; x += step) {
    const [at] = toPixels(x, 0);
    made.push(element("line", { x1: at, x2: at, y1: 0, y2: height, class: "degree" }));
    made.push(element("text", { x: at + 4, y: height - 6, class: "degree-name" }, `${x.toFixed(digits)}°`));
  }
  const half = height / up / 2;
  for (let y = Math.ceil((view.y - half) / step) * step; y < view.y + half; y += step) {
    const [, at] = toPixels(0, y);
    made.push(element("line", { x1: 0, x2: width, y1: at, y2: at, class: "degree" }));
    if (at > 16 && at < height - 24) made.push(element("text", { x: 4, y: at - 4, class: "degree-name" }, `${y.toFixed(digits)}°`));
  }
  return made;
}

function names() {
  const taken = [];
  const made = [];
  // Small places first: a city is more exact than its country. A name that would cover another one is left out.
  const sorted = [...places].sort((one, other) => one.edges[2] - one.edges[0] - (other.edges[2] - other.edges[0]));
  for (const place of sorted) {
    const [west, south, east, north] = place.edges;
    const [x, y] = toPixels((west + east) / 2, (south + north) / 2);
    const label = { left: x - 6, right: x + 12 + place.names[0].length * 8, top: y - 12, bottom: y + 12 };
    const inside = label.left > 40 && label.right < width && label.top > 0 && label.bottom < height - 20;
    const covers = taken.some((other) => label.left < other.right && label.right > other.left
      && label.top < other.bottom && label.bottom > other.top);
    if (!inside || covers) continue;
    taken.push(label);
    made.push(element("circle", { cx: x, cy: y, r: 3, class: "place" }));
    made.push(element("text", { x: x + 7, y: y + 5, class: "place-name" }, place.names[0]));
  }
  return made;
}

function draw(moving = null) {
  const edges = moving || edgesTyped();
  const known = placeNamed();
  const parts = lines();
  if (known && !edges) parts.push(rectangle(known.edges, "known"));
  if (edges) parts.push(rectangle(edges, "drawn"));
  map.querySelector("g").replaceChildren(...parts, ...names());
  box.querySelector("#extent-clear").disabled = !fields.some((field) => field.value);
}

function look() {
  const edges = edgesTyped() || placeNamed()?.edges;
  if (edges) fit(edges);
  else fitAll();
  draw();
}

function zoom(factor) {
  const edges = edgesTyped() || placeNamed()?.edges;
  if (edges && factor < 1) [view.x, view.y] = [(edges[0] + edges[2]) / 2, (edges[1] + edges[3]) / 2];
  view.span = Math.min(Math.max(view.span * factor, 0.002), 360);
  draw();
}

function between(one, other) {
  return [
    Math.min(one[0], other[0]), Math.min(one[1], other[1]), Math.max(one[0], other[0]), Math.max(one[1], other[1]),
  ];
}

map.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  start = { degrees: toDegrees(event), x: event.clientX, y: event.clientY };
  map.setPointerCapture(event.pointerId);
});
map.addEventListener("pointermove", (event) => {
  if (start) draw(between(start.degrees, toDegrees(event)));
});
map.addEventListener("pointerup", (event) => {
  if (!start) return;
  const edges = between(start.degrees, toDegrees(event));
  const moved = Math.abs(event.clientX - start.x) > 4 && Math.abs(event.clientY - start.y) > 4;
  const [x, y] = start.degrees;
  start = null;
  if (moved) {
    // As exact as the map shows it: about a pixel.
    const digits = Math.min(6, Math.max(0, Math.ceil(Math.log10(scales().across))));
    fields.forEach((field, at) => { field.value = String(Number(edges[at].toFixed(digits))); });
    say();
  } else [view.x, view.y] = [x, y];
  draw();
});
map.addEventListener("pointercancel", () => { start = null; draw(); });

function say() {
  const edges = edgesTyped();
  const text = box.dataset.drawn;
  box.querySelector("#extent-state").textContent = edges
    ? ["west", "south", "east", "north"].reduce((words, edge, at) => words.replace(`{${edge}}`, edges[at]), text) : "";
}

box.querySelector("#extent-in").addEventListener("click", () => zoom(0.5));
box.querySelector("#extent-out").addEventListener("click", () => zoom(2));
box.querySelector("#extent-clear").addEventListener("click", () => {
  for (const field of fields) field.value = "";
  box.querySelector("#extent-state").textContent = "";
  look();
  fields[0].focus();
});
for (const field of fields) field.addEventListener("change", look);
if (name) name.addEventListener("change", look);
window.addEventListener("resize", () => { measure(); draw(); });
box.hidden = false;
measure();
look();
