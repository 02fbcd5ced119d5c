// Shows of a form only the fields that the kind chosen in it has. Without this file all fields are there, each with the
// kinds that have it.
"use strict";

const choice = document.querySelector("select[data-kinds]");

function show() {
  for (const field of document.querySelectorAll("[data-of]")) {
    const fits = field.dataset.of.split(" ").includes(choice.value);
    field.hidden = !fits;
    // What is not shown is not sent.
    for (const control of field.querySelectorAll("input, select, textarea")) control.disabled = !fits;
  }
}

if (choice) {
  for (const kinds of document.querySelectorAll("[data-of] .of-kinds")) kinds.remove();
  choice.addEventListener("change", show);
  show();
}
