// A map on which a reader chooses the area of a search: a box drawn with the mouse, with a finger or with the keyboard, or
// the part that is shown. It fills in the field for the four edges and searches; without this file the field works by itself.
import { openLibrary, optionsOf } from "./map-library.js";
import { baseStyle, boxLayers, colours } from "./map-style.js";

const frame = document.querySelector(".box-map");
const field = document.getElementById("bbox");
const place = document.getElementById("place");
const area = frame.querySelector(".live-map-area");
const [drawing, visible] = frame.querySelectorAll("button");
const facts = JSON.parse(frame.dataset.map);
const status = frame.querySelector("[role=status]");
const LEAST = 5;
const STEP = 16;
const EUROPE = [-11, 35, 32, 61];

let map = null;
let keyed = null;

function edges() {
  const numbers = field.value.split(",").map(Number);
  return numbers.length === 4 && numbers.every(Number.isFinite) ? numbers : null;
}

function rectangle([west, south, east, north]) {
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}

function show(box) {
  const features = box ? [rectangle(box)] : [];
  map.getSource("box").setData({ type: "FeatureCollection", features });
}

// As exact as the map shows it: about a pixel.
function search(box) {
  const digits = Math.min(5, Math.max(1, Math.ceil(Math.log10(2 ** map.getZoom()))));
  const [west, south, east, north] = box;
  const least = [Math.max(west, -180), Math.max(south, -90), Math.min(east, 180), Math.min(north, 90)];
  field.value = least.map((edge) => Number(edge.toFixed(digits))).join(",");
  place.value = "";
  field.form.requestSubmit();
}

function between(one, other) {
  return [Math.min(one.lng, other.lng), Math.min(one.lat, other.lat), Math.max(one.lng, other.lng), Math.max(one.lat, other.lat)];
}

function isDrawing() {
  return drawing.getAttribute("aria-pressed") === "true";
}

function draw(isOn) {
  drawing.setAttribute("aria-pressed", String(isOn));
  map.dragPan[isOn ? "disable" : "enable"]();
  area.classList.toggle("drawing", isOn);
  if (!isOn) {
    keyed = null;
    status.textContent = "";
  }
}

// A finger and a mouse draw alike. A second finger is no drawing: it zooms.
function follow() {
  let start = null;
  let last = null;
  const begin = (event) => {
    if (!isDrawing()) return;
    if (event.points && event.points.length > 1) {
      start = null;
      show(edges());
      return;
    }
    // Prevented, a touch neither moves the map nor scrolls the page; a mouse that is prevented would tell of no moves.
    if (event.points) event.preventDefault();
    start = event;
    last = event;
  };
  const move = (event) => {
    if (!start) return;
    if (event.points) event.preventDefault();
    last = event;
    show(between(start.lngLat, event.lngLat));
  };
  const end = () => {
    if (!start) return;
    const moved = Math.abs(last.point.x - start.point.x) > LEAST && Math.abs(last.point.y - start.point.y) > LEAST;
    const box = between(start.lngLat, last.lngLat);
    start = null;
    draw(false);
    if (moved) search(box);
    else show(edges());
  };
  for (const [name, work] of Object.entries({ mousedown: begin, touchstart: begin, mousemove: move, touchmove: move, mouseup: end, touchend: end })) map.on(name, work);
  map.on("touchcancel", () => {
    start = null;
    show(edges());
  });
}

// The box of a reader with a keyboard, in pixels of the map: arrows move it, with the shift key they move its far corner.
function say() {
  const [one, other] = [map.unproject(keyed.from), map.unproject(keyed.to)];
  const box = between(one, other);
  show(box);
  status.textContent = `${facts.texts.arrows} ${box.map((edge) => edge.toFixed(2)).join(", ")}`;
  return box;
}

function beginByKey() {
  const { width, height } = area.getBoundingClientRect();
  keyed = { from: [width / 4, height / 4], to: [(3 * width) / 4, (3 * height) / 4] };
  say();
  map.getCanvas().focus();
}

function onKey(event) {
  if (!keyed) return;
  const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
  if (step) {
    const { width, height } = area.getBoundingClientRect();
    const moved = (corner) => [Math.min(width, Math.max(0, corner[0] + step[0])), Math.min(height, Math.max(0, corner[1] + step[1]))];
    const [from, to] = [event.shiftKey ? keyed.from : moved(keyed.from), moved(keyed.to)];
    if (to[0] - from[0] >= STEP && to[1] - from[1] >= STEP) keyed = { from, to };
    say();
  } else if (event.key === "Enter") {
    const box = say();
    draw(false);
    search(box);
  } else if (event.key === "Escape") {
    draw(false);
    show(edges());
    drawing.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

async function open() {
  status.textContent = facts.texts.loading;
  try {
    const library = await openLibrary(facts);
    const tones = colours();
    const style = baseStyle(tones, facts);
    style.sources.box = { type: "geojson", data: { type: "FeatureCollection", features: edges() ? [rectangle(edges())] : [] } };
    style.layers.push(...boxLayers(tones));
    frame.querySelector(".box-map-live").hidden = false;
    map = new library.Map({
      ...optionsOf(facts), container: area, style, bounds: edges() || EUROPE, fitBoundsOptions: { padding: 20 }, boxZoom: false,
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.on("idle", () => { frame.dataset.state = "ready"; });
    drawing.addEventListener("click", (event) => {
      draw(!isDrawing());
      // A click without a pointer comes from a key.
      if (isDrawing() && event.detail === 0) beginByKey();
      else show(edges());
    });
    area.addEventListener("keydown", onKey, true);
    visible.addEventListener("click", () => search(map.getBounds().toArray().flat()));
    follow();
    frame.live = map;
    status.textContent = "";
  } catch (error) {
    frame.dataset.state = "failed";
    frame.querySelector(".box-map-live").hidden = true;
    status.textContent = facts.texts.failed;
  }
}

frame.hidden = false;
frame.addEventListener("toggle", () => {
  if (frame.open && !frame.dataset.state) {
    frame.dataset.state = "loading";
    open();
  }
});
