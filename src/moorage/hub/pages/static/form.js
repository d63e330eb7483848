// Brings the spawn form to life: live numbers, a verdict on the choice, and one click to what would work. Without it the form works all the same.

import { cpuWords, memoryWords } from "./amounts.js";
import { NodeList, optionWords } from "./nodes.js";
import { follow } from "./stream.js";
import { Verdict } from "./verdict.js";

const data = JSON.parse(document.getElementById("moorage-data").textContent);
const at = (name) => document.getElementById(`moorage-${name}`);
const fields = { node: at("node"), cpu: at("cpu"), memory: at("memory"), gpu: at("gpu"), gpu_resource: at("resource"), image: at("image") };
const form = fields.node.form;
const xsrf = new URL(form.action, location.href).searchParams.get("_xsrf") ?? window.jhdata?.xsrf_token ?? "";
const help = Object.fromEntries(["cpu", "memory", "gpu", "image"].map((name) => [name, at(`${name}-help`)]));
const usual = Object.fromEntries(Object.entries(help).map(([name, element]) => [name, element?.textContent.trim()]));

const list = new NodeList({ list: at("list"), search: at("search"), more: at("more"), chosen: fields.node.value, choose: (name) => use({ node: name === fields.node.value ? "" : name }) });
const verdict = new Verdict({
  url: `${data.base}moorage/fit?_xsrf=${encodeURIComponent(xsrf)}`,
  xsrf,
  body: () => ({ user: data.user, server: data.server, ...Object.fromEntries(Object.entries(fields).filter(([, field]) => field).map(([name, field]) => [name, field.value])) }),
  show: showVerdict,
  ended: showEnded,
});

/** Put values into fields, as somebody would by hand. */
function use(values) {
  for (const [name, value] of Object.entries(values)) if (fields[name]) fields[name].value = value;
  if ("node" in values) followNode();
  changed();
}

function changed() {
  list.judge({}, fields.node.value);
  hints();
  verdict.soon();
}

/** A node that has none of the selected kind of GPU but another one: take that. */
function followNode() {
  const node = list.nodes.get(fields.node.value);
  const kinds = node?.gpus.filter((units) => units.allocatable).map((units) => units.resource) ?? [];
  const select = fields.gpu_resource;
  if (select?.tagName === "SELECT" && kinds.length && !kinds.includes(select.value)) select.value = kinds[0];
}

/** What is free where the choice points, under each field. */
function hints() {
  const node = list.nodes.get(fields.node.value);
  const open = node ? [node] : [...list.nodes.values()].filter((one) => !one.closed);
  const most = (amounts) => (amounts.length && amounts.every((amount) => amount !== null) ? Math.max(...amounts) : null);
  const units = (one) => one.gpus.find((each) => each.resource === fields.gpu_resource?.value)?.available ?? 0;
  hint("cpu", most(open.map((one) => one.cpu.available)), (amount) => free(cpuWords(amount), node));
  hint("memory", most(open.map((one) => one.memory.available)), (amount) => free(memoryWords(amount), node));
  hint("gpu", most(open.map(units)), (amount) => free(amount, node));
}

const free = (amount, node) => (node ? `${amount} free on ${node.name}` : `up to ${amount} free now`);

function hint(name, amount, words) {
  if (!help[name]) return;
  const text = amount === null ? usual[name] : `${usual[name]}; ${words(amount)}`;
  if (help[name].textContent !== text) help[name].textContent = text;
}

function showImage() {
  if (help.image) help.image.textContent = fields.image.selectedOptions[0]?.dataset.help ?? "";
}

/** The options of the Node field say what is free now; the selection stays. */
function showOptions() {
  const select = fields.node;
  const chosen = select.value;
  const known = new Map([...select.options].map((option) => [option.value, option]));
  for (const node of list.nodes.values()) {
    let option = known.get(node.name);
    if (!option) {
      option = new Option("", node.name);
      const after = [...select.options].slice(1).find((each) => each.value > node.name);
      select.add(option, after ?? null);
    }
    const words = optionWords(node);
    if (option.textContent !== words) option.textContent = words;
    // A disabled option is not sent: the choice would turn into Automatic without a word, where the hub says what is wrong.
    option.disabled = node.name !== chosen && (Boolean(node.closed) || node.pickable === false);
  }
  for (const [name, option] of known) {
    if (!name || list.nodes.has(name)) continue;
    if (name === chosen) option.textContent = `${name} (gone)`;
    else option.remove();
  }
}

const ENDED = "You are no longer logged in. ";
const status = { element: at("status"), text: null };

function showStatus(state) {
  const words = statusWords(state);
  status.element.classList.toggle("moorage-live", state.live);
  status.element.classList.toggle("moorage-stale", !state.live);
  if (words !== status.text) status.element.textContent = status.text = words;
}

/** The log-in has ended while the page was open: what would start here would only be refused. */
function showEnded() {
  if (status.text === ENDED) return;
  status.text = ENDED;
  status.element.classList.replace("moorage-live", "moorage-stale");
  const link = document.createElement("a");
  link.href = `${data.base}login?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = "Log in again";
  const words = document.createElement("span");
  words.append(ENDED, link, ".");
  status.element.replaceChildren(words);
}

function statusWords(state) {
  if (state.live) return "The numbers are live.";
  const since = state.since ? new Date(state.since).toLocaleTimeString() : "an unknown time";
  const reason = state.reason ? ` (${state.reason})` : "";
  if (state.lost) return `The connection to the hub is lost since ${since}${reason}. Trying again.`;
  if (state.known) return `The numbers are as of ${since} and may have changed${reason}. You can start all the same.`;
  return `What is free is unknown since ${since}${reason}. You can start all the same.`;
}

const mark = { ok: "✓", no: "✗", unknown: "?" };

function showVerdict(answer) {
  const box = at("verdict");
  const chosen = fields.node.value;
  const parts = [];
  let kind = "unknown";
  let judged = {};
  if (answer === null) {
    parts.push("Whether this fits is unknown now.");
  } else if (answer.refusal) {
    kind = "no";
    parts.push(answer.refusal);
  } else if (answer.unknown) {
    parts.push(answer.unknown);
  } else {
    answer.nodes = judged = Object.fromEntries(Object.entries(answer.nodes).map(([name, kind]) => [name, answer.kinds[kind]]));
    kind = answer.fits ? "ok" : "no";
    parts.push(...verdictWords(answer, chosen));
  }
  if (chosen && answer?.nodes) judged = chosen in judged ? { [chosen]: judged[chosen] } : {};
  list.judge(judged, chosen);
  const suggestions = answer?.would_work ?? [];
  const fresh = JSON.stringify([kind, parts, suggestions, answer?.held]);
  if (box.dataset.shown === fresh) return;
  box.dataset.shown = fresh;
  box.className = `moorage-verdict moorage-${kind}`;
  const sentence = document.createElement("p");
  const symbol = document.createElement("span");
  symbol.setAttribute("aria-hidden", "true");
  symbol.textContent = `${mark[kind]} `;
  sentence.append(symbol, parts.join(" "));
  box.replaceChildren(sentence, ...holders(answer, chosen), ...ways(suggestions), ...upstream(answer, chosen));
}

function verdictWords(answer, chosen) {
  const fitting = Object.entries(answer.nodes).filter(([, node]) => node.fits).map(([name]) => name);
  const total = Object.keys(answer.nodes).length;
  if (answer.fits && chosen) return [`This fits on ${chosen} now.`];
  if (answer.fits) return [`This fits on ${fitting.length} of ${total} nodes now${fitting.length <= 4 ? `: ${fitting.join(", ")}` : ""}.`];
  const reasons = (chosen && answer.nodes[chosen]?.reasons) || answer.reasons;
  const why = (reasons ?? []).map((reason) => (/[.!?]$/.test(reason.text) ? reason.text : `${reason.text}.`));
  const end = "You can start all the same and wait for room.";
  return [chosen ? `This does not fit on ${chosen} now.` : "This fits on no node now.", ...why, end];
}

/** Who holds what is lacking on the chosen node, or where somebody's own servers do. */
function holders(answer, chosen) {
  const told = Object.entries(answer?.held ?? {}).filter(([name, lines]) => (chosen ? name === chosen : lines.some((line) => line.own)));
  return told.slice(0, 2).map(([name, lines]) => {
    const sentence = document.createElement("p");
    const shown = chosen ? lines : lines.filter((line) => line.own);
    sentence.textContent = `Held on ${name} by ${shown.map((line) => line.text).join(", ")}.`;
    return sentence;
  });
}

/** Buttons that take what would work. */
function ways(suggestions) {
  if (!suggestions.length) return [];
  const line = document.createElement("p");
  line.className = "moorage-ways";
  line.append("What would work: ");
  for (const way of suggestions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-primary";
    button.textContent = way.text;
    button.addEventListener("click", () => use(way.use));
    line.append(button, " ");
  }
  return [line];
}

/** Kubernetes' own words, one click away. */
function upstream(answer, chosen) {
  const reasons = (chosen && answer?.nodes?.[chosen]?.reasons) || answer?.reasons || [];
  const messages = reasons.map((reason) => reason.message).filter(Boolean);
  if (!messages.length) return [];
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "What Kubernetes says";
  details.append(summary, messages.join("; "));
  return [details];
}

for (const field of Object.values(fields)) {
  field?.addEventListener("input", () => {
    if (field === fields.node) followNode();
    changed();
  });
}
fields.image.addEventListener("input", showImage);
showImage();
showStatus(data.status);

// On a narrow screen the list would push Start out of sight; it is one touch away.
if (matchMedia("(max-width: 47.9rem)").matches) at("list").closest("details").open = false;

let lostSince = null;
follow(`${data.base}moorage/stream?_xsrf=${encodeURIComponent(xsrf)}`, {
  snapshot({ nodes, status: state }) {
    lostSince = null;
    if (nodes) {
      list.replace(nodes);
      showOptions();
      hints();
    }
    showStatus(state);
    verdict.later();
  },
  nodes({ changed: fresh, removed }) {
    list.change(fresh, removed);
    showOptions();
    hints();
    verdict.later();
  },
  cards(words) {
    list.tell(words);
  },
  status(state) {
    showStatus(state);
    verdict.later();
  },
  lost(reason) {
    lostSince ??= new Date().toISOString();
    showStatus({ live: false, lost: true, since: lostSince, reason });
  },
  ended: showEnded,
});
verdict.soon();
