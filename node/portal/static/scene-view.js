// The frame of a view in 3D: camera, light, buttons, keys, and the panel beside it. What is seen is the content's matter:
// objects of CityJSON or tiles. It is drawn only when something changed.
import { buttonsOf } from "./live-view.js";
import { MapPanel, element } from "./map-panel.js";
import { colours } from "./map-style.js";

const TURN = Math.PI / 12;
const FLATTEST = 0.02;
const STEEPEST = Math.PI / 2 - 0.02;
const ZOOM = 1.3;

export class SceneView {
  constructor(box, facts, library, content, all) {
    Object.assign(this, { box, facts, library, content, texts: facts.texts, chosen: null });
    this.layers = [{
      name: facts.name,
      colour: colours().accent,
      features: content.features,
      facts: { columns: content.columns, shown: all.shown, total: facts.tiles ? all.shown : all.total, skipped: 0 },
      isShown: true,
    }];
    this.area = element("div", { class: "live-map-area" });
    if (facts.tiles) this.texts.hint = this.texts["hint.tiles"];
    this.panel = new MapPanel(this);
    if (facts.tiles) {
      this.panel.root.querySelector(".live-map-steps").remove();
      this.panel.root.querySelector(".live-map-title span").textContent = this.texts.colours;
    }
    box.replaceChildren(this.area, this.panel.root);
    box.hidden = false;
    this.renderer = new library.WebGLRenderer({ antialias: true });
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.canvas = this.renderer.domElement;
    for (const [name, value] of [["tabindex", "0"], ["role", "application"], ["aria-label", this.texts.label]]) this.canvas.setAttribute(name, value);
    this.canvas.classList.add("scene-canvas");
    this.scene = new library.Scene();
    this.camera = new library.PerspectiveCamera(45, 1, 0.1, 1000);
    this.camera.up.set(0, 0, 1);
    this.light = new library.DirectionalLight(0xffffff, 1.6);
    this.scene.add(new library.HemisphereLight(0xffffff, 0x9a9a9a, 1.9), this.light, this.light.target, content.group);
    this.area.append(this.canvas, this.buttons(), element("span", { class: "live-map-cross", "aria-hidden": "true" }));
    this.controls = new library.OrbitControls(this.camera, this.canvas);
    this.controls.maxPolarAngle = Math.PI - STEEPEST / 2;
    this.controls.addEventListener("change", () => this.draw());
    this.listen();
    this.tones();
  }

  // The first look, from the south and above.
  ready() {
    this.showAll();
    const select = this.panel.root.querySelector("select");
    if (select && this.content.firstColumn) {
      select.value = this.content.firstColumn;
      select.dispatchEvent(new Event("change"));
    }
    this.box.dataset.state = "ready";
  }

  listen() {
    new ResizeObserver(() => this.resize()).observe(this.area);
    this.resize();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.tones(); this.refresh(); });
    let down = null;
    this.canvas.addEventListener("pointerdown", (event) => { down = [event.clientX, event.clientY]; });
    this.canvas.addEventListener("pointerup", (event) => {
      const isClick = down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 5;
      down = null;
      if (isClick) this.pickAt(event.clientX, event.clientY);
    });
    this.canvas.addEventListener("keydown", (event) => this.press(event));
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [across, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] || [0, 0];
    if (across || up) {
      if (event.shiftKey) this.move(across, up);
      else this.turn(across * TURN, up * TURN);
    } else if (event.key === "+" || event.key === "=") this.zoom(1 / ZOOM);
    else if (event.key === "-") this.zoom(ZOOM);
    else if (event.key === "Home") this.showAll();
    else if (event.key === "Escape") this.choose(null);
    else if (event.key === "Enter") {
      const box = this.canvas.getBoundingClientRect();
      this.pickAt(box.x + box.width / 2, box.y + box.height / 2);
    } else return;
    event.preventDefault();
  }

  buttons() {
    return buttonsOf(this.texts, [
      ["in", "+", () => this.zoom(1 / ZOOM)],
      ["out", "−", () => this.zoom(ZOOM)],
      ["left", "↺", () => this.turn(-TURN, 0)],
      ["right", "↻", () => this.turn(TURN, 0)],
      ["steeper", "⤒", () => this.turn(0, TURN)],
      ["flatter", "⤓", () => this.turn(0, -TURN)],
      ["all", "⤢", () => this.showAll()],
    ]);
  }

  // camera -------------------------------------------------------------------------------------------------
  resize() {
    const { clientWidth, clientHeight } = this.area;
    if (!clientWidth || !clientHeight) return;
    this.renderer.setSize(clientWidth, clientHeight);
    this.camera.aspect = clientWidth / clientHeight;
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  showAll() {
    this.look(this.content.sphere(), -Math.PI / 2 + 0.5, 0.65);
  }

  // Bring a sphere into view, from a direction (``around`` from the east) and a height over the horizon.
  look({ center, radius }, around, above) {
    const size = Math.max(radius, 0.5);
    const narrow = Math.min(1, this.camera.aspect);
    const distance = size / Math.sin((this.camera.fov * Math.PI) / 360) / narrow;
    this.controls.target.copy(center);
    this.camera.position.set(
      center.x + distance * Math.cos(above) * Math.cos(around),
      center.y + distance * Math.cos(above) * Math.sin(around),
      center.z + distance * Math.sin(above),
    );
    this.update();
  }

  update() {
    const distance = this.camera.position.distanceTo(this.controls.target);
    const radius = Math.max(this.content.sphere().radius, 1);
    this.camera.near = Math.max(distance / 1000, 0.05);
    this.camera.far = distance + radius * 6;
    this.camera.updateProjectionMatrix();
    this.controls.update();
    this.draw();
  }

  direction() {
    const away = this.camera.position.clone().sub(this.controls.target);
    const distance = away.length() || 1;
    return { away, distance, around: Math.atan2(away.y, away.x), above: Math.asin(away.z / distance) };
  }

  turn(around, above) {
    const now = this.direction();
    const angle = Math.min(Math.max(now.above + above, FLATTEST), STEEPEST);
    const flat = now.distance * Math.cos(angle);
    this.camera.position.set(flat * Math.cos(now.around + around), flat * Math.sin(now.around + around), now.distance * Math.sin(angle)).add(this.controls.target);
    this.update();
  }

  zoom(factor) {
    const { away } = this.direction();
    this.camera.position.copy(this.controls.target).add(away.multiplyScalar(factor));
    this.update();
  }

  // Along the ground, as the screen sees it.
  move(across, up) {
    const { around, distance } = this.direction();
    const step = distance / 12;
    const shift = new this.library.Vector3(
      -Math.sin(around) * across * step - Math.cos(around) * up * step,
      Math.cos(around) * across * step - Math.sin(around) * up * step,
      0,
    );
    this.controls.target.add(shift);
    this.camera.position.add(shift);
    this.update();
  }

  // drawing ------------------------------------------------------------------------------------------------
  draw() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      const away = this.camera.position.clone().sub(this.controls.target);
      this.light.position.copy(this.controls.target).add(away).add(new this.library.Vector3(-away.y, away.x, away.length()).multiplyScalar(0.5));
      this.light.target.position.copy(this.controls.target);
      this.content.beforeDraw(this);
      this.renderer.render(this.scene, this.camera);
      this.box.dataset.frames = String(Number(this.box.dataset.frames || 0) + 1);
    });
  }

  tones() {
    const tones = colours();
    this.renderer.setClearColor(new this.library.Color(tones.water));
    this.content.tones(tones);
    this.draw();
  }

  // Called by the panel after the reader chose another column.
  refresh() {
    const [layer] = this.layers;
    const { classes } = layer;
    this.content.paint((feature) => {
      if (!classes) return layer.colour;
      const value = feature.properties[classes.name];
      const entry = classes.entries.find((known) => ("from" in known
        ? typeof value === "number" && value >= known.from && (value < known.to || known === classes.entries[classes.entries.length - 1])
        : known.value !== null && known.value === String(value)));
      return (entry || { colour: "#8a8f93" }).colour;
    });
    this.draw();
  }

  // what a reader picks ------------------------------------------------------------------------------------
  pickAt(x, y) {
    const box = this.canvas.getBoundingClientRect();
    const ray = new this.library.Raycaster();
    ray.setFromCamera(new this.library.Vector2(((x - box.x) / box.width) * 2 - 1, 1 - ((y - box.y) / box.height) * 2), this.camera);
    this.choose(this.content.pick(ray), true);
  }

  choose(id, wasAsked = false) {
    this.chosen = id;
    this.content.choose(id);
    this.panel.show(id === null ? null : { number: 0, id }, wasAsked);
    this.draw();
  }

  step(step) {
    const shown = this.content.pickable;
    if (!shown.length) return;
    const at = shown.indexOf(this.chosen);
    const next = at < 0 ? shown[step > 0 ? 0 : shown.length - 1] : shown[(at + step + shown.length) % shown.length];
    this.choose(next);
    const { around, above } = this.direction();
    const { center, radius } = this.content.sphere(next);
    this.look({ center, radius: radius * 2 }, around, Math.max(above, 0.3));
  }

  // The panel asks for the moments of columns; objects have none.
  matches() {
    return true;
  }
}

