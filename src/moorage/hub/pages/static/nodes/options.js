// The options of the Node field: each node's name and what is free on it now.

import { cpuWords, memoryWords, shortResource } from "../../../../web/amounts.js";
import { say } from "../../../../web/elements.js";
import { again, t } from "../../../../web/texts.js";
import { misfit } from "../fields/platforms.js";

/** As the hub writes them with the page (`node_words` in view/encoding.py), where these resources are `offered`; `image` is the chosen one. */
export function optionWords(node, { offered = [], image = null } = {}) {
  const name = again(node.title) ?? node.name;
  if (node.closed) return `${name} (${again(node.closed)})`;
  if (node.barred) return `${name} (${node.barred})`;
  if (node.pickable === false) return t("{name} (can't be chosen: no hostname label)", { name: node.name });
  if (misfit(image, node)) return t("{name} (closed for this image)", { name });
  const among = [...offered, ...node.gpus.map((units) => units.resource)];
  const parts = [];
  if (node.cpu.available !== null) parts.push(t("{amount} CPU", { amount: cpuWords(node.cpu.available) }));
  if (node.memory.available !== null) parts.push(memoryWords(node.memory.available));
  for (const units of node.gpus) if (units.allocatable && units.available !== null) parts.push(`${units.available} ${shortResource(units.resource, { among })}`);
  const size = parts.join(", ") || t("size unknown");
  if (node.machine) return `${name} (${size}; ${again(node.machine)})`;
  const free = parts.length ? t("{amounts} free", { amounts: parts.join(", ") }) : t("free: unknown");
  return `${node.name} (${node.preparing ? `${free}; ${again(node.preparing)}` : free})`;
}

const written = new WeakMap(); // of each option what its words were made of

/** Bring them up to date; the selection stays. */
export function showOptions(select, nodes, { offered, image }) {
  const chosen = select.value;
  const there = [...select.options];
  const known = new Map(there.map((option) => [option.value, option]));
  const shown = nodes.sorted().filter((node) => !node.hidden || node.name === chosen);
  const ground = JSON.stringify([offered, image]);
  let at = 1; // of those that were there, the first that belongs behind this node; a page may begin without any
  for (const node of shown) {
    while (at < there.length && there[at].value <= node.name) at++;
    const option = known.get(node.name) ?? new Option("", node.name);
    if (!known.has(node.name)) select.add(option, there[at] ?? null);
    const by = [node, node.name === chosen, ground];
    if (written.get(option)?.every((each, place) => each === by[place])) continue;
    written.set(option, by);
    say(option, optionWords(node, { offered, image }));
    // A disabled option is not sent: the choice would turn into Automatic without a word, where the hub says what is wrong.
    option.disabled = node.name !== chosen && (Boolean(node.closed || node.barred) || node.pickable === false || misfit(image, node) !== null);
  }
  const names = new Set(shown.map((node) => node.name));
  for (const [name, option] of known) {
    if (!name || names.has(name)) continue;
    if (name === chosen) say(option, t("{name} (gone)", { name }));
    else option.remove();
  }
}
