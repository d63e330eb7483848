// "Would it fit?": one ask, answered for each node in plain words.

import { element } from "../web/elements.js";
import { t } from "../web/texts.js";
import { told } from "./answer.js";

const form = document.getElementById("fit");
const place = document.getElementById("answer");

/** Offer these nodes, and the kinds of GPU that they have. */
export function offer(nodes) {
  const resources = new Set(nodes.flatMap((node) => Object.keys(node.allocatable.extended ?? {})).filter((name) => /gpu|mig-/.test(name)));
  fill(form.elements.gpu_resource, [...resources].sort());
  fill(form.elements.node, nodes.map((node) => node.name));
}

function fill(select, values) {
  if (values.join("\n") === [...select.options].slice(1).map((option) => option.value).join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...values.map((value) => element("option", { value, text: value })));
  select.value = values.includes(chosen) ? chosen : "";
}

export function listen(url, headers) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers() }, body: JSON.stringify({ ask: asked() }) });
      const body = await response.json();
      show(body.error ? { fits: false, head: body.error.message, lines: [["", body.error.hint]] } : told(body));
    } catch {
      show({ fits: false, head: t("The service can't be reached."), lines: [] });
    }
  });
}

function asked() {
  const { cpu, memory, gpu, gpu_resource, node } = Object.fromEntries(new FormData(form));
  const ask = { cpu: cpu.trim(), memory: memory.trim(), gpu: Number(gpu) || 0 };
  return { ...ask, ...(gpu_resource && { gpu_resource }), ...(node && { node }) };
}

function show({ fits, head, lines }) {
  const list = element("ul", { cls: "reasons" });
  for (const [about, words, title] of lines) {
    list.append(element("li", {}, element("span", { cls: "name", text: about }), element("span", title ? { text: words, title } : { text: words })));
  }
  place.replaceChildren(element("p", { cls: `verdict ${fits ? "yes" : "no"}`, text: head }), list);
}
