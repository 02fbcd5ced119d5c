// Errors beside the fields while a person fills in the form about a dataset, and its conditions in words. The node
// checks the answers, and saves nothing. Without this file the same errors come when the form is sent.
"use strict";

const answers = document.querySelector("form[data-check]");
const visited = new Set();
const PAUSE = 700;
let waiting = 0;
let asking = null;

// The control of a term from a long list has another name than the field that the form sends.
function nameOf(control) {
  const name = control.name || control.id;
  const details = control.closest("#conditions");
  return details ? "conditions" : name;
}

function withoutError(name) {
  document.getElementById(`${name}-error`)?.remove();
  const control = document.getElementById(name);
  if (!control) return;
  control.removeAttribute("aria-invalid");
  const words = (control.getAttribute("aria-describedby") || "").split(" ").filter((id) => id && id !== `${name}-error`);
  if (words.length) control.setAttribute("aria-describedby", words.join(" "));
  else control.removeAttribute("aria-describedby");
}

function withError(name, error) {
  const control = document.getElementById(name);
  if (!control) return;
  const place = document.createElement("p");
  const text = document.createElement("bdi");
  place.className = "field-error";
  place.id = `${name}-error`;
  place.append(document.getElementById("error-icon").content.cloneNode(true), text);
  text.textContent = error.text;
  if (error.lang) text.lang = error.lang;
  if (control.matches("fieldset")) control.querySelector("legend").after(place);
  else (control.closest(".edges") ? control.closest("fieldset") : control.closest(".field")).append(place);
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", `${control.getAttribute("aria-describedby") || ""} ${place.id}`.trim());
}

function show(outcome) {
  const errors = new Map(outcome.errors.filter((error) => error.field).map((error) => [error.field, error]));
  const shown = [...answers.querySelectorAll(".field-error")].map((place) => place.id.replace(/-error$/, ""));
  for (const name of new Set([...visited, ...shown])) {
    const error = errors.get(name);
    const place = document.getElementById(`${name}-error`);
    if (place && error && place.textContent.trim() === error.text) continue;
    withoutError(name);
    if (error) withError(name, error);
  }
  const state = document.getElementById("check-state");
  if (state.textContent !== outcome.state) state.textContent = outcome.state;
  const { sentences, conflicts } = outcome.conditions;
  const line = (words) => {
    const item = document.createElement("li");
    item.textContent = words.text || words;
    if (words.lang) item.lang = words.lang;
    return item;
  };
  document.getElementById("terms-words").replaceChildren(...sentences.map(line));
  document.getElementById("terms-conflicts").replaceChildren(...conflicts.map(line));
  document.getElementById("terms").hidden = !sentences.length;
  document.getElementById("conflicts").hidden = !conflicts.length;
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(answers.dataset.check, {
      method: "POST", body: new URLSearchParams(new FormData(answers)), signal: asking.signal,
    });
    if (answer.ok && answer.headers.get("Content-Type").startsWith("application/json")) show(await answer.json());
  } catch {
    // The node is busy or cannot be reached, or a later check took the place of this one: sending checks again.
  }
}

function checkAfter(event, pause) {
  const name = nameOf(event.target);
  if (!name || event.target.type === "submit") return;
  visited.add(name);
  clearTimeout(waiting);
  waiting = setTimeout(ask, pause);
}

if (answers && window.fetch && window.AbortController) {
  answers.addEventListener("input", (event) => checkAfter(event, PAUSE));
  answers.addEventListener("change", (event) => checkAfter(event, 0));
  answers.addEventListener("focusout", (event) => {
    // A field that was passed without an answer is looked at too, but not for a click on a button.
    if (event.relatedTarget?.type !== "submit") checkAfter(event, 0);
  });
  answers.addEventListener("submit", () => { clearTimeout(waiting); asking?.abort(); });
}
