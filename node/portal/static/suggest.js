// Suggestions below the search field. Without this file the field searches as before.
"use strict";

for (const field of document.querySelectorAll("input[data-suggestions]")) {
  const list = document.createElement("datalist");
  list.id = `${field.id}-suggestions`;
  field.after(list);
  field.setAttribute("list", list.id);
  let timer, request;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      request?.abort();
      request = new AbortController();
      const query = new URLSearchParams({ q: field.value, lang: document.documentElement.lang });
      try {
        const answer = await fetch(`${field.dataset.suggestions}?${query}`, { signal: request.signal });
        if (!answer.ok) return;
        const { suggestions } = await answer.json();
        list.replaceChildren(...suggestions.map(({ text }) => new Option(text, text)));
      } catch {
        // No suggestions: the search itself needs none.
      }
    }, 200);
  });
}
