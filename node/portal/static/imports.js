// An import: sends the form to the API, and shows the report line by line as it comes.
"use strict";

const TYPES = {
  ttl: "text/turtle", jsonld: "application/ld+json", json: "application/ld+json", geojson: "application/ld+json",
  rdf: "application/rdf+xml", xml: "application/rdf+xml", owl: "application/rdf+xml",
  nt: "application/n-triples", nq: "application/n-quads", trig: "application/trig",
};
const SHOWN = 2000;
const COLUMNS = ["number", "outcome", "title", "iri", "former", "address", "version", "conforms", "points", "note"];

const form = document.getElementById("import");
const at = (id) => document.getElementById(id);
const words = {};
for (const option of at("outcome").options) words[option.value] = option.textContent;

let records = [];
let ending = null;
let counts = {};

function element(name, text) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  return made;
}

function list(texts, languages = []) {
  const made = element("ul");
  made.className = "plain small";
  texts.forEach((text, place) => made.append(inLanguage(element("li", text), languages[place])));
  return made;
}

// A reason for which there is no text in the page's language is in English.
function inLanguage(made, language) {
  if (language && language !== form.dataset.language) made.lang = language;
  return made;
}

function repairText(repair) {
  const forms = repair.forms || ["", ""];
  const side = (text, form) => (form ? `${text} (${form})` : text);
  return `${repair.rule}: ${side(repair.before, forms[0])} → ${side(repair.after, forms[1])}`;
}

function faultTexts(record) {
  const faults = record.findings.map((finding) => finding.message);
  return record.error ? [record.error, record.remedy, ...faults].filter(Boolean) : faults;
}

function row(record) {
  const made = element("tr");
  const name = element("th");
  name.scope = "row";
  const title = element(record.address && record.outcome !== "refused" ? "a" : "span");
  title.append(element("bdi", record.title || record.iri || record.address || `${record.number}`));
  if (title.localName === "a") title.href = record.address;
  name.append(title);
  const cells = [element("td", words[record.outcome]), element("td"), element("td")];
  const remark = record.former ? `${at("report").dataset.former} ${record.former}` : record.note;
  if (remark) cells[0].append(element("br"), inLanguage(element("bdi", remark), record.former ? "" : record.language));
  const reasons = record.error ? [record.error, record.remedy].filter(Boolean).map(() => record.language) : [];
  cells[1].append(list(faultTexts(record), reasons));
  cells[2].append(list(record.repairs.map(repairText)));
  const heads = document.querySelectorAll("#report thead th");
  cells.forEach((cell, place) => { cell.dataset.label = heads[place + 1].textContent; });
  made.append(name, ...cells);
  return made;
}

function fits(record) {
  const wanted = at("outcome").value;
  if (wanted === "faults" ? !faultTexts(record).length : wanted && record.outcome !== wanted) return false;
  const text = at("words").value.trim().toLowerCase();
  return !text || `${record.title} ${record.iri} ${record.former} ${faultTexts(record).join(" ")}`.toLowerCase().includes(text);
}

function show() {
  const matches = records.filter(fits);
  at("rows").replaceChildren(...matches.slice(0, SHOWN).map(row));
  at("more").hidden = matches.length <= SHOWN;
  at("counted").hidden = !((counts.unchanged || 0) > records.filter((r) => r.outcome === "unchanged").length);
}

// A spreadsheet must not take a title for a formula.
function cell(value) {
  const text = String(value ?? "").replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  return `"${(/^[=+\-@|%＝＋－＠]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

function offerCsv() {
  const lines = [[...COLUMNS, "faults", "repairs"].map(cell).join(",")];
  for (const record of records) {
    const values = COLUMNS.map((name) => record[name]);
    values.push(faultTexts(record).join("; "), record.repairs.map(repairText).join("; "));
    lines.push(values.map(cell).join(","));
  }
  const link = at("csv");
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n")], { type: "text/csv" }));
  link.hidden = false;
}

function tell(state) {
  at("state").textContent = at("state").dataset[state];
  const done = records.length + (counts.unchanged || 0) - records.filter((r) => r.outcome === "unchanged").length;
  at("bar").value = state === "running" ? done : at("bar").max;
}

function take(event) {
  if (event.event === "opened") {
    at("source").textContent = Object.values(event.title)[0] || event.source;
    at("bar").max = Math.max(event.total, 1);
  } else if (event.event === "record") {
    records.push(event);
    counts[event.outcome] = (counts[event.outcome] || 0) + 1;
    counts.conforming = (counts.conforming || 0) + (event.conforms ? 1 : 0);
    counts.repaired = (counts.repaired || 0) + (event.repairs.length ? 1 : 0);
    if (records.length <= 50 && fits(event)) at("rows").append(row(event));
  } else {
    counts = event;
    at("missing").hidden = !event.missing;
  }
  for (const shown of document.querySelectorAll("[data-count]")) {
    shown.textContent = new Intl.NumberFormat(form.dataset.language).format(counts[shown.dataset.count] || 0);
  }
}

async function read(answer) {
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  let rest = "";
  let last = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return last;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) take((last = JSON.parse(line)));
    tell("running");
  }
}

function complain(text) {
  at("trouble").hidden = !text;
  at("trouble").lastElementChild.textContent = text;
}

async function run(check) {
  const data = new FormData(form);
  const file = data.get("file");
  const url = data.get("url").trim();
  if (!url && !file.name) return at("url").focus();
  const query = new URLSearchParams({ language: form.dataset.language });
  if (check) query.set("check", "true");
  if (data.get("repair")) query.set("rule", "safe");
  if (data.get("audience")) query.set("audience", data.get("audience"));
  if (url) query.set("url", url);
  if (url && data.get("agreed")) query.set("agreed", "true");
  const request = { method: "POST", signal: ending.signal };
  if (!url) {
    query.set("name", file.name.replace(/\.[^.]*$/, ""));
    request.body = file;
    request.headers = { "Content-Type": TYPES[file.name.split(".").pop().toLowerCase()] || "text/turtle" };
  }
  records = [];
  counts = {};
  at("rows").replaceChildren();
  at("csv").hidden = true;
  at("missing").hidden = true;
  at("report").hidden = false;
  at("bar").value = 0;
  at("report-heading").focus();
  tell("running");
  const answer = await fetch(`${form.dataset.api}?${query}`, request);
  if (!answer.ok) {
    const problem = await answer.json();
    at("report").hidden = true;
    complain([problem.detail || problem.title, problem.remedy].filter(Boolean).join(" – "));
    return at("trouble").scrollIntoView();
  }
  const last = await read(answer);
  tell(last.event !== "closed" ? "failed" : check ? "checked" : "done");
  if (last.event === "failed") complain(last.detail);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (ending) return;
  ending = new AbortController();
  at("stop").hidden = false;
  complain("");
  try {
    await run(Boolean(event.submitter && event.submitter.value));
  } catch (error) {
    tell(error.name === "AbortError" ? "stopped" : "failed");
  } finally {
    ending = null;
    at("stop").hidden = true;
    show();
    if (records.length) offerCsv();
  }
});
at("stop").addEventListener("click", () => ending && ending.abort());
at("words").addEventListener("input", show);
at("outcome").addEventListener("change", show);
