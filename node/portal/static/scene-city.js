// Objects of CityJSON: their surfaces as triangles in one mesh, with one colour for each object, and their edges as lines.
export class CityContent {
  constructor(library, scene, facts) {
    this.library = library;
    this.group = new library.Scene();
    this.objects = scene.objects;
    this.vertices = scene.vertices;
    this.features = this.objects.map((object, id) => ({ id, properties: this.propertiesOf(object, facts.texts) }));
    this.firstColumn = facts.texts.type;
    this.columns = [
      { name: facts.texts.type, numeric: false },
      ...(this.objects.some((object) => object.height !== null) ? [{ name: facts.texts.height, numeric: true }] : []),
      ...scene.facts.columns.filter(({ name }) => name !== facts.texts.type && name !== facts.texts.height),
    ];
    this.cut();
  }

  propertiesOf(object, texts) {
    const own = { [texts.id]: object.id, [texts.type]: object.type };
    if (object.height !== null) own[texts.height] = object.height;
    if (object.lod) own[texts.lod] = object.lod;
    if (object.parent) own[texts.parent] = object.parent;
    // What a file calls by the same name comes after what this view says.
    const others = Object.entries(object.properties).map(([name, value]) => [name in own ? `${name} *` : name, value]);
    return { ...own, ...Object.fromEntries(others) };
  }

  corner(number) {
    return [this.vertices[number * 3], this.vertices[number * 3 + 1], this.vertices[number * 3 + 2]];
  }

  cut() {
    const { library } = this;
    const positions = [];
    const normals = [];
    const lines = [];
    this.ranges = [];
    this.edges = [];
    this.pickable = [];
    this.objects.forEach((object, id) => {
      const [start, line] = [positions.length / 3, lines.length / 3];
      for (const [, ...rings] of object.surfaces) this.cutSurface(rings.map((ring) => ring.map((number) => this.corner(number))), positions, normals, lines);
      this.ranges.push([start, positions.length / 3]);
      this.edges.push([line, lines.length / 3]);
      if (positions.length / 3 > start) this.pickable.push(id);
    });
    const geometry = new library.BufferGeometry();
    geometry.setAttribute("position", new library.BufferAttribute(new Float32Array(positions), 3));
    geometry.setAttribute("normal", new library.BufferAttribute(new Float32Array(normals), 3));
    geometry.setAttribute("color", new library.BufferAttribute(new Float32Array(positions.length).fill(1), 3));
    const material = new library.MeshLambertMaterial({ vertexColors: true, side: library.DoubleSide, polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 1 });
    this.mesh = new library.Mesh(geometry, material);
    const outlines = new library.BufferGeometry();
    outlines.setAttribute("position", new library.BufferAttribute(new Float32Array(lines), 3));
    this.outlines = new library.LineSegments(outlines, new library.LineBasicMaterial({ transparent: true, opacity: 0.45 }));
    this.marked = new library.LineSegments(new library.BufferGeometry(), new library.LineBasicMaterial({ depthTest: false }));
    this.marked.renderOrder = 1;
    if (positions.length) this.group.add(this.mesh, this.outlines);
    geometry.computeBoundingSphere();
    this.whole = positions.length ? geometry.boundingSphere : new library.Sphere(new library.Vector3(), 1);
  }

  // A surface is flat, or nearly: it is laid on the plane of its outer ring, and cut there.
  cutSurface(rings, positions, normals, lines) {
    const { library } = this;
    for (const ring of rings) {
      ring.forEach((corner, at) => lines.push(...corner, ...ring[(at + 1) % ring.length]));
    }
    const [outer] = rings;
    if (!outer || outer.length < 3) return;
    const normal = new library.Vector3();
    outer.forEach(([x, y, z], at) => {
      const [a, b, c] = outer[(at + 1) % outer.length];
      normal.add(new library.Vector3((y - b) * (z + c), (z - c) * (x + a), (x - a) * (y + b)));
    });
    if (normal.lengthSq() < 1e-12) return;
    normal.normalize();
    let corners = outer;
    let triangles = [[0, 1, 2]];
    if (outer.length > 3 || rings.length > 1) {
      const right = new library.Vector3(Math.abs(normal.z) < 0.9 ? 0 : 1, 0, Math.abs(normal.z) < 0.9 ? 1 : 0).cross(normal).normalize();
      const up = normal.clone().cross(right);
      const flat = rings.map((ring) => ring.map((corner) => {
        const place = new library.Vector3(...corner);
        return new library.Vector2(place.dot(right), place.dot(up));
      }));
      corners = rings.flat();
      triangles = library.ShapeUtils.triangulateShape(flat[0], flat.slice(1));
    }
    for (const triangle of triangles) {
      for (const at of triangle) {
        positions.push(...corners[at]);
        normals.push(normal.x, normal.y, normal.z);
      }
    }
  }

  async begin(view) {
    view.ready();
  }

  beforeDraw() {}

  sphere(id) {
    if (id === undefined) return this.whole;
    const { library } = this;
    const [start, end] = this.ranges[id];
    const box = new library.Box3();
    const places = this.mesh.geometry.getAttribute("position");
    for (let at = start; at < end; at += 1) box.expandByPoint(new library.Vector3().fromBufferAttribute(places, at));
    return box.getBoundingSphere(new library.Sphere());
  }

  tones(tones) {
    this.outlines.material.color.set(tones.ink);
    this.marked.material.color.set(tones.ink);
    this.accent = tones.accent;
  }

  paint(colourOf) {
    this.colourOf = colourOf;
    const attribute = this.mesh.geometry.getAttribute("color");
    const colour = new this.library.Color();
    this.features.forEach((feature, id) => {
      colour.set(id === this.chosen ? this.accent : colourOf(feature));
      const [start, end] = this.ranges[id];
      for (let at = start; at < end; at += 1) attribute.setXYZ(at, colour.r, colour.g, colour.b);
    });
    attribute.needsUpdate = true;
  }

  // The object of a triangle: ranges are in the order of the objects.
  pick(ray) {
    const [hit] = ray.intersectObject(this.mesh);
    if (!hit) return null;
    const place = hit.face.a;
    let [low, high] = [0, this.ranges.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ranges[middle][1] <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Another colour, and edges that are seen through others.
  choose(id) {
    this.chosen = id;
    if (this.colourOf) this.paint(this.colourOf);
    this.group.remove(this.marked);
    if (id === null) return;
    const [start, end] = this.edges[id];
    const places = this.outlines.geometry.getAttribute("position").array.slice(start * 3, end * 3);
    this.marked.geometry.dispose();
    this.marked.geometry = new this.library.BufferGeometry();
    this.marked.geometry.setAttribute("position", new this.library.BufferAttribute(places, 3));
    this.group.add(this.marked);
  }
}
