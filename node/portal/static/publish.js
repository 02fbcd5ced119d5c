// The upload of a data file: shows its progress. A large file is sent in pieces (tus 1.0.0), which the node compares
// with their SHA-256, and goes on where it stopped. Without this script, the browser sends the form itself.
"use strict";

const WHOLE = 16 << 20;
const PIECE = 8 << 20;
const PAUSES = [1, 2, 4, 8, 15, 30];
// Another attempt may succeed: an earlier connection has not ended, a piece arrived changed, the node is busy.
const AGAIN = [0, 408, 409, 423, 429, 460, 500, 502, 503, 504];
const TUS = { "Tus-Resumable": "1.0.0" };

const upload = document.getElementById("upload");
const uploads = upload.dataset.uploads;
const at = (id) => document.getElementById(id);
let sending = null; // The request with content that a pause ends.
let goOn = null;
let paused = false;

function tell(state) {
  at("state").textContent = at("state").dataset[state];
}

function show(sent, size) {
  at("bar").value = sent / size;
}

// Settles with the request, whatever its status; 0 if the node could not be reached, or the person paused.
function call(method, url, headers, body, progress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (progress) {
      request.upload.addEventListener("progress", (event) => progress(event.loaded));
      sending = request;
    }
    request.addEventListener("loadend", () => resolve(request));
    request.send(body);
  });
}

function encoded(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function checksum(data) {
  if (!window.crypto.subtle) return {}; // Browsers have it on https and on this machine only.
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return { "Upload-Checksum": `sha256 ${btoa(String.fromCharCode(...digest))}` };
}

async function begin(file) {
  const fingerprint = `${file.name} ${file.size} ${file.lastModified}`;
  const list = await call("GET", uploads, {});
  const begun = list.status === 200 && JSON.parse(list.responseText).uploads;
  const earlier = begun && begun.find((one) => one.fingerprint === fingerprint && one.size === file.size);
  if (earlier) return { id: earlier.id, sent: earlier.received };
  const metadata = `filename ${encoded(file.name)},fingerprint ${encoded(fingerprint)}`;
  const answer = await call("POST", uploads, { ...TUS, "Upload-Length": file.size, "Upload-Metadata": metadata });
  if (answer.status !== 201) return null;
  return { id: answer.getResponseHeader("Location").split("/").pop(), sent: 0 };
}

function pause(seconds) {
  return new Promise((resolve) => {
    goOn = resolve;
    if (!paused) window.setTimeout(resolve, seconds * 1000);
  });
}

// Returns whether the whole file has arrived.
async function sendPieces(file, { id, sent }) {
  const url = `${uploads}/${id}`;
  for (let failures = 0; sent < file.size; ) {
    const data = await file.slice(sent, sent + PIECE).arrayBuffer();
    const headers = { ...TUS, ...(await checksum(data)), "Upload-Offset": sent };
    headers["Content-Type"] = "application/offset+octet-stream";
    const start = sent;
    if (paused) await pause(0); // Between two pieces no request is on its way that the pause could have ended.
    tell("sending");
    const answer = await call("PATCH", url, headers, data, (loaded) => show(start + loaded, file.size));
    if (answer.status === 204) {
      sent = Number(answer.getResponseHeader("Upload-Offset"));
      failures = 0;
      continue;
    }
    if (!AGAIN.includes(answer.status)) return false;
    show(sent, file.size);
    tell(paused ? "paused" : "waiting");
    await pause(PAUSES[Math.min(failures, PAUSES.length - 1)]);
    failures += 1;
    const state = await call("HEAD", url, TUS);
    if (state.status === 200) sent = Number(state.getResponseHeader("Upload-Offset"));
    else if (!AGAIN.includes(state.status)) return false;
  }
  return true;
}

async function sendForm(form) {
  const request = await call("POST", upload.action, {}, form, (loaded) => {
    if (at("file").files[0].size <= WHOLE) show(loaded, at("file").files[0].size);
    if (loaded >= at("file").files[0].size) reading();
  });
  if (request.status === 200) return window.location.assign(request.responseURL);
  if (request.status === 0) return upload.submit();
  // The answer is this page with the reason; its form is sent without this script.
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  window.scrollTo(0, 0);
}

function reading() {
  at("bar").removeAttribute("value");
  at("pause").hidden = true;
  tell("reading");
}

async function sendLarge(file) {
  at("pause").hidden = false;
  let form = null;
  try {
    const begun = await begin(file);
    if (begun && (await sendPieces(file, begun))) {
      form = new FormData(upload);
      form.delete("file");
      form.append("upload", begun.id);
    }
  } catch {
    // The file on this machine was changed or removed: the browser says so when it sends the form.
  }
  if (form === null) return upload.submit();
  reading();
  await sendForm(form);
}

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").textContent = at("pause").dataset[paused ? "resume" : "pause"];
  if (!paused) return goOn?.();
  tell("paused");
  sending?.abort();
});

window.addEventListener("online", () => {
  if (!paused && goOn) goOn();
});

upload.addEventListener("submit", (event) => {
  const file = at("file").files[0];
  if (!file || !window.XMLHttpRequest) return;
  event.preventDefault();
  at("send").disabled = true;
  at("progress").hidden = false;
  tell("sending");
  if (file.size > WHOLE) sendLarge(file);
  else sendForm(new FormData(upload));
});
