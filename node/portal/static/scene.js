// Views in 3D that a reader can turn, zoom and ask. The library is loaded when a view comes into sight; everything comes
// from this node. Without this file, or where it fails, the table of the server is what there is.
import { openWhenSeen, read } from "./live-view.js";
import { CityContent } from "./scene-city.js";
import { SceneView } from "./scene-view.js";

const MARGIN = 200;

async function content(facts, library, scene) {
  if (!facts.tiles) return new CityContent(library, scene, facts);
  const [{ TilesContent }, loaders] = await Promise.all([import("./scene-tiles.js"), import(facts.tileLibrary)]);
  return new TilesContent(library, loaders, facts);
}

async function open(box, facts) {
  const [library, scene] = await Promise.all([import(facts.library), read(facts.address, "application/json")]);
  const shown = await content(facts, library, scene);
  box.live = new SceneView(box, facts, library, shown, scene.facts);
  await shown.begin(box.live);
}

openWhenSeen({ frames: ".scene:has([data-scene])", name: "scene", margin: MARGIN, open });
