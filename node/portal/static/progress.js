// Data under way: shows their progress. Without this file the page loads itself again now and then.
"use strict";

const live = document.getElementById("live");

async function look() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    // Without that part it has ended, or the session has.
    if (answer.ok && !fresh) return location.reload();
    if (fresh) live.replaceChildren(...fresh.childNodes);
  } catch {
    // The node cannot be reached at the moment.
  }
  setTimeout(look, 1000);
}

if (live) setTimeout(look, 1000);
