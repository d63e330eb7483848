// The page: follows the stream, keeps the table and the status line, asks for a token where one is needed.

import * as fit from "./fit.js";
import { ago } from "./format.js";
import { Nodes } from "./nodes.js";
import { follow, NotAllowed } from "./stream.js";

const API = new URL("api/v1/", document.baseURI);
const status = document.getElementById("status");
const notice = document.getElementById("notice");
const dialog = document.getElementById("login");
const field = document.getElementById("token");
const nodes = new Nodes();
const token = () => sessionStorage.getItem("moorage-token");
let picture = null; // what the service says of its own view
let broken = null; // since when the line to the service is broken

function on(event, data) {
  broken = null;
  if (event === "snapshot") {
    nodes.replace(data.nodes);
    picture = data.status;
  } else if (event === "nodes") {
    nodes.change(data.changed, data.removed);
  } else if (event === "status") {
    picture = data;
  }
  if (event !== "status") fit.offer([...nodes.nodes.values()]);
  tell();
}

function lost(sentence) {
  broken ??= { since: new Date().toISOString(), sentence };
  broken.sentence = sentence;
  tell();
}

function tell() {
  let cls = "waiting";
  let text = "connecting";
  let more = "";
  if (broken) {
    [cls, text] = ["lost", `no connection ${ago(broken.since)}`];
    more = `${broken.sentence} ${nodes.nodes.size ? "The numbers below are the last ones known." : ""} Trying again.`;
  } else if (picture?.stale) {
    [cls, text] = ["stale", `stale ${ago(picture.since)}`];
    more = `The service does not hear from the cluster: ${picture.reason ?? "no reason known"}. The numbers below are the last ones known.`;
  } else if (picture) {
    [cls, text] = ["live", "live"];
  }
  status.className = `pill ${cls}`;
  if (status.textContent !== text) status.textContent = text;
  notice.hidden = !more;
  if (notice.textContent !== more) notice.textContent = more;
}

async function logIn(why) {
  document.getElementById("login-why").textContent = why;
  field.value = "";
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  if (field.value) sessionStorage.setItem("moorage-token", field.value.trim());
}

document.getElementById("filter").addEventListener("input", (event) => nodes.show(event.target.value));
fit.listen(new URL("cluster/fit", API), token);
setInterval(tell, 1000);

for (;;) {
  try {
    await follow(new URL("cluster/stream", API), { token, on, lost });
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error;
    await logIn(error.message);
  }
}
