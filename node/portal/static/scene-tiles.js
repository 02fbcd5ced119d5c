// Sets of 3D Tiles: tiles are asked from this node as the reader comes near to them. What a tile names is looked up in the
// same file; nothing else is ever loaded. Pictures in tiles are read without addresses of their own, which the policy of
// the page forbids.
const PREFIX = "/set-of-tiles/";
const MOST_DOWNLOADS = 4;
const ERROR_TARGET = 12;
const FAR = 1e6;

export class TilesContent {
  constructor(library, loaders, facts) {
    Object.assign(this, { library, facts, features: [], columns: [], pickable: [], chosen: null });
    this.group = new library.Scene();
    this.tiles = new loaders.TilesRenderer(`${location.origin}${PREFIX}${facts.root.split("/").map(encodeURIComponent).join("/")}`);
    this.tiles.registerPlugin({
      name: "NODE",
      fetchData: (address, options) => fetch(this.addressOf(address), { signal: options.signal }),
    });
    this.tiles.downloadQueue.maxJobsPerOrigin = MOST_DOWNLOADS;
    this.tiles.downloadQueue.maxJobs = MOST_DOWNLOADS;
    this.tiles.errorTarget = ERROR_TARGET;
    this.tiles.manager.setURLModifier((address) => (address.startsWith("data:") ? address : this.addressOf(address)));
    const reader = new loaders.GLTFLoader(this.tiles.manager);
    reader.register((parser) => this.pictures(parser));
    this.tiles.manager.addHandler(/\.(gltf|glb)$/, reader);
    this.group.add(this.tiles.group);
    this.marked = new library.Mesh(new library.BufferGeometry(), new library.MeshLambertMaterial({ side: library.DoubleSide, polygonOffset: true, polygonOffsetFactor: -2, polygonOffsetUnits: -2 }));
    this.whole = new library.Sphere(new library.Vector3(), 1);
    this.errors = 0;
  }

  addressOf(address) {
    const { origin, pathname } = new URL(address, location.href);
    if (origin !== location.origin || !pathname.startsWith(PREFIX)) throw new Error("a tile names another host");
    const url = new URL(this.facts.tiles, location.href);
    url.searchParams.set("member", decodeURIComponent(pathname.slice(PREFIX.length)));
    return url.href;
  }

  pictures(parser) {
    const { library } = this;
    return {
      name: "PICTURES_WITHOUT_ADDRESSES",
      loadTexture: async (index) => {
        const { source } = parser.json.textures[index];
        const picture = parser.json.images?.[source];
        if (!picture) return null;
        let bytes;
        if (picture.bufferView !== undefined) bytes = await parser.getDependency("bufferView", picture.bufferView);
        else if (String(picture.uri).startsWith("data:")) return null;
        else {
          const answer = await fetch(this.addressOf(new URL(picture.uri, new URL(parser.options.path || PREFIX, location.href)).href));
          if (!answer.ok) return null;
          bytes = await answer.arrayBuffer();
        }
        const type = picture.mimeType || "image/jpeg";
        const texture = new library.Texture(await createImageBitmap(new Blob([bytes], { type })));
        texture.flipY = false;
        texture.needsUpdate = true;
        return texture;
      },
    };
  }

  async begin(view) {
    this.view = view;
    const { tiles } = this;
    tiles.setCamera(view.camera);
    for (const event of ["needs-update", "load-model", "tile-visibility-change", "load-tileset"]) tiles.addEventListener(event, () => view.draw());
    tiles.addEventListener("load-model", () => { view.box.dataset.models = String(Number(view.box.dataset.models || 0) + 1); });
    tiles.addEventListener("load-error", ({ error }) => {
      this.errors += 1;
      view.box.dataset.error = String(error);
      view.box.parentElement.querySelector(".live-map-status").textContent = this.facts.texts.unshown;
    });
    await new Promise((done, fail) => {
      tiles.addEventListener("load-root-tileset", done);
      tiles.addEventListener("load-error", ({ error, tile }) => { if (!tile) fail(error); });
      tiles.update();
    });
    this.place();
    view.ready();
  }

  // Places on the globe are turned so that up is up, north is away from the reader, and the middle is near zero.
  place() {
    const { library, tiles } = this;
    const sphere = new library.Sphere();
    if (!tiles.getBoundingSphere(sphere)) return;
    const { center } = sphere;
    const turn = new library.Matrix4();
    if (center.length() > FAR) {
      const up = center.clone().normalize();
      const east = new library.Vector3(-center.y, center.x, 0).normalize();
      turn.makeBasis(east, up.clone().cross(east), up).transpose();
    }
    const move = new library.Matrix4().makeTranslation(-center.x, -center.y, -center.z);
    turn.multiply(move).decompose(tiles.group.position, tiles.group.quaternion, tiles.group.scale);
    tiles.group.updateMatrixWorld(true);
    this.whole = new library.Sphere(new library.Vector3(), sphere.radius);
  }

  beforeDraw(view) {
    this.tiles.setResolutionFromRenderer(view.camera, view.renderer);
    view.camera.updateMatrixWorld();
    this.tiles.update();
  }

  sphere() {
    return this.whole;
  }

  tones(tones) {
    this.marked.material.color.set(tones.accent);
  }

  // Tiles have the colours of their file.
  paint() {}

  pick(ray) {
    const [hit] = ray.intersectObject(this.tiles.group, true);
    if (!hit) return null;
    const table = this.tableOf(hit.object);
    const ids = hit.face ? hit.object.geometry.getAttribute("_batchid") : null;
    const { texts } = this.facts;
    let properties;
    let isOwn = () => true;
    if (table && ids) {
      const id = ids.getX(hit.face.a);
      isOwn = (corner) => ids.getX(corner) === id;
      properties = { [texts.id]: String(id), ...table.getDataFromId(id) };
    } else {
      properties = { [texts.id]: hit.object.name || hit.object.parent?.name || "–", ...this.extrasOf(hit.object) };
    }
    this.features.push({ id: this.features.length, properties: this.plain(properties), hit, isOwn });
    return this.features.length - 1;
  }

  tableOf(object) {
    for (let above = object; above; above = above.parent) if (above.batchTable) return above.batchTable;
    return null;
  }

  extrasOf(object) {
    return Object.fromEntries(Object.entries({ ...object.parent?.userData, ...object.userData }).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value)));
  }

  plain(properties) {
    return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, value !== null && typeof value === "object" ? JSON.stringify(value) : value]));
  }

  // The triangles of the picked object again, in the colour of what is chosen.
  choose(id) {
    const { library } = this;
    this.group.remove(this.marked);
    if (id === null) return;
    const { hit, isOwn } = this.features[id];
    const { geometry } = hit.object;
    const places = geometry.getAttribute("position");
    if (!hit.face || !places) return;
    const count = geometry.index ? geometry.index.count : places.count;
    const corners = [];
    const corner = new library.Vector3();
    for (let at = 0; at < count; at += 3) {
      const numbers = [0, 1, 2].map((next) => (geometry.index ? geometry.index.getX(at + next) : at + next));
      if (!isOwn(numbers[0])) continue;
      for (const number of numbers) corners.push(...corner.fromBufferAttribute(places, number).applyMatrix4(hit.object.matrixWorld).toArray());
    }
    this.marked.geometry.dispose();
    this.marked.geometry = new library.BufferGeometry();
    this.marked.geometry.setAttribute("position", new library.BufferAttribute(new Float32Array(corners), 3));
    this.marked.geometry.computeVertexNormals();
    this.group.add(this.marked);
  }
}
