// The base map: land, borders and names of countries of Natural Earth, as vector tiles in one file (PMTiles, version 3).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createRequire } from "node:module";
import geojsonvt from "geojson-vt";
import { feature, mesh } from "topojson-client";

const { fromGeojsonVt } = createRequire(import.meta.url)("vt-pbf");

const LARGEST_ZOOM = 6;
const DETAILED_FROM = 4;
const HEADER = 127;
const MOST_OF_ROOT = 16384 - HEADER;
const GZIP = 2;
const VECTOR = 1;

function read(packages, scale) {
  return JSON.parse(readFileSync(join(packages, "world-atlas", `countries-${scale}.json`), "utf8"));
}

function areaOf(ring) {
  let sum = 0;
  for (let at = 0; at < ring.length - 1; at += 1) sum += ring[at][0] * ring[at + 1][1] - ring[at + 1][0] * ring[at][1];
  return sum / 2;
}

function middleOf(ring) {
  const area = areaOf(ring);
  let [x, y] = [0, 0];
  for (let at = 0; at < ring.length - 1; at += 1) {
    const cross = ring[at][0] * ring[at + 1][1] - ring[at + 1][0] * ring[at][1];
    x += (ring[at][0] + ring[at + 1][0]) * cross;
    y += (ring[at][1] + ring[at + 1][1]) * cross;
  }
  return [x / (6 * area), y / (6 * area)];
}

// A name stands in the middle of the largest part of its country, and large countries come first.
function namesOf(atlas) {
  const countries = feature(atlas, atlas.objects.countries).features.filter((country) => country.geometry);
  const points = countries.map((country) => {
    const { type, coordinates } = country.geometry;
    const rings = (type === "Polygon" ? [coordinates] : coordinates).map(([outer]) => outer);
    const largest = rings.reduce((one, other) => (Math.abs(areaOf(other)) > Math.abs(areaOf(one)) ? other : one));
    const size = Math.abs(areaOf(largest));
    // Browsers know names of countries in their languages, by codes of two letters.
    const code = country.id ? Intl.getCanonicalLocales(`und-${country.id}`)[0].slice("und-".length) : "";
    return {
      type: "Feature",
      geometry: { type: "Point", coordinates: middleOf(largest) },
      properties: { name: country.properties.name, code: /^[A-Z]{2}$/.test(code) ? code : "", rank: -Math.round(size * 100) },
    };
  });
  points.sort((one, other) => one.properties.rank - other.properties.rank);
  return { type: "FeatureCollection", features: points };
}

function layersOf(packages, scale) {
  const atlas = read(packages, scale);
  const { countries, land } = atlas.objects;
  const options = { maxZoom: LARGEST_ZOOM, indexMaxZoom: 0, tolerance: 3, extent: 4096, buffer: 64 };
  const borders = { type: "Feature", properties: {}, geometry: mesh(atlas, countries, (one, other) => one !== other) };
  return {
    land: geojsonvt(feature(atlas, land), options),
    borders: geojsonvt(borders, { ...options, buffer: 8 }),
    countries: geojsonvt(namesOf(atlas), { ...options, buffer: 0 }),
  };
}

// Land and borders for drawings of the server: rings and lines as hundredths of a degree, without corners that fall together.
export function outlines(packages) {
  const atlas = read(packages, "50m");
  const { countries, land } = atlas.objects;
  const flat = (line) => {
    const numbers = [];
    for (const [x, y] of line) {
      const [a, b] = [Math.round(x * 100), Math.round(y * 100)];
      if (numbers.length && numbers[numbers.length - 2] === a && numbers[numbers.length - 1] === b) continue;
      numbers.push(a, b);
    }
    return numbers;
  };
  const { features } = feature(atlas, land);
  const rings = features.flatMap(({ geometry: { type, coordinates } }) => (type === "Polygon" ? [coordinates] : coordinates).flat());
  return { land: rings.map(flat), borders: mesh(atlas, countries, (one, other) => one !== other).coordinates.map(flat) };
}

// The place of a tile on the Hilbert curve of its zoom, behind all tiles of the zooms before it.
function numberOf(zoom, column, row) {
  let number = 0;
  for (let before = 0; before < zoom; before += 1) number += 4 ** before;
  let [x, y] = [column, row];
  for (let side = 2 ** zoom / 2; side >= 1; side /= 2) {
    const right = x & side ? 1 : 0;
    const down = y & side ? 1 : 0;
    number += side * side * ((3 * right) ^ down);
    if (!down) {
      if (right) [x, y] = [side - 1 - x, side - 1 - y];
      [x, y] = [y, x];
    }
  }
  return number;
}

function tilesOf(packages) {
  const coarse = layersOf(packages, "50m");
  const detailed = layersOf(packages, "10m");
  const tiles = [];
  for (let zoom = 0; zoom <= LARGEST_ZOOM; zoom += 1) {
    const layers = zoom < DETAILED_FROM ? coarse : detailed;
    for (let x = 0; x < 2 ** zoom; x += 1) {
      for (let y = 0; y < 2 ** zoom; y += 1) {
        const parts = {};
        for (const [name, index] of Object.entries(layers)) {
          const tile = index.getTile(zoom, x, y);
          if (tile && tile.features.length) parts[name] = tile;
        }
        if (!Object.keys(parts).length) continue;
        tiles.push({ number: numberOf(zoom, x, y), bytes: gzipSync(fromGeojsonVt(parts, { version: 2 }), { level: 9 }) });
      }
    }
  }
  return tiles.sort((one, other) => one.number - other.number);
}

function varint(number) {
  const bytes = [];
  let rest = number;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

// Tiles that are the same are stored once; neighbours among them are one entry of the directory.
function stored(tiles) {
  const places = new Map();
  const entries = [];
  const bodies = [];
  let length = 0;
  for (const { number, bytes } of tiles) {
    const key = bytes.toString("base64");
    if (!places.has(key)) {
      places.set(key, length);
      bodies.push(bytes);
      length += bytes.length;
    }
    const last = entries[entries.length - 1];
    const offset = places.get(key);
    if (last && last.offset === offset && last.number + last.run === number) last.run += 1;
    else entries.push({ number, run: 1, length: bytes.length, offset });
  }
  return { entries, data: Buffer.concat(bodies), contents: places.size };
}

function directory(entries) {
  const columns = [
    varint(entries.length),
    entries.flatMap((entry, at) => varint(entry.number - (at ? entries[at - 1].number : 0))),
    entries.flatMap((entry) => varint(entry.run)),
    entries.flatMap((entry) => varint(entry.length)),
    entries.flatMap((entry, at) => {
      const before = entries[at - 1];
      return varint(before && entry.offset === before.offset + before.length ? 0 : entry.offset + 1);
    }),
  ];
  return gzipSync(Buffer.from(columns.flat()), { level: 9 });
}

export function baseMap(packages) {
  const tiles = tilesOf(packages);
  const { entries, data, contents } = stored(tiles);
  const root = directory(entries);
  if (root.length > MOST_OF_ROOT) throw new Error("the directory of the base map needs leaves, which are not written");
  const layers = ["land", "borders", "countries"].map((id) => ({ id, fields: id === "countries" ? { name: "String", code: "String", rank: "Number" } : {} }));
  const metadata = gzipSync(JSON.stringify({ name: "Natural Earth", attribution: "Natural Earth", vector_layers: layers }), { level: 9 });
  const header = Buffer.alloc(HEADER);
  header.write("PMTiles", 0, "ascii");
  header.writeUInt8(3, 7);
  const numbers = [
    HEADER, root.length, HEADER + root.length, metadata.length, HEADER + root.length + metadata.length, 0,
    HEADER + root.length + metadata.length, data.length, tiles.length, entries.length, contents,
  ];
  numbers.forEach((number, at) => header.writeBigUInt64LE(BigInt(number), 8 + 8 * at));
  [1, GZIP, GZIP, VECTOR, 0, LARGEST_ZOOM].forEach((byte, at) => header.writeUInt8(byte, 96 + at));
  [-180, -85.05, 180, 85.05].forEach((degrees, at) => header.writeInt32LE(Math.round(degrees * 1e7), 102 + 4 * at));
  header.writeUInt8(0, 118);
  return Buffer.concat([header, root, metadata, data]);
}
