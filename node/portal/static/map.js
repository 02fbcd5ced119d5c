// Maps that a reader can move, zoom and ask. The library is loaded when a map comes into view; everything comes from this
// node. Without this file, or where it fails, the drawing of the server stays.
import { buttonsOf, openWhenSeen, read } from "./live-view.js";
import { openLibrary, optionsOf } from "./map-library.js";
import { baseStyle, colours, dataLayers, recolour } from "./map-style.js";
import { MapPanel, element, fill } from "./map-panel.js";

const MARGIN = 350;
const PICK = 6;

async function load(layer) {
  const set = await read(layer.address, "application/geo+json");
  return { ...layer, features: set.features, facts: set.facts, isShown: true };
}

// West, south, east, north of everything on the map.
function extentOf(layers) {
  const box = [180, 90, -180, -90];
  const walk = (part) => {
    if (typeof part[0] === "number") {
      box[0] = Math.min(box[0], part[0]);
      box[1] = Math.min(box[1], part[1]);
      box[2] = Math.max(box[2], part[0]);
      box[3] = Math.max(box[3], part[1]);
    } else for (const inner of part) walk(inner);
  };
  const look = (geometry) => (geometry.geometries ? geometry.geometries.forEach(look) : walk(geometry.coordinates));
  for (const layer of layers) for (const feature of layer.features) look(feature.geometry);
  return box[0] > box[2] ? null : box;
}

class LiveMap {
  constructor(box, facts, library, layers) {
    Object.assign(this, { box, facts, library, layers, texts: facts.texts });
    this.area = element("div", { class: "live-map-area" });
    this.panel = new MapPanel(this);
    box.replaceChildren(this.area, this.panel.root);
    box.hidden = false;
    this.extent = extentOf(layers);
    const start = this.extent ? { bounds: this.extent, fitBoundsOptions: { padding: 40, maxZoom: 15 } } : { zoom: 1 };
    this.map = new library.Map({
      ...optionsOf(facts),
      ...start,
      container: this.area,
      style: this.style(),
      cooperativeGestures: !facts.isPage,
      hash: facts.isPage ? "map" : false,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.on("click", (event) => this.pickAt(event.point));
    this.map.on("mousemove", (event) => {
      this.map.getCanvas().classList.toggle("over", this.featuresAt(event.point).length > 0);
    });
    // Enter asks for what is under the cross in the middle of the map.
    this.map.getCanvas().addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.pickAt(this.map.project(this.map.getCenter()));
      if (event.key === "Escape") this.choose(null);
    });
    this.map.on("error", ({ error }) => { box.dataset.error = String(error); });
    this.map.on("idle", () => { box.dataset.state = "ready"; });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => recolour(this.map, this));
    this.addButtons();
    this.map.addControl(new library.ScaleControl({ maxWidth: 100 }), "bottom-left");
  }

  style() {
    const tones = colours();
    const style = baseStyle(tones, this.facts);
    this.layers.forEach((layer, number) => {
      style.sources[`data-${number}`] = { type: "geojson", data: { type: "FeatureCollection", features: layer.features } };
      style.layers.push(...dataLayers(number, layer, tones));
    });
    // Names of towns above the data, muted: they say where one is.
    style.layers.push(...style.layers.splice(style.layers.findIndex(({ id }) => id === "places"), this.facts.places.length ? 1 : 0));
    return style;
  }

  addButtons() {
    const buttons = buttonsOf(this.texts, [
      ["in", "+", () => this.map.zoomIn()],
      ["out", "−", () => this.map.zoomOut()],
      ["all", "⤢", () => this.showAll()],
    ]);
    const source = element("p", { class: "live-map-source" }, fill(this.texts.attribution, { source: this.facts.attribution }));
    const cross = element("span", { class: "live-map-cross", "aria-hidden": "true" });
    this.area.append(buttons, ...(this.facts.attribution ? [source] : []), cross);
  }

  showAll() {
    if (this.extent) this.map.fitBounds(this.extent, { padding: 40, maxZoom: 15 });
  }

  featuresAt(point) {
    const ids = this.map.getStyle().layers.map((layer) => layer.id).filter((id) => id.startsWith("data-"));
    const around = [[point.x - PICK, point.y - PICK], [point.x + PICK, point.y + PICK]];
    return this.map.queryRenderedFeatures(around, { layers: ids });
  }

  pickAt(point) {
    const [picked] = this.featuresAt(point);
    this.choose(picked ? { number: Number(picked.source.slice("data-".length)), id: picked.id } : null, true);
  }

  // Mark a feature, and show its columns. ``null``: none.
  choose(chosen, wasAsked = false) {
    if (this.chosen) this.map.setFeatureState(this.sourceOf(this.chosen), { chosen: false });
    this.chosen = chosen;
    if (chosen) this.map.setFeatureState(this.sourceOf(chosen), { chosen: true });
    this.panel.show(chosen, wasAsked);
  }

  sourceOf({ number, id }) {
    return { source: `data-${number}`, id };
  }

  // The next feature (``step`` 1) or the one before (-1), brought into view.
  step(step) {
    const visible = this.layers.flatMap((layer, number) => (layer.isShown
      ? layer.features.filter((feature) => this.panel.matches(layer, feature)).map((feature) => ({ number, id: feature.id })) : []));
    if (!visible.length) return;
    const at = visible.findIndex(({ number, id }) => this.chosen && number === this.chosen.number && id === this.chosen.id);
    const next = at < 0 ? visible[step > 0 ? 0 : visible.length - 1] : visible[(at + step + visible.length) % visible.length];
    this.choose(next);
    const box = extentOf([{ features: [this.layers[next.number].features[next.id]] }]);
    this.map.fitBounds(box, { padding: 80, maxZoom: Math.max(this.map.getZoom(), 14), animate: false });
  }

  refresh() {
    recolour(this.map, this);
  }
}

async function open(box, facts) {
  const [library, ...layers] = await Promise.all([openLibrary(facts), ...facts.layers.map(load)]);
  box.live = new LiveMap(box, facts, library, layers);
  box.parentElement.classList.add("is-live");
}

openWhenSeen({ frames: ".live-map-frame", name: "map", margin: MARGIN, open });
