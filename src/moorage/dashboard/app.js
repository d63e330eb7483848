// The page: follows the stream, keeps the table and the status line, asks for a token where one is needed.

import { ago } from "../web/amounts.js";
import { say } from "../web/elements.js";
import { offerLanguages } from "../web/languages.js";
import { Nodes } from "../web/nodes.js";
import { follow } from "../web/stream.js";
import { spoken, t } from "../web/texts.js";
import * as fit from "./fit.js";
import { drawLines, keep } from "./lines.js";
import { machineWords } from "./machines.js";
import { drawNetwork } from "./network.js";
import { queueLines } from "./queues.js";
import { statusOf } from "./status.js";
import { Table } from "./table.js";
import { drawTotals } from "./totals.js";
import { waitingWords } from "./waiting.js";

const MOST = 20;
const API = new URL("api/v1/", document.baseURI);
const status = document.getElementById("status");
const notice = document.getElementById("notice");
const dialog = document.getElementById("login");
const field = document.getElementById("token");
const nodes = new Nodes();
const table = new Table({ rows: document.getElementById("rows"), more: document.getElementById("more"), nodes });
let picture = null; // what the service says of its own view
let broken = null; // since when and why the service can't be heard

function headers() {
  const token = sessionStorage.getItem("moorage-token");
  return { "Accept-Language": spoken().language, ...(token && { Authorization: `Bearer ${token}` }) };
}

function on(event, data) {
  broken = null;
  if (event === "snapshot") {
    table.replace(data.nodes);
    picture = data.status;
  } else if (event === "nodes") {
    table.change(data.changed, data.removed);
  } else if (event === "machines") {
    drawLines(document.getElementById("machines"), data.machines.map(machineWords), { most: MOST });
  } else if (event === "status") {
    picture = data;
  }
  if (event === "snapshot" || event === "nodes") {
    drawTotals(document.getElementById("totals"), nodes.sorted());
    drawNetwork(document.getElementById("network"), nodes.sorted());
    fit.offer(nodes.sorted());
  }
  tell();
}

function lost(why, words) {
  broken = { since: broken?.since ?? new Date().toISOString(), why, words };
  tell();
}

function tell() {
  const { state, words, since, notice: more } = statusOf({ picture, broken, known: nodes.size > 0 });
  status.className = `pill ${state.replaceAll(" ", "-")}`;
  say(status, since ? `${words} ${ago(since)}` : words);
  notice.hidden = !more;
  say(notice, more);
}

/** A list of the page that follows a path of the same name. */
function list(name, lines, { every }) {
  const place = document.getElementById(name);
  keep(new URL(`cluster/${name}`, API), { headers, every, draw: (told) => drawLines(place, lines(told), { most: MOST }) });
}

async function logIn(why) {
  // The page itself goes to the hub and comes back; where that does not help, not over and over.
  if (document.body.dataset.logIn === "hub" && Date.now() - (sessionStorage.getItem("moorage-log-in") ?? 0) > 60_000) {
    sessionStorage.setItem("moorage-log-in", Date.now());
    location.reload();
    await new Promise(() => {});
  }
  say(document.getElementById("login-why"), why ?? t("This service needs a token."));
  field.value = "";
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  if (field.value) sessionStorage.setItem("moorage-token", field.value.trim());
}

document.getElementById("filter").addEventListener("input", (event) => table.show(event.target.value));
fit.listen(new URL("cluster/fit", API), headers);
list("queues", queueLines, { every: 2_000 });
list("waiting", (pods) => pods.map(waitingWords), { every: 2_000 });
setInterval(tell, 1000);
offerLanguages(document.getElementById("languages"));
follow(new URL("cluster/stream", API), { headers, on, lost, ended: logIn });
