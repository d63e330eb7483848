// "Would it fit?": one ask, answered for each node in plain words.

import { element, plural } from "./format.js";

const form = document.getElementById("fit");
const answer = document.getElementById("answer");
const MOST = 12;

export function offer(nodes) {
  const resources = new Set();
  for (const node of nodes) {
    for (const name of Object.keys(node.allocatable.extended ?? {})) {
      if (/gpu|mig-/.test(name)) resources.add(name);
    }
  }
  fill(form.elements.gpu_resource, [...resources].sort());
  fill(form.elements.node, nodes.map((node) => node.name).sort());
}

function fill(select, values) {
  if (values.join("\n") === [...select.options].slice(1).map((option) => option.value).join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...values.map((value) => element("option", { value, text: value })));
  select.value = values.includes(chosen) ? chosen : "";
}

export function listen(url, token) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    const ask = { cpu: values.cpu.trim(), memory: values.memory.trim(), gpu: Number(values.gpu) || 0 };
    if (values.gpu_resource) ask.gpu_resource = values.gpu_resource;
    if (values.node) ask.node = values.node;
    const headers = { "Content-Type": "application/json" };
    if (token()) headers.Authorization = `Bearer ${token()}`;
    try {
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ ask }) });
      const body = await response.json();
      if (body.error) say("no", body.error.message, [["", body.error.hint]]);
      else show(body);
    } catch {
      say("no", "The service can't be reached.", []);
    }
  });
}

function show(body) {
  const nodes = Object.entries(body.nodes);
  const fitting = nodes.filter(([, verdict]) => verdict.fits).map(([name]) => name);
  const lines = body.refusals.map((refusal) => ["The API server", refusal.text, refusal.message]);
  for (const reason of body.prefilter?.reasons ?? []) lines.push(["Every node", reason.text || reason.message, reason.message]);
  if (!body.fits || fitting.length < nodes.length) {
    for (const [name, verdict] of nodes.filter(([, one]) => !one.fits).slice(0, MOST)) {
      const text = verdict.reasons.map((reason) => reason.text || reason.message).join("; ");
      lines.push([name, text, verdict.reasons.map((reason) => reason.message).join("; ")]);
    }
  }
  if (!body.fits) for (const sentence of body.would_work?.sentences ?? []) lines.unshift(["What would work", sentence]);
  for (const sentence of body.undecided ?? []) lines.push(["Not decided here", sentence]);
  const head = body.refusals.length ? "No, the API server would refuse it." : body.fits
    ? `Yes, on ${fitting.length === nodes.length ? "every node" : fitting.slice(0, 6).join(", ")}${fitting.length > 6 && fitting.length < nodes.length ? ` and ${fitting.length - 6} more` : ""}.`
    : `No, on none of ${plural(nodes.length, "node")}.`;
  say(body.fits ? "yes" : "no", head, lines);
}

function say(cls, head, lines) {
  const list = element("ul", { cls: "reasons" });
  for (const [name, text, title] of lines) {
    const item = element("li", {}, element("span", { cls: "name", text: name }), element("span", { text }));
    if (title) item.lastChild.title = title;
    list.append(item);
  }
  answer.replaceChildren(element("p", { cls: `verdict ${cls}`, text: head }), list);
}
