// Suggestions below a field: words to search for, or concepts whose address the field takes. Without this file the
// field works as before.
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
      const address = new URL(field.dataset.suggestions, document.baseURI);
      address.searchParams.set("q", field.value);
      address.searchParams.set("lang", document.documentElement.lang);
      try {
        const answer = await fetch(address, { signal: request.signal });
        if (!answer.ok) return;
        const { suggestions = [], terms = [] } = await answer.json();
        const words = suggestions.map(({ text }) => new Option(text, text));
        list.replaceChildren(...words, ...terms.map(({ iri, label }) => new Option(label, iri)));
      } catch {
        // No suggestions: the search itself needs none.
      }
    }, 200);
  });
}
