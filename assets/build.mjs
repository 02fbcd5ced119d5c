// Makes what maps and views in 3D in a browser need, from packages that `npm ci` has installed beside this file:
//   node build.mjs FOLDER
// The files are the same for the same lock file. Nothing here runs on a node, or in a browser.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { baseMap, outlines } from "./base-map.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGES = join(HERE, "node_modules");
const folder = process.argv[2];
const names = {};
mkdirSync(folder, { recursive: true });

function write(name, bytes) {
  writeFileSync(join(folder, name), bytes);
  names[name] = createHash("sha256").update(bytes).digest("hex");
}

// The source maps stay behind: browsers would ask for them.
function script(...path) {
  return readFileSync(join(PACKAGES, ...path), "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
}

function compressed(name, text) {
  write(name, text);
  write(`${name}.gz`, gzipSync(text, { level: 9 }));
}

function licence(name) {
  const facts = JSON.parse(readFileSync(join(PACKAGES, name, "package.json"), "utf8"));
  const file = readdirSync(join(PACKAGES, name)).find((entry) => /^licen[cs]e(\.(txt|md))?$/i.test(entry));
  const text = file ? readFileSync(join(PACKAGES, name, file), "utf8").trim() : `Licence: ${facts.license}`;
  return `${facts.name} ${facts.version} (${facts.license})\n\n${text}\n`;
}

compressed("maplibre-gl.mjs", script("maplibre-gl", "dist", "maplibre-gl.mjs"));
compressed("maplibre-gl-worker.mjs", script("maplibre-gl", "dist", "maplibre-gl-worker.mjs"));
// The build for pages has its own dependency in it, and gives one global name.
const archives = script("pmtiles", "dist", "pmtiles.js").replace(/^"use strict";/, "");
compressed("pmtiles.mjs", `${archives}\nexport const { PMTiles, Protocol } = pmtiles;\n`);
// Modules that import others by bare names, which a browser finds with an inline map only: they are put together here.
const scenes = buildSync({
  absWorkingDir: HERE,
  entryPoints: { scenes: "scenes.mjs", "scene-tiles": "scene-tiles.mjs" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  chunkNames: "scene-core",
  outExtension: { ".js": ".mjs" },
  outdir: "out",
  write: false,
});
if (scenes.outputFiles.length !== 3) throw new Error("the library of views in 3D has other parts than three");
for (const { path, text } of scenes.outputFiles) compressed(basename(path), text);
write("base-map.pmtiles", baseMap(PACKAGES));
write("land.json", JSON.stringify(outlines(PACKAGES)));

const lock = JSON.parse(readFileSync(join(HERE, "package-lock.json"), "utf8"));
const shipped = Object.entries(lock.packages)
  .filter(([path, entry]) => path && !entry.dev && !path.includes("@types/"))
  .map(([path]) => path.slice("node_modules/".length));
write("LICENCES.txt", `${shipped.map(licence).join("\n----\n\n")}\n----\n\nThe base map is made of Natural Earth, which is in the public domain.\n`);
writeFileSync(join(folder, "assets.json"), `${JSON.stringify({ files: names, attribution: "Natural Earth" }, null, 2)}\n`);
