// Beside a map: its layers with their legends, the times, and the columns of the feature that a reader picked. All content
// is set as text: nothing of the data is ever read as markup.
import { classesOf } from "./map-style.js";

const MOST_TIMES = 60;
const LENGTHS = [19, 16, 13, 10, 7, 4];
const VISIBLE = 60;

export function element(kind, attributes = {}, text = "") {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

function short(text) {
  return text.length > VISIBLE ? `${text.slice(0, VISIBLE - 1)}…` : text;
}

function swatch(colour) {
  const box = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["width", "16"], ["height", "16"], ["aria-hidden", "true"]]) box.setAttribute(name, value);
  const inside = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of [["x", "1"], ["y", "1"], ["width", "14"], ["height", "14"], ["rx", "3"], ["fill", colour], ["stroke", "currentColor"]]) inside.setAttribute(name, value);
  box.append(inside);
  return box;
}

let numbers = 0;

function labelled(kind, label, attributes = {}) {
  numbers += 1;
  const id = `live-map-${numbers}`;
  const field = element(kind, { id, ...attributes });
  const row = element("div", { class: "field" });
  row.append(element("label", { for: id }, label), field);
  return { row, field };
}

function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, text]) => {
    const option = element("option", {}, text);
    option.value = value;
    return option;
  }));
}

export class MapPanel {
  constructor(live) {
    this.live = live;
    this.texts = live.facts.texts;
    this.numbers = new Intl.NumberFormat(live.facts.language, { maximumSignificantDigits: 6 });
    this.root = element("div", { class: "live-map-panel" });
    this.root.append(this.pickedBox(), ...live.layers.map((layer) => this.legendOf(layer)), ...this.timesOf());
    this.show(null, false);
  }

  // legends ------------------------------------------------------------------------------------------------
  legendOf(layer) {
    const box = element("section", { class: "live-map-layer", "aria-label": layer.name });
    const title = element("p", { class: "live-map-title" });
    if (this.live.layers.length > 1) {
      numbers += 1;
      const tick = element("input", { type: "checkbox", id: `live-map-${numbers}` });
      tick.checked = true;
      tick.addEventListener("change", () => { layer.isShown = tick.checked; this.live.refresh(); });
      title.append(tick, element("label", { for: tick.id }, layer.name));
    } else title.append(element("span", {}, layer.name));
    title.prepend(swatch(layer.colour), " ");
    const { row, field } = labelled("select", this.texts.colour);
    options(field, [["", this.texts["colour.none"]], ...layer.facts.columns.map(({ name }) => [name, name])]);
    const legend = element("ul", { class: "live-map-legend" });
    field.addEventListener("change", () => {
      layer.classes = field.value ? classesOf(layer, field.value) : null;
      this.listClasses(layer, legend);
      this.live.refresh();
    });
    this.listClasses(layer, legend);
    box.append(title, ...(layer.facts.columns.length ? [row] : []), legend);
    const { shown, total, skipped } = layer.facts;
    if (shown + skipped < total) {
      const values = { shown: this.numbers.format(shown), total: this.numbers.format(total) };
      box.append(element("p", { class: "soft small" }, fill(this.texts.part, values)));
    }
    return box;
  }

  listClasses(layer, legend) {
    const entries = layer.classes ? layer.classes.entries : [];
    legend.replaceChildren(...entries.map((entry) => {
      const row = element("li");
      const format = (number) => this.numbers.format(number);
      let text = entry.value === null ? this.texts.other : String(entry.value ?? "");
      if ("from" in entry) text = entry.from === entry.to ? format(entry.from) : `${format(entry.from)} – ${format(entry.to)}`;
      row.append(swatch(entry.colour), element("span", {}, short(text) || "–"));
      return row;
    }));
  }

  // times --------------------------------------------------------------------------------------------------
  timesOf() {
    const columns = this.live.layers.flatMap((layer) => layer.facts.columns.filter((column) => column.temporal).map(({ name }) => ({ layer, name })));
    if (!columns.length) return [];
    const box = element("section", { class: "live-map-layer", "aria-label": this.texts.time });
    const select = labelled("select", this.texts["time.column"]);
    options(select.field, columns.map(({ layer, name }, at) => [String(at), columns.length > 1 && this.live.layers.length > 1 ? `${name} (${short(layer.name)})` : name]));
    const slider = labelled("input", this.texts.time, { type: "range", min: "0", step: "1", value: "0" });
    const moment = element("output", { for: slider.field.id });
    slider.row.append(moment);
    const choose = () => {
      const { layer, name } = columns[Number(select.field.value)];
      const { length, values } = this.periods(layer, name);
      slider.field.max = String(values.length);
      slider.field.value = String(Math.min(Number(slider.field.value), values.length));
      for (const each of this.live.layers) each.moment = each.period = null;
      const value = values[Number(slider.field.value) - 1];
      if (value) {
        layer.period = { name, length, value };
        layer.moment = ["==", ["slice", ["to-string", ["get", name]], 0, length], value];
      }
      const words = value ? value.replace("T", " ") : this.texts["time.all"];
      moment.textContent = words;
      slider.field.setAttribute("aria-valuetext", words);
      if (this.live.map) this.live.refresh();
    };
    select.field.addEventListener("change", () => { slider.field.value = "0"; choose(); });
    slider.field.addEventListener("input", choose);
    box.append(...(columns.length > 1 ? [select.row] : []), slider.row);
    choose();
    return [box];
  }

  // Moments are put together by year, month, day or hour, until a slider can step through them.
  periods(layer, name) {
    const moments = layer.features.map((feature) => feature.properties[name]).filter(Boolean).map(String);
    for (const length of LENGTHS) {
      const values = [...new Set(moments.map((moment) => moment.slice(0, length)))].sort();
      if (values.length <= MOST_TIMES || length === LENGTHS[LENGTHS.length - 1]) return { length, values: values.slice(0, 1000) };
    }
    return { length: LENGTHS[0], values: [] };
  }

  matches(layer, feature) {
    if (!layer.period) return true;
    return String(feature.properties[layer.period.name] ?? "").slice(0, layer.period.length) === layer.period.value;
  }

  // the feature that was picked ----------------------------------------------------------------------------
  pickedBox() {
    const box = element("section", { class: "live-map-picked", "aria-label": this.texts.feature });
    const steps = element("p", { class: "live-map-steps" });
    for (const [key, step] of [["previous", -1], ["next", 1]]) {
      const button = element("button", { type: "button", class: "button quiet small" }, this.texts[key]);
      button.addEventListener("click", () => this.live.step(step));
      steps.append(button);
    }
    this.columns = element("div", { role: "status" });
    box.append(steps, this.columns);
    return box;
  }

  show(chosen, wasAsked) {
    if (!chosen) {
      this.columns.replaceChildren(element("p", { class: "soft small" }, wasAsked ? this.texts.none : this.texts.hint));
      return;
    }
    const layer = this.live.layers[chosen.number];
    const list = element("dl", { class: "facts" });
    for (const [name, value] of Object.entries(layer.features[chosen.id].properties)) {
      const row = element("div");
      const text = value === null ? "–" : typeof value === "number" ? this.numbers.format(value) : String(value);
      row.append(element("dt", {}, name), element("dd", {}, text));
      list.append(row);
    }
    const title = this.live.layers.length > 1 ? [element("p", { class: "soft small" }, layer.name)] : [];
    this.columns.replaceChildren(...title, list);
  }
}
