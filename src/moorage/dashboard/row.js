// One node's row: its state, what is free on it, and its cards.

import { cpuWords, memoryWords, shortResource } from "../web/amounts.js";
import { element } from "../web/elements.js";
import { again, t, tn } from "../web/texts.js";

// What the service calls a card of which no source tells the model.
const UNKNOWN = "Unknown GPU";

export function row(node) {
  const made = element("tr", { cls: node.schedulable ? "" : "off" });
  made.append(
    element("th", { scope: "row", text: node.name }, tags(node)),
    amount(t("CPU"), node, "cpu_millicores", (milli) => t("{cores} cores", { cores: cpuWords(milli) }), cpuWords),
    amount(t("Memory"), node, "memory_bytes", memoryWords),
    amount(t("GPU"), node, "gpu", String),
    element("td", node.gpu_details?.length ? { "data-of": t("Cards") } : {}, cards(node)),
  );
  return made;
}

function tags(node) {
  const box = element("div", { cls: "tags" });
  const add = (text, cls = "") => box.append(element("span", { cls: `tag ${cls}`, text }));
  if (node.ready === false) add("NotReady", "bad");
  if (node.cordoned) add(t("cordoned"), "warn");
  if (node.preparing) add(preparingWords(node.preparing), "warn");
  for (const condition of node.conditions ?? []) {
    if (condition.type !== "Ready" && condition.status === "True") add(condition.type, "warn");
  }
  for (const taint of node.taints ?? []) {
    if (taint.passes || taint.key?.startsWith("node.kubernetes.io/")) continue; // what stands above says the same
    add(`${taint.key}${taint.value ? `=${taint.value}` : ""}:${taint.effect}`, "warn");
  }
  if (node.unreadable_pods) add(tn("{count} unreadable pod", "{count} unreadable pods", node.unreadable_pods), "bad");
  if (node.zone) add(node.zone);
  if (node.arch && node.arch !== "amd64") add(node.arch);
  return box;
}

/** What is going on at a node that is not yet what it will be: "GPU driver is starting since 05:10". */
export function preparingWords({ text, since, overdue }) {
  const words = again(text);
  if (!since || overdue) return words; // an overdue one says itself since when
  const moment = new Date(since);
  return Number.isNaN(moment.getTime()) ? words : t("{words} since {time}", { words, time: moment.toTimeString().slice(0, 5) });
}

function amount(label, node, field, show, plain = show) {
  const available = node.available[field];
  const whole = node.allocatable[field];
  const cell = element("td", { "data-of": label });
  if (available === null || whole === null) {
    const why = field === "gpu" && (node.preparing?.text ?? node.gpu_units?.find((units) => units.unknown)?.unknown);
    const comes = field === "gpu" && node.preparing?.reason === "devices" && !node.preparing.overdue;
    const words = comes ? t("none yet") : t("unknown");
    cell.append(element("span", { cls: "quiet", text: words, ...(why && { title: again(why) }) }));
    return cell;
  }
  if (field === "gpu" && !whole && !node.capacity.gpu) {
    cell.append(element("span", { cls: "quiet", text: t("none") }));
    return cell;
  }
  const kinds = field === "gpu" ? kindsOf(node) : [];
  const share = whole > 0 ? Math.min(1, available / whole) : 0;
  const text = element("div", { cls: "amount" }, ...freeWords(available ? plain(available) : "0", show(whole)));
  const kept = node.evictable?.[field];
  if (kept) kinds.push(t("+{amount} kept free for users", { amount: plain(kept) }));
  const fill = element("i");
  fill.style.setProperty("--share", `${(share * 100).toFixed(1)}%`);
  const words = t("{share} % of {what} free", { share: Math.round(share * 100), what: label });
  cell.append(element("div", {}, text, ...kinds.map((kind) => element("div", { cls: "quiet", text: kind })), element("div", { cls: "track", role: "img", "aria-label": words, title: words }, fill)));
  return cell;
}

/** "54 GiB free of 62 GiB", the first amount in bold wherever it stands. */
function freeWords(part, whole) {
  const [before, after] = t("{part} free of {whole}", { whole, part: "\n" }).split("\n");
  return [before, element("b", { text: part }), after];
}

/** Where whole cards of several makers are on a node, how many of each are free: "1 of 2 NVIDIA GPU". */
export function kindsOf(node) {
  const there = (node.gpu_units ?? []).filter((units) => units.capacity);
  const among = there.map((units) => units.resource);
  if (among.filter((resource) => resource.endsWith("/gpu")).length < 2) return [];
  return there.map(({ available, allocatable, resource }) =>
    [t("{part} of {whole}", { part: available ?? t("unknown"), whole: allocatable }), shortResource(resource, { among })].join(" "),
  );
}

/** Who holds the card or slices of it, each once, as far as this page's token lets it be told. */
function holders(card) {
  const told = [card.holder, ...(card.slices ?? []).map((slice) => slice.holder)];
  return [...new Set(told.filter(Boolean).flatMap((names) => names.split(", ")))].join(", ");
}

function cards(node) {
  const list = element("ul", { cls: "cards" });
  for (const group of groupsOf(node.gpu_details ?? [])) {
    const [card] = group;
    list.append(
      element("li", card.notes?.length ? { title: card.notes.map(again).join("; ") } : {},
        element("span", { cls: `dot ${card.available ? "free" : ""}`, "aria-hidden": "true" }),
        element("span", { text: `${group.length > 1 ? `${group.length} × ` : ""}${modelOf(card)} ` }),
        element("span", { cls: "about", text: aboutWords(group) })),
    );
  }
  return list;
}

function modelOf({ model }) {
  return model === UNKNOWN ? t("Unknown GPU") : model;
}

/** Cards that would read the same, together. */
export function groupsOf(details) {
  const groups = new Map();
  for (const card of details) {
    const key = JSON.stringify([card.model, card.memory_total, stateOf(card), card.resource ?? null, holders(card)]);
    groups.set(key, [...(groups.get(key) ?? []), card]);
  }
  return [...groups.values()];
}

/** How such cards stand: "held by lab/ada, 15360 MiB, 40 % busy". */
export function aboutWords(group) {
  const [card] = group;
  const [state, names] = [stateOf(card), holders(card)];
  const words = again(state);
  const about = !names ? [words] : state.endsWith("held") ? [t("{held} by {names}", { held: words, names })] : [words, t("held by {names}", { names })];
  if (card.memory_total && card.memory_total !== "Unknown") about.push(card.memory_total);
  if (card.resource && !card.resource.endsWith("/gpu")) about.push(card.resource);
  const busy = group.map((one) => one.utilization).filter((value) => typeof value === "number");
  if (busy.length) about.push(t("{share} % busy", { share: Math.round(busy.reduce((all, one) => all + one, 0) / busy.length) }));
  return about.join(", ");
}

function stateOf(card) {
  return card.state_text ?? card.state ?? (card.available ? "free" : "held");
}
