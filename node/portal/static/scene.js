// Views in 3D that a reader can turn, zoom and ask. The library is loaded when a view comes into sight; everything comes
// from this node. Without this file, or where it fails, the table of the server is what there is.
import { CityContent } from "./scene-city.js";
import { SceneView } from "./scene-view.js";

async function content(facts, library, scene) {
  if (!facts.tiles) return new CityContent(library, scene, facts);
  const [{ TilesContent }, loaders] = await Promise.all([import("./scene-tiles.js"), import(facts.tileLibrary)]);
  return new TilesContent(library, loaders, facts);
}

async function objects(facts) {
  const answer = await fetch(facts.address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

async function start(box) {
  const facts = JSON.parse(box.dataset.scene);
  const status = box.parentElement.querySelector(".live-map-status");
  status.textContent = facts.texts.loading;
  try {
    const [library, scene] = await Promise.all([import(facts.library), objects(facts)]);
    const shown = await content(facts, library, scene);
    box.live = new SceneView(box, facts, library, shown, scene.facts);
    await shown.begin(box.live);
    status.textContent = "";
  } catch (error) {
    // A browser without WebGL, or a node that is busy: the table stays.
    box.replaceChildren();
    box.hidden = true;
    box.dataset.state = "failed";
    box.dataset.error = String(error);
    status.textContent = facts.texts.failed;
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    start(entry.target.querySelector("[data-scene]"));
  }
}, { rootMargin: "200px" });
for (const figure of document.querySelectorAll(".scene:has([data-scene])")) seen.observe(figure);
