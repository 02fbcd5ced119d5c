// Copy buttons. Without this file they stay hidden and everything else works the same.
"use strict";

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  const word = button.querySelector("span");
  const before = word.textContent;
  word.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Without a secure context there is no clipboard to write to: select the text for the reader instead.
      const field = document.createElement("textarea");
      field.value = button.dataset.copy;
      field.className = "aside";
      button.after(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    word.textContent = button.dataset.done;
    setTimeout(() => { word.textContent = before; }, 2000);
  });
}
