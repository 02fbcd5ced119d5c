// What maps and views in 3D share: each begins when it comes into sight, says that it loads, and leaves what the server
// drew where it cannot begin; and the buttons on it.
import { element } from "./map-panel.js";

// Read an address of this node as JSON.
export async function read(address, type) {
  const answer = await fetch(address, { headers: { Accept: type } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

// Begin each view of the page when its frame comes into sight. ``name`` is that of the data that the box in the frame has
// for ``open(box, facts)``; ``margin`` are the pixels before it is in sight.
export function openWhenSeen({ frames, name, margin, open }) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      start(entry.target.querySelector(`[data-${name}]`), name, open);
    }
  }, { rootMargin: `${margin}px` });
  for (const frame of document.querySelectorAll(frames)) seen.observe(frame);
}

async function start(box, name, open) {
  const facts = JSON.parse(box.dataset[name]);
  const status = box.parentElement.querySelector(".live-map-status");
  status.textContent = facts.texts.loading;
  try {
    await open(box, facts);
    status.textContent = "";
  } catch (error) {
    // A browser without WebGL, or a node that is busy: what the server drew stays.
    box.replaceChildren();
    box.hidden = true;
    box.parentElement.classList.remove("is-live");
    box.dataset.state = "failed";
    box.dataset.error = String(error);
    status.textContent = facts.texts.failed;
  }
}

// The buttons on a view: of each the key of its text, its sign, and what it does.
export function buttonsOf(texts, actions) {
  const buttons = element("div", { class: "live-map-buttons" });
  for (const [key, sign, act] of actions) {
    const button = element("button", { type: "button", title: texts[key], "aria-label": texts[key] }, sign);
    button.addEventListener("click", act);
    buttons.append(button);
  }
  return buttons;
}
