// Search in the terms of a long list: puts a combobox in the place of each select that asks for it, after the ARIA
// pattern "editable combobox with list autocomplete". Without this file the select itself works.
"use strict";

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();

function rank(term, query) {
  const at = term.plain.indexOf(query);
  if (at === 0) return 0;
  if (at > 0) return term.plain[at - 1] === " " ? 1 : 2;
  return term.others.includes(query) ? 3 : -1;
}

function makeCombobox(select) {
  const id = select.id;
  const near = [...select.querySelectorAll("optgroup option")].map((option) => option.value);
  const terms = [...select.options]
    .filter((option) => option.value && !option.hasAttribute("data-other") && option.parentNode === select)
    .map((option) => ({
      value: option.value, label: option.label, plain: plain(option.label), others: plain(option.dataset.search || ""),
    }));
  const field = document.createElement("input");
  const list = document.createElement("ul");
  const state = document.createElement("p");
  const box = document.createElement("div");
  let active = -1;
  let shown = [];

  select.id = `${id}-terms`;
  select.hidden = true;
  field.id = id;
  field.type = "text";
  field.autocomplete = "off";
  field.maxLength = 200;
  for (const name of ["aria-describedby", "aria-invalid", "required"]) {
    if (select.hasAttribute(name)) field.setAttribute(name, select.getAttribute(name));
  }
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-expanded", "false");
  field.setAttribute("aria-controls", `${id}-list`);
  list.id = `${id}-list`;
  list.className = "terms-list";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", document.querySelector(`label[for="${id}"]`).textContent);
  state.className = "soft small";
  state.setAttribute("role", "status");
  box.className = "combobox";
  box.append(field, list);
  select.before(box);
  select.after(state);

  const first = select.options[0];
  field.placeholder = first && !first.value && first.label !== "–" ? first.label : "";
  const selected = select.selectedOptions[0];
  field.value = selected && selected.value ? selected.label : "";

  function show() {
    const query = plain(field.value);
    const exact = terms.find((term) => term.plain === query);
    const matches = terms
      .map((term, place) => ({ term, place, rank: query && !exact ? rank(term, query) : 0 }))
      .filter((match) => match.rank >= 0)
      .sort((one, other) => one.rank - other.rank || one.place - other.place)
      .map((match) => match.term);
    shown = matches.length ? matches : terms.filter((term) => near.includes(term.value));
    active = exact ? shown.indexOf(exact) : -1;
    list.replaceChildren(...shown.map((term, place) => {
      const option = document.createElement("li");
      option.id = `${id}-term-${place}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", String(term === exact));
      option.textContent = term.label;
      option.addEventListener("pointerdown", (event) => event.preventDefault());
      option.addEventListener("click", () => choose(term));
      return option;
    }));
    list.hidden = !shown.length;
    field.setAttribute("aria-expanded", String(Boolean(shown.length)));
    const form = select.form.dataset;
    state.textContent = matches.length ? form.terms.replace("{count}", matches.length) : form.noTerms;
    mark();
  }

  function mark() {
    [...list.children].forEach((option, place) => option.classList.toggle("active", place === active));
    if (active < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", list.children[active].id);
    list.children[active].scrollIntoView({ block: "nearest" });
  }

  function close() {
    list.hidden = true;
    active = -1;
    state.textContent = "";
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function choose(term) {
    field.value = term.label;
    take();
    close();
  }

  // What is in the field becomes the answer: a term, nothing, or a word that the node will refuse with a reason.
  function take() {
    const text = plain(field.value);
    const term = terms.find((known) => known.plain === text);
    select.querySelector("option[data-typed]")?.remove();
    if (term || !text) {
      select.value = term ? term.value : "";
      if (term) field.value = term.label;
      return;
    }
    const other = select.querySelector("option[data-other]");
    if (other && plain(other.label) === text) {
      select.value = other.value;
      return;
    }
    const typed = new Option(field.value, field.value.trim(), true, true);
    typed.dataset.typed = "";
    select.add(typed);
    select.value = typed.value;
  }

  field.addEventListener("input", show);
  field.addEventListener("click", () => { if (list.hidden) show(); });
  field.addEventListener("blur", () => { take(); close(); });
  field.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (!open) {
        show();
        if (event.altKey || active >= 0) return;
      } else if (event.altKey) return close();
      if (!shown.length) return;
      active = active < 0 ? (step > 0 ? 0 : shown.length - 1) : (active + step + shown.length) % shown.length;
      mark();
    } else if (event.key === "Enter" && open) {
      // Enter closes the list. It sends the form only when the list is closed.
      event.preventDefault();
      if (active >= 0) choose(shown[active]);
      else { take(); close(); }
    } else if (event.key === "Escape") {
      if (open) event.preventDefault();
      else field.value = "";
      close();
      take();
    } else if (event.key === "Tab" && open && active >= 0) choose(shown[active]);
  });
  select.form.addEventListener("submit", take);
}

document.querySelectorAll("select[data-choose]").forEach(makeCombobox);
