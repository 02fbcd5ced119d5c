// A run or a stream that is under way: shows news as they come. Without this file the page loads itself again now and
// then.
"use strict";

const live = document.getElementById("live");
if (live && window.EventSource) {
  const source = new EventSource(live.dataset.events);
  let loading = false;
  const show = async () => {
    if (loading) return;
    loading = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (fresh) live.replaceChildren(...fresh.childNodes);
    } catch {
      // The node cannot be reached at the moment.
    } finally {
      loading = false;
    }
  };
  source.addEventListener("run", show);
  source.addEventListener("news", show);
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
}
