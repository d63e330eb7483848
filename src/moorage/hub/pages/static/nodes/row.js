// One node of the list: what is free on it, its cards, and what was said of it.

import { cpuWords, loadWords, memoryWords, shareWords, shortResource } from "../../../../web/amounts.js";
import { arrange, element, put, say } from "../../../../web/elements.js";
import { again, t } from "../../../../web/texts.js";
import { misfit } from "../fields/platforms.js";

const NETWORK = "over the network:";
let rows = 0;

export class Row {
  constructor(name, choose, offered) {
    this.name = element("bdi", { cls: "moorage-name", text: name });
    this.state = element("bdi", { cls: "moorage-state" });
    this.bars = element("div", { cls: "moorage-bars" });
    this.cards = element("div", { cls: "moorage-cards", dir: "auto" });
    this.place = element("bdi", { cls: "moorage-zone" });
    const head = element("div", { cls: "moorage-head" }, this.name, " ", this.state);
    this.item = element("li", { role: "option", id: `moorage-row-${rows++}`, "aria-selected": "false" }, head, this.place, this.bars, this.cards);
    this.item.addEventListener("click", () => getSelection().isCollapsed && this.pick());
    this.choose = () => choose(name);
    this.offered = offered;
    Object.assign(this, { node: null, image: null, verdict: undefined, chosen: false });
    this.open = true;
  }

  pick() {
    if (this.open) this.choose();
  }

  /** Take what may be new: the `node` as it is, the chosen `image`, the `verdict` on the node, and whether it is `chosen`. */
  take(fresh) {
    const { node } = this;
    if (Object.entries(fresh).every(([name, value]) => this[name] === value)) return;
    Object.assign(this, fresh);
    if (this.node !== node) this.draw(this.node);
    this.tell();
  }

  draw(node) {
    const bars = barsOf(node, this.offered);
    arrange(this.bars, bars.map((_, at) => this.bars.children[at] ?? newBar()));
    bars.forEach((each, at) => showBar(this.bars.children[at], each));
    say(this.name, again(node.title) ?? node.name);
    say(this.cards, node.cards.map(cardWords).join("\n"));
    this.cards.hidden = !node.cards.length;
  }

  tell() {
    // A node that can't run the image is closed for it.
    const closed = Boolean(this.node.closed || this.node.barred) || misfit(this.image, this.node) !== null;
    this.open = !closed && this.node.pickable !== false;
    put(this.item, "aria-selected", String(this.chosen));
    put(this.item, "aria-disabled", String(!this.open));
    this.item.classList.toggle("moorage-chosen", this.chosen);
    this.item.classList.toggle("moorage-closed", closed);
    say(this.place, placeWords(this.node, closed ? undefined : this.verdict));
    say(this.state, stateWords(this.node, this.verdict, this.image));
    this.state.classList.toggle("moorage-fits", !closed && this.verdict?.fits === true);
  }
}

/** A line for cards as whoever reads it reads (`in_language` in view/cards.py): what stands behind the model is told part by part. */
export function cardWords(line) {
  const colon = line.indexOf(": ");
  if (colon < 0 || line.startsWith(NETWORK)) return again(line);
  return `${line.slice(0, colon)}: ${line.slice(colon + 2).split(/, (?!but )/).map(part).join(", ")}`;
}

function part(words) {
  return words.startsWith("by ") ? t("by {names}", { names: again(words.slice(3)) }) : again(words);
}

/** What stands beside a node's name: why it takes nothing, or what the verdict says of it, or its taints. */
export function stateWords(node, verdict, image = null) {
  const unable = misfit(image, node);
  if (node.closed || node.barred) return again(node.closed || node.barred);
  if (unable) return unable;
  if (verdict?.fits && node.machine) return [t("would fit"), again(node.machine)].join("; ");
  if (verdict?.fits) return [t("fits"), node.preparing, verdict.driver].filter(Boolean).map(again).join("; ");
  if (verdict?.room) return verdict.room === "at_once" ? t("fits after an eviction") : t("only after an eviction");
  if (verdict) return verdict.reasons[0]?.text ?? t("doesn't fit");
  if (node.machine) return again(node.machine);
  if (node.preparing) return again(node.preparing);
  return node.taints.length ? t("reserved ({taints})", { taints: node.taints.join(", ") }) : "";
}

/** Where the node is, and where there is room, whether the image has to come there first. */
export function placeWords(node, verdict) {
  const words = node.zone ? [t("zone {zone}", { zone: node.zone })] : [];
  if (!verdict?.fits && !verdict?.room) return words.join("");
  if (verdict.here === true) words.push(t("the image is there: starts at once"));
  if (verdict.here === false) words.push(verdict.bytes ? t("≈ {size} to load", { size: loadWords(verdict.bytes) }) : t("the image has to be loaded"));
  return words.join("; ");
}

/** Each with its `text` and the `share` that is free in percent, null where that is unknown. */
export function barsOf(node, offered = []) {
  const among = [...offered, ...node.gpus.map((units) => units.resource)];
  const made = node.machine ? size : bar;
  return [
    made(t("CPU"), node.cpu, cpuWords),
    made("", node.memory, memoryWords), // its unit says what it is
    ...node.gpus.filter((units) => units.capacity).map((units) => made(shortResource(units.resource, { among }), units, String)),
  ];
}

/** Of a machine that is not there yet nothing is taken. */
function size(what, { allocatable }, words) {
  return { text: allocatable === null ? t("{what}: unknown", { what: what || t("memory") }) : `${words(allocatable)} ${what}`.trim(), share: null };
}

function bar(what, { available, allocatable, evictable }, words) {
  if (available === null || allocatable === null) return { text: t("{what}: unknown", { what: what || t("memory") }), share: null };
  const parts = [shareWords(words(available), words(allocatable)), what];
  if (evictable) parts.push(t("(+{amount} kept for users)", { amount: words(evictable) }));
  const text = parts.filter(Boolean).join(" ");
  return { text, share: allocatable > 0 ? (100 * available) / allocatable : 0 };
}

function newBar() {
  return element("div", { cls: "moorage-bar" }, element("meter", { min: "0", max: "100", "aria-hidden": "true" }), element("bdi"));
}

function showBar(place, { text, share }) {
  const [meter, words] = place.children;
  meter.hidden = share === null;
  if (share !== null) meter.value = share;
  say(words, text);
}
