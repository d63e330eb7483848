// The list of nodes: what is free on each, kept up to date in place so that nothing jumps and focus stays where it is.

import { cpuWords, memoryWords, shortResource } from "./amounts.js";

const MOST_ROWS = 100;
const SEARCH_FROM = 9;

/** A node as an option of the Node field: its name and what can be had on it now. */
export function optionWords(node) {
  if (node.closed) return `${node.name} (${node.closed})`;
  if (node.pickable === false) return `${node.name} (can't be chosen: no hostname label)`;
  const parts = [];
  if (node.cpu.available !== null) parts.push(`${cpuWords(node.cpu.available)} CPU`);
  if (node.memory.available !== null) parts.push(memoryWords(node.memory.available));
  for (const units of node.gpus) if (units.allocatable) parts.push(`${units.available} ${shortResource(units.resource)}`);
  return `${node.name} (${parts.length ? `${parts.join(", ")} free` : "free: unknown"})`;
}

export class NodeList {
  /** `choose(name)` is called when somebody picks a node from the list; `chosen` is the one that is picked at first. */
  constructor({ list, search, more, chosen, choose }) {
    this.list = list;
    this.search = search;
    this.more = more;
    this.choose = choose;
    this.rows = new Map();
    this.nodes = new Map();
    this.verdicts = {};
    this.chosen = chosen;
    search.addEventListener("input", () => this.arrange());
    search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }

  replace(nodes) {
    const first = !this.nodes.size;
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.arrange();
    if (first) this.reveal();
  }

  change(changed, removed) {
    let moved = false;
    for (const node of changed) {
      moved ||= !this.nodes.has(node.name);
      this.nodes.set(node.name, node);
      this.rows.get(node.name)?.show(node);
    }
    for (const name of removed) moved = this.nodes.delete(name) || moved;
    if (moved) this.arrange();
  }

  /** Words for the cards of some nodes as this very person may see them. */
  tell(words) {
    for (const [name, cards] of Object.entries(words)) {
      const node = this.nodes.get(name);
      if (!node) continue;
      node.cards = cards;
      this.rows.get(name)?.show(node);
    }
  }

  /** Which rows are there, and in which order. */
  arrange() {
    const wanted = this.search.value.trim().toLowerCase();
    const all = [...this.nodes.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
    const found = all.filter((node) => this.matches(node, wanted));
    const shown = found.filter((node, place) => place < MOST_ROWS || node.name === this.chosen);
    this.search.hidden = all.length < SEARCH_FROM;
    const kept = new Map();
    for (const node of shown) {
      const row = this.rows.get(node.name) ?? new Row(node.name, this.choose);
      row.show(node);
      row.judge(this.verdicts[node.name], node.name === this.chosen);
      kept.set(node.name, row);
    }
    this.rows = kept;
    const items = [...kept.values()].map((row) => row.item);
    if (items.length !== this.list.children.length || items.some((item, at) => this.list.children[at] !== item)) {
      this.list.replaceChildren(...items);
    }
    const hidden = found.length - shown.length;
    const none = wanted && all.length ? "none has this name or card" : "There is no node.";
    this.more.textContent = hidden > 0 ? `and ${hidden} more; type to narrow the list` : found.length ? "" : none;
  }

  matches(node, wanted) {
    return !wanted || [node.name, ...node.cards, ...node.gpus.map((units) => units.resource)].some((text) => text.toLowerCase().includes(wanted));
  }

  /** Mark the chosen node, and what was said of each. */
  judge(verdicts, chosen) {
    const other = chosen !== this.chosen;
    const inView = this.beyond() === 0;
    this.verdicts = verdicts;
    this.chosen = chosen;
    if (other && !this.rows.has(chosen)) this.arrange();
    for (const [name, row] of this.rows) row.judge(verdicts[name], name === chosen);
    if (other) this.reveal();
    else if (inView) this.list.scrollTop += this.beyond(); // a verdict may make the row taller
  }

  /** Scroll the list, and nothing around it, until the chosen node is in view: in its middle, since its end may be below the window. */
  reveal() {
    const past = this.beyond();
    if (past) this.list.scrollTop += past + (Math.sign(past) * this.list.clientHeight) / 2;
  }

  /** How far the chosen node sticks out of the list: above it less than 0, below it more. */
  beyond() {
    const item = this.rows.get(this.chosen)?.item;
    if (!item) return 0;
    const [row, frame] = [item, this.list].map((element) => element.getBoundingClientRect());
    return Math.min(row.top - frame.top, 0) || Math.max(row.bottom - frame.bottom, 0);
  }
}

class Row {
  constructor(name, choose) {
    this.item = document.createElement("li");
    this.item.innerHTML =
      '<div class="moorage-head"><button type="button" class="moorage-name" aria-pressed="false"></button>' +
      '<span class="moorage-state"></span></div><div class="moorage-bars"></div><div class="moorage-cards"></div>';
    [this.name, this.state, this.bars, this.cards] = this.item.querySelectorAll(".moorage-name, .moorage-state, .moorage-bars, .moorage-cards");
    this.name.textContent = name;
    this.item.addEventListener("click", () => !this.name.disabled && getSelection().isCollapsed && choose(name));
    this.shown = "";
    this.closed = null;
    this.taints = [];
    this.verdict = undefined;
  }

  show(node) {
    const fresh = JSON.stringify(node);
    if (fresh === this.shown) return;
    this.shown = fresh;
    this.closed = node.closed;
    this.taints = node.taints;
    this.name.disabled = Boolean(node.closed) || node.pickable === false;
    this.item.classList.toggle("moorage-closed", Boolean(node.closed));
    const bars = [
      ["CPU", node.cpu.available, node.cpu.allocatable, cpuWords],
      ["", node.memory.available, node.memory.allocatable, memoryWords],
      ...node.gpus.filter((units) => units.capacity).map((units) => [shortResource(units.resource), units.available, units.allocatable, String]),
    ];
    while (this.bars.children.length > bars.length) this.bars.lastChild.remove();
    bars.forEach((bar, at) => showBar(this.bars.children[at] ?? this.bars.appendChild(newBar()), ...bar));
    this.cards.textContent = node.cards.join("\n");
    this.cards.hidden = !node.cards.length;
    this.tell();
  }

  judge(verdict, chosen) {
    this.verdict = verdict;
    this.name.setAttribute("aria-pressed", String(chosen));
    this.item.classList.toggle("moorage-chosen", chosen);
    this.tell();
  }

  tell() {
    const reason = this.verdict?.fits === false ? (this.verdict.reasons[0]?.text ?? "does not fit") : "";
    const reserved = this.taints.length ? `reserved (${this.taints.join(", ")})` : "";
    const words = this.closed ?? (this.verdict?.fits ? "fits" : reason || reserved);
    if (this.state.textContent !== words) this.state.textContent = words;
    this.state.classList.toggle("moorage-fits", !this.closed && this.verdict?.fits === true);
  }
}

/** "54 of 62 GiB" for "54 GiB" and "62 GiB". Memory needs no other word than its unit. */
export function shareWords(part, whole) {
  const [, unit] = whole.split(" ");
  if (part === "0 B") return `0 of ${whole}`;
  return unit && part.endsWith(` ${unit}`) ? `${part.split(" ")[0]} of ${whole}` : `${part} of ${whole}`;
}

function newBar() {
  const bar = document.createElement("div");
  bar.className = "moorage-bar";
  bar.innerHTML = '<meter min="0" max="100" aria-hidden="true"></meter><span></span>';
  return bar;
}

function showBar(bar, what, available, whole, words) {
  const [meter, text] = bar.children;
  const known = available !== null && whole !== null;
  meter.hidden = !known;
  if (known) meter.value = whole > 0 ? (100 * available) / whole : 0;
  const fresh = known ? `${shareWords(words(available), words(whole))} ${what}`.trim() : `${what || "memory"}: unknown`;
  if (text.textContent !== fresh) text.textContent = fresh;
}
