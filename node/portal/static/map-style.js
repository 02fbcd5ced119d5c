// The colours of a map: the base map in the tones of the page, muted; the data above it, in classes if a reader chose a
// column. Names of countries are in the language of the reader, from the browser.
const CLASSES = ["#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494"];
const KINDS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442"];
const OTHER = "#8a8f93";
const AREAS = ["Polygon", "MultiPolygon"];
const LINES = ["LineString", "MultiLineString"];
const POINTS = ["Point", "MultiPoint"];
const MOST_KINDS = KINDS.length;

export function colours() {
  const page = getComputedStyle(document.documentElement);
  const tone = (name) => page.getPropertyValue(`--${name}`).trim();
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    isDark,
    water: tone("sunken"),
    land: tone("surface"),
    line: tone("line"),
    edge: tone("edge"),
    ink: tone("ink"),
    accent: tone("accent"),
    muted: tone("muted"),
    green: isDark ? "#1d2a22" : "#e9f1e6",
    waters: isDark ? "#10222c" : "#d9e6ec",
    streets: isDark ? "#333f46" : "#e0e3e1",
  };
}

// Names come from the browser for the codes of countries; a place without a code keeps its own.
function nameOf(language) {
  const names = new Intl.DisplayNames([language], { type: "region" });
  const known = [];
  for (let first = 65; first <= 90; first += 1) {
    for (let second = 65; second <= 90; second += 1) {
      const code = String.fromCharCode(first, second);
      const name = names.of(code);
      if (name && name !== code) known.push(code, name);
    }
  }
  return ["match", ["coalesce", ["get", "code"], ""], ...known, ["coalesce", ["get", `name:${language}`], ["get", "name"], ""]];
}

function isOf(kinds) {
  return ["in", ["geometry-type"], ["literal", kinds]];
}

// Layers of Natural Earth as we cut it, of Protomaps and of OpenMapTiles, by the names that they have.
const NAMED = [
  [["land", "earth"], "fill", (tones) => ({ "fill-color": tones.land })],
  [["landcover", "landuse", "park"], "fill", (tones) => ({ "fill-color": tones.green, "fill-opacity": 0.6 })],
  [["water", "ocean"], "fill", (tones) => ({ "fill-color": tones.waters })],
  [["waterway"], "line", (tones) => ({ "line-color": tones.waters })],
  [["roads", "transportation"], "line", (tones) => ({ "line-color": tones.streets, "line-width": 1 })],
  [["buildings", "building"], "fill", (tones) => ({ "fill-color": tones.line, "fill-opacity": 0.7 })],
  [["borders", "boundaries", "boundary"], "line", (tones) => ({ "line-color": tones.edge, "line-width": 0.8, "line-opacity": 0.7 })],
  [["countries", "places", "place"], "symbol", (tones) => ({ "text-color": tones.muted, "text-halo-color": tones.land, "text-halo-width": 1.2 })],
];

function baseLayers(tones, facts) {
  if (facts.archive.isPicture) {
    return [{ id: "ground", type: "raster", source: "base", paint: { "raster-opacity": tones.isDark ? 0.55 : 0.85, "raster-saturation": -0.5 } }];
  }
  const layers = [{ id: "ground", type: "background", paint: { "background-color": tones.waters } }];
  // OpenMapTiles has no layer of land: what is not water is land.
  if (!facts.archive.layers.some((name) => NAMED[0][0].includes(name))) layers[0].paint["background-color"] = tones.land;
  for (const [names, type, paint] of NAMED) {
    for (const name of names.filter((each) => facts.archive.layers.includes(each))) {
      const layer = { id: `base-${name}`, type, source: "base", "source-layer": name, paint: paint(tones) };
      if (type === "fill" && name !== "land" && name !== "earth") layer.filter = isOf(AREAS);
      if (type === "symbol") {
        const order = ["coalesce", ["get", "rank"], ["get", "min_zoom"], 0];
        layer.layout = { "text-field": nameOf(facts.language), "text-font": ["sans-serif"], "text-size": 12, "symbol-sort-key": order, "text-max-width": 7 };
      }
      layers.push(layer);
    }
  }
  return layers;
}

// The classes of a column: numbers in five of equal counts, other values the most frequent ones.
export function classesOf(layer, column) {
  const values = layer.features.map((feature) => feature.properties[column]).filter((value) => value !== null && value !== undefined);
  const facts = layer.facts.columns.find((known) => known.name === column);
  if (facts && facts.numeric && values.every((value) => typeof value === "number")) {
    const sorted = [...values].sort((one, other) => one - other);
    const breaks = [1, 2, 3, 4].map((part) => sorted[Math.floor((part * sorted.length) / 5)]);
    const distinct = [...new Set(breaks)].filter((edge) => edge > sorted[0]);
    const edges = [sorted[0], ...distinct];
    const shades = edges.map((_, at) => CLASSES[edges.length === 1 ? 2 : Math.round((at * (CLASSES.length - 1)) / (edges.length - 1))]);
    const get = ["to-number", ["get", column], sorted[0]];
    const steps = distinct.flatMap((edge, at) => [edge, shades[at + 1]]);
    const step = steps.length ? ["step", get, shades[0], ...steps] : shades[0];
    return {
      name: column,
      paint: ["case", ["==", ["typeof", ["get", column]], "number"], step, OTHER],
      entries: edges.map((edge, at) => ({ colour: shades[at], from: edge, to: edges[at + 1] ?? sorted[sorted.length - 1] })),
    };
  }
  const counts = new Map();
  for (const value of values) counts.set(String(value), (counts.get(String(value)) || 0) + 1);
  const frequent = [...counts].sort((one, other) => other[1] - one[1]).slice(0, MOST_KINDS).map(([value]) => value);
  if (!frequent.length) return { name: column, paint: OTHER, entries: [] };
  return {
    name: column,
    paint: ["match", ["to-string", ["get", column]], ...frequent.flatMap((value, at) => [value, KINDS[at]]), OTHER],
    entries: [
      ...frequent.map((value, at) => ({ colour: KINDS[at], value })),
      ...(counts.size > frequent.length || values.length < layer.features.length ? [{ colour: OTHER, value: null }] : []),
    ],
  };
}

function chosen(yes, no) {
  return ["case", ["boolean", ["feature-state", "chosen"], false], yes, no];
}

function paintsOf(layer, tones) {
  const colour = layer.classes ? layer.classes.paint : layer.colour;
  return {
    fill: { "fill-color": colour, "fill-opacity": chosen(0.85, 0.55) },
    casing: { "line-color": tones.ink, "line-opacity": chosen(1, 0.55), "line-width": chosen(9, 4.5) },
    line: { "line-color": colour, "line-width": 3 },
    edge: { "line-color": tones.ink, "line-opacity": chosen(1, 0.6), "line-width": chosen(4, 1) },
    point: {
      "circle-color": colour,
      "circle-radius": ["interpolate", ["linear"], ["zoom"], 6, chosen(8, 3), 14, chosen(10, 6)],
      "circle-stroke-color": tones.ink,
      "circle-stroke-opacity": chosen(1, 0.6),
      "circle-stroke-width": chosen(3, 1),
    },
  };
}

const PARTS = [["fill", "fill", AREAS], ["casing", "line", LINES], ["line", "line", LINES], ["edge", "line", AREAS], ["point", "circle", POINTS]];

function filterOf(layer, kinds) {
  return layer.moment ? ["all", isOf(kinds), layer.moment] : isOf(kinds);
}

// Names of places above the base map of countries, which has no towns.
function placeLayer(tones) {
  return {
    id: "places",
    type: "symbol",
    source: "places",
    layout: { "text-field": ["get", "name"], "text-font": ["sans-serif"], "text-size": 12, "symbol-sort-key": ["get", "rank"] },
    paint: { "text-color": tones.muted, "text-halo-color": tones.land, "text-halo-width": 1.5 },
  };
}

// The style of a map without data.
export function baseStyle(tones, facts) {
  const base = { type: facts.archive.isPicture ? "raster" : "vector", url: `pmtiles://${facts.base}` };
  if (facts.archive.isPicture) base.tileSize = 256;
  const style = { version: 8, sources: { base }, layers: baseLayers(tones, facts) };
  if (facts.places.length) {
    const features = facts.places.map(([name, x, y, rank]) => ({
      type: "Feature", properties: { name, rank }, geometry: { type: "Point", coordinates: [x, y] },
    }));
    style.sources.places = { type: "geojson", data: { type: "FeatureCollection", features } };
    style.layers.push(placeLayer(tones));
  }
  return style;
}

// The area of a search.
export function boxLayers(tones) {
  return [
    { id: "box-area", type: "fill", source: "box", paint: { "fill-color": tones.accent, "fill-opacity": 0.2 } },
    { id: "box-edge", type: "line", source: "box", paint: { "line-color": tones.accent, "line-width": 2 } },
  ];
}

export function dataLayers(number, layer, tones) {
  const paints = paintsOf(layer, tones);
  return PARTS.map(([part, type, kinds]) => ({
    id: `data-${number}-${part}`,
    type,
    source: `data-${number}`,
    filter: filterOf(layer, kinds),
    paint: paints[part],
    layout: { visibility: layer.isShown ? "visible" : "none", ...(type === "line" ? { "line-cap": "round", "line-join": "round" } : {}) },
  }));
}

// After the reader chose other colours, another time or other layers; after the screen became dark or light.
export function recolour(map, live) {
  const tones = colours();
  const wanted = [...baseLayers(tones, live.facts), ...(live.facts.places.length ? [placeLayer(tones)] : []), ...live.layers.flatMap((layer, number) => dataLayers(number, layer, tones))];
  for (const layer of wanted) {
    for (const [name, value] of Object.entries(layer.paint || {})) map.setPaintProperty(layer.id, name, value);
    if (!layer.id.startsWith("data-")) continue;
    map.setFilter(layer.id, layer.filter);
    map.setLayoutProperty(layer.id, "visibility", layer.layout.visibility);
  }
}
