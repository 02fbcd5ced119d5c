// A run that is under way: shows news as they come. Without this file the page loads itself again now and then.
"use strict";

const live = document.getElementById("live");
if (live && window.EventSource) {
  const source = new EventSource(live.dataset.events);
  source.addEventListener("run", async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (fresh) live.replaceChildren(...fresh.childNodes);
  });
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
}
