// The upload of a data file: shows its progress. Without this script, the browser sends the form itself.
"use strict";

const upload = document.getElementById("upload");
const at = (id) => document.getElementById(id);

function tell(state) {
  at("state").textContent = at("state").dataset[state];
}

upload.addEventListener("submit", (event) => {
  if (!at("file").files.length || !window.XMLHttpRequest) return;
  event.preventDefault();
  const request = new XMLHttpRequest();
  request.open("POST", upload.action);
  request.upload.addEventListener("progress", (progress) => {
    if (progress.lengthComputable) at("bar").value = progress.loaded / progress.total;
  });
  request.upload.addEventListener("load", () => {
    at("bar").removeAttribute("value");
    tell("reading");
  });
  request.addEventListener("load", () => {
    if (request.status === 200) return window.location.assign(request.responseURL);
    // The answer is this page with the reason; its form is sent without this script.
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
    window.scrollTo(0, 0);
  });
  request.addEventListener("error", () => upload.submit());
  at("send").disabled = true;
  at("progress").hidden = false;
  tell("sending");
  request.send(new FormData(upload));
});
