// The editor of conditions without reloading: each button and each change sends the form as it is, and the form that
// comes back takes its place. Without this file the buttons do the same by loading the page.
"use strict";

const editor = document.getElementById("editor");
const REST = 900;
let changes = 0;
let waiting = 0;

// The control that a person is at, and what they have written in it meanwhile, stay.
function put(page) {
  const next = page.getElementById("editor");
  if (!next) return false;
  const at = document.activeElement;
  const place = at && editor.contains(at) ? { id: at.id, value: at.value, start: at.selectionStart, end: at.selectionEnd } : null;
  const open = [...editor.querySelectorAll("details")].map((details) => details.open);
  editor.replaceChildren(...[...next.childNodes].map((node) => document.importNode(node, true)));
  [...editor.querySelectorAll("details")].forEach((details, index) => { details.open = details.open || open[index] || false; });
  const same = place && place.id && document.getElementById(place.id);
  if (same) {
    same.focus({ preventScroll: true });
    if (same.matches("input[type=text], textarea") && place.start !== null) same.setSelectionRange(place.start, place.end);
  }
  const state = document.getElementById("editor-state");
  state.textContent = "";
  setTimeout(() => { state.textContent = state.dataset.done; }, 50);
  return true;
}

async function send(button) {
  clearTimeout(waiting);
  const form = new URLSearchParams(new FormData(editor));
  form.set("do", button);
  changes += 1;
  const mine = changes;
  const answer = await fetch(editor.action, { method: "POST", body: form, headers: { Accept: "text/html" } });
  if (mine !== changes) return null;
  if (answer.redirected) {
    location.assign(answer.url);
    return null;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine === changes && !put(page)) editor.submit();
  return page;
}

// After a part was added, its first control; after one was removed, what stands at its place.
function moveTo(button) {
  const path = button.replace(/^(add|remove)\./, "");
  let places = [];
  if (button.startsWith("add.")) {
    const holder = /^r\./.test(path) ? document.getElementById(path.replace(/\.[cgd]$/, "")) : editor.querySelector(".editor");
    const kind = path.endsWith(".d") ? "d" : "c";
    places = [...(holder?.querySelectorAll("fieldset") || [])].filter((set) =>
      /^r\./.test(path) ? new RegExp(`^${path.replace(/\.[cgd]$/, "").replace(/\./g, "\\.")}\\.${kind}\\.\\d+$`).test(set.id) : /^r\.\d+$/.test(set.id));
    places.at(-1)?.querySelector("select, input:not([type=hidden])")?.focus();
  } else if (button.startsWith("remove.")) {
    const control = document.getElementById(path) || document.getElementById(path.replace(/\.[cd]\.\d+$/, "")) || editor.querySelector(".editor");
    control.querySelector("select, input:not([type=hidden]), button")?.focus();
  }
}

if (editor && window.fetch && window.DOMParser) {
  editor.addEventListener("submit", async (event) => {
    const button = event.submitter?.value || "refresh";
    event.preventDefault();
    try {
      if (await send(button)) moveTo(button);
    } catch {
      // The node cannot be reached: the browser says so when it sends the form itself.
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "do", value: button });
      editor.prepend(field);
      editor.submit();
    }
  });
  editor.addEventListener("change", (event) => {
    if (event.target.id === "from") return;
    send("refresh").catch(() => {});
  });
  editor.addEventListener("input", (event) => {
    if (event.target.id === "from") return;
    // What a person is writing is newer than any answer on its way.
    changes += 1;
    clearTimeout(waiting);
    if (!event.target.matches("select, [type=checkbox], textarea")) waiting = setTimeout(() => send("refresh").catch(() => {}), REST);
  });
}
