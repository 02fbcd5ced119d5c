// A map on which a reader chooses the area of a search: a box drawn with the pointer, or the part that is shown. It fills in
// the field for the four edges and searches; without this file the field works by itself.
import { openLibrary, optionsOf } from "./map-library.js";
import { baseStyle, boxLayers, colours } from "./map-style.js";

const frame = document.querySelector(".box-map");
const field = document.getElementById("bbox");
const place = document.getElementById("place");
const area = frame.querySelector(".live-map-area");
const [drawing, visible] = frame.querySelectorAll("button");
const facts = JSON.parse(frame.dataset.map);
const LEAST = 5;
const EUROPE = [-11, 35, 32, 61];

let map = null;

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

function draw(isOn) {
  drawing.setAttribute("aria-pressed", String(isOn));
  map.dragPan[isOn ? "disable" : "enable"]();
  area.classList.toggle("drawing", isOn);
}

function follow() {
  let start = null;
  map.on("mousedown", (event) => {
    if (drawing.getAttribute("aria-pressed") === "true") start = event;
  });
  map.on("mousemove", (event) => {
    if (start) show(between(start.lngLat, event.lngLat));
  });
  map.on("mouseup", (event) => {
    if (!start) return;
    const moved = Math.abs(event.point.x - start.point.x) > LEAST && Math.abs(event.point.y - start.point.y) > LEAST;
    const box = between(start.lngLat, event.lngLat);
    start = null;
    draw(false);
    if (moved) search(box);
    else show(edges());
  });
}

async function open() {
  const status = frame.querySelector("[role=status]");
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
    drawing.addEventListener("click", () => draw(drawing.getAttribute("aria-pressed") !== "true"));
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
