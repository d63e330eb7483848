// The table of nodes, and the totals above it. A row is made anew only when its node changed.

import { bytes, cores, element, plural } from "./format.js";

const MOST_ROWS = 300;
const body = document.getElementById("rows");
const more = document.getElementById("more");
const totals = document.getElementById("totals");

export class Nodes {
  constructor() {
    this.nodes = new Map();
    this.rows = new Map();
    this.filter = "";
    this.first = true;
  }

  replace(nodes) {
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.rows.clear();
    this.first = true;
    this.draw();
  }

  change(changed, removed) {
    for (const name of removed) {
      this.nodes.delete(name);
      this.rows.delete(name);
    }
    for (const node of changed) {
      this.nodes.set(node.name, node);
      this.rows.delete(node.name);
    }
    this.draw();
  }

  show(filter) {
    this.filter = filter.trim().toLowerCase();
    this.draw();
  }

  draw() {
    const names = [...this.nodes.keys()].sort().filter((name) => this.matches(this.nodes.get(name)));
    const shown = names.slice(0, MOST_ROWS);
    const rows = shown.map((name) => {
      let made = this.rows.get(name);
      if (!made) {
        made = row(this.nodes.get(name));
        if (!this.first) made.classList.add("new");
        this.rows.set(name, made);
      }
      return made;
    });
    this.first = false;
    if (!rows.length) {
      const text = this.nodes.size ? "No node matches this filter." : "The cluster has no nodes.";
      rows.push(element("tr", {}, element("td", { colspan: "5", cls: "empty", text })));
    }
    sync(body, rows);
    more.hidden = names.length <= shown.length;
    more.textContent = `The first ${shown.length} of ${names.length} nodes are shown; filter to see others.`;
    drawTotals([...this.nodes.values()]);
  }

  matches(node) {
    if (!this.filter) return true;
    const text = [node.name, node.zone, node.arch, ...(node.gpu_details ?? []).map((card) => card.model)];
    return text.some((part) => String(part ?? "").toLowerCase().includes(this.filter));
  }
}

// Moves only what moved, so that focus, selection and animations stay.
function sync(parent, wanted) {
  wanted.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
  while (parent.children.length > wanted.length) parent.lastChild.remove();
}

function drawTotals(nodes) {
  const sum = (of) => nodes.reduce((all, node) => all + of(node), 0);
  const open = nodes.filter((node) => node.schedulable).length;
  const most = nodes.reduce((best, node) => Math.max(best, node.available.gpu), 0);
  const gpus = sum((node) => node.allocatable.gpu);
  const items = [
    [`${open} of ${nodes.length}`, "nodes take new pods"],
    [`${cores(sum((n) => n.available.cpu_millicores))} cores`, `free of ${cores(sum((n) => n.allocatable.cpu_millicores))}`],
    [bytes(sum((n) => n.available.memory_bytes)), `memory free of ${bytes(sum((n) => n.allocatable.memory_bytes))}`],
    [`${sum((n) => n.available.gpu)} of ${gpus}`, gpus ? `GPU units free, at most ${most} on one node` : "GPU units"],
  ];
  if (totals.children.length !== items.length) {
    totals.replaceChildren(...items.map(() => element("div", { cls: "total" }, element("b"), element("span"))));
  }
  items.forEach(([value, label], at) => {
    const [number, words] = totals.children[at].children;
    if (number.textContent !== value) number.textContent = value;
    if (words.textContent !== label) words.textContent = label;
  });
}

function row(node) {
  const made = element("tr", { cls: node.schedulable ? "" : "off" });
  made.append(
    element("th", { scope: "row", text: node.name }, tags(node)),
    amount("CPU", node, "cpu_millicores", cores, "cores"),
    amount("Memory", node, "memory_bytes", bytes, ""),
    amount("GPU", node, "gpu", String, ""),
    element("td", node.gpu_details?.length ? { "data-of": "Cards" } : {}, cards(node)),
  );
  return made;
}

function tags(node) {
  const box = element("div", { cls: "tags" });
  const add = (text, cls = "") => box.append(element("span", { cls: `tag ${cls}`, text }));
  if (node.ready === false) add("NotReady", "bad");
  if (node.cordoned) add("cordoned", "warn");
  for (const condition of node.conditions ?? []) {
    if (condition.type !== "Ready" && condition.status === "True") add(condition.type, "warn");
  }
  for (const taint of node.taints ?? []) {
    if (taint.key?.startsWith("node.kubernetes.io/")) continue; // the conditions above say the same
    add(`${taint.key}${taint.value ? `=${taint.value}` : ""}:${taint.effect}`, "warn");
  }
  if (node.unreadable_pods) add(plural(node.unreadable_pods, "unreadable pod"), "bad");
  if (node.zone) add(node.zone);
  if (node.arch && node.arch !== "amd64") add(node.arch);
  return box;
}

function amount(label, node, field, show, unit) {
  const available = node.available[field];
  const whole = node.allocatable[field];
  const free = whole > 0 ? Math.min(1, available / whole) : 0;
  const cell = element("td", { "data-of": label });
  if (field === "gpu" && !whole && !node.capacity.gpu) {
    cell.append(element("span", { cls: "quiet", text: "none" }));
    return cell;
  }
  const text = element("div", { cls: "amount" }, element("b", { text: show(available) }));
  text.append(` free of ${show(whole)}${unit ? ` ${unit}` : ""}`);
  const fill = element("i");
  fill.style.setProperty("--share", `${(free * 100).toFixed(1)}%`);
  const words = `${Math.round(free * 100)} % of ${label} free`;
  const inner = element("div", {}, text, element("div", { cls: "track", role: "img", "aria-label": words, title: words }, fill));
  cell.append(inner);
  return cell;
}

// Who holds the card or slices of it, as far as this page's token lets it be told.
function holders(card) {
  const told = [card.holder, ...(card.slices ?? []).map((slice) => slice.holder)];
  return [...new Set(told.filter(Boolean).flatMap((names) => names.split(", ")))].join(", ");
}

function cards(node) {
  const details = node.gpu_details ?? [];
  const list = element("ul", { cls: "cards" });
  const groups = new Map();
  for (const card of details) {
    const key = JSON.stringify([card.model, card.memory_total, card.state_text ?? card.state ?? card.available, card.resource ?? null, holders(card)]);
    groups.set(key, [...(groups.get(key) ?? []), card]);
  }
  for (const group of groups.values()) {
    const [card] = group;
    const state = card.state_text ?? card.state ?? (card.available ? "free" : "held");
    const names = holders(card);
    const about = [names ? `${state}${state === "held" ? " by" : ", by"} ${names}` : state];
    if (card.memory_total && card.memory_total !== "Unknown") about.push(card.memory_total);
    if (card.resource && !card.resource.endsWith("/gpu")) about.push(card.resource);
    const busy = group.map((one) => one.utilization).filter((value) => typeof value === "number");
    if (busy.length) about.push(`${Math.round(busy.reduce((all, one) => all + one, 0) / busy.length)} % busy`);
    list.append(
      element("li", card.notes?.length ? { title: card.notes.join("; ") } : {},
        element("span", { cls: `dot ${card.available ? "free" : ""}`, "aria-hidden": "true" }),
        element("span", { text: `${group.length > 1 ? `${group.length} × ` : ""}${card.model} ` }),
        element("span", { cls: "about", text: about.join(", ") })),
    );
  }
  return list;
}
