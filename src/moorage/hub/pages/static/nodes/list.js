// The list of nodes: what is free on each, kept up to date in place so that nothing jumps and focus stays where it is.

import { arrange, say } from "../../../../web/elements.js";
import { again, t, tn } from "../../../../web/texts.js";
import { placeAfter } from "./keys.js";
import { passing, sorted } from "./order.js";
import { Row } from "./row.js";

const MOST_ROWS = 100;
// More than are in view. The others are made in turns: to make a hundred takes longer than a key may.
const AT_ONCE = 12;
const AT_A_TIME = 25;
const TURN = 4; // milliseconds
const FRAMES = 4;

export class NodeList {
  /**
   * `choose(name)` is called when somebody picks a node from the list; `chosen` is the one that is picked at first;
   * `finder` says what is to be listed, `offered` are the GPU resources, `gpus()` says whether any are chosen.
   */
  constructor({ list, more, finder, nodes, chosen, choose, offered, gpus }) {
    Object.assign(this, { list, more, finder, nodes, chosen, choose, offered, gpus });
    this.image = null;
    this.shown = []; // names of those that are listed
    this.rows = new Map(); // by name, in the order of the list, as far as they are made
    this.verdicts = {};
    this.order = { by: [], nodes: [] };
    this.known = false; // whether the cluster has been heard of
    this.due = true; // whether the next verdict may change the order
    this.active = null; // the row that arrow keys have led to
    for (const [name, value] of [["role", "listbox"], ["tabindex", "0"], ["aria-labelledby", "moorage-list-title"]]) list.setAttribute(name, value);
    list.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("focus", () => this.activate(this.active ?? (this.rows.has(this.chosen) ? this.chosen : null)));
  }

  replace(nodes) {
    const first = !this.nodes.size;
    this.known = true;
    this.nodes.replace(nodes);
    this.know();
    if (first) this.reveal();
    this.prepare();
  }

  prepare() {
    if (!this.nodes.prepare(texts, TURN)) setTimeout(() => this.prepare());
  }

  change(changed, removed) {
    this.known ||= changed.length > 0;
    const moved = this.nodes.change(changed, removed);
    if (moved) this.know();
    for (const node of changed) this.rows.get(node.name)?.take({ node });
  }

  /** Nodes have come or gone. */
  know() {
    this.finder.know(this.nodes.sorted());
    this.arrange({ keep: this.inUse() });
  }

  /** Words for the cards of some nodes as this very person may see them. */
  tell(words) {
    for (const [name, cards] of Object.entries(words)) {
      const node = this.nodes.get(name);
      if (!node) continue;
      const told = { ...node, cards, ...(node.whole && { whole: { ...node.whole, cards } }) };
      this.nodes.change([told], []);
      this.rows.get(name)?.take({ node: told });
    }
  }

  /** Which rows are there, and in which order; with `keep` those that are there stay in theirs. */
  arrange({ keep = false } = {}) {
    if (!this.known) return; // what came with the page stays
    const scrolled = this.list.scrollTop > 0;
    const asked = { ...this.finder.wanted, gpus: this.gpus(), verdicts: this.verdicts, image: this.image };
    let found = passing(this.nodes.found(this.finder.text, texts, this.ordered(asked)), asked);
    if (keep) {
      const there = new Set(this.shown);
      found = [...this.shown.map((name) => this.nodes.get(name)).filter((node) => node && !node.hidden), ...found.filter((node) => !there.has(node.name))];
    }
    const place = this.shown.indexOf(this.active);
    this.shown = found.filter((node, at) => at < MOST_ROWS || node.name === this.chosen).map(({ name }) => name);
    // A list that is short for a moment would scroll.
    this.fill(scrolled ? MOST_ROWS : AT_ONCE);
    if (this.active !== null && !this.shown.includes(this.active)) this.activate(this.shown[Math.min(place, this.shown.length - 1)] ?? null);
    say(this.more, moreWords({ all: this.nodes.size, found: found.length, shown: this.shown.length }));
  }

  /** All nodes in order, which a letter of a search does not change. */
  ordered(asked) {
    const all = this.nodes.sorted();
    const by = [all, asked.sort, asked.gpus, asked.verdicts, asked.image];
    if (by.some((each, at) => each !== this.order.by[at])) this.order = { by, nodes: sorted(all, asked) };
    return this.order.nodes;
  }

  /** Make so many of the rows that are missing, in the order of the list, and the chosen one; the others in turns, each after what is there is painted. */
  fill(most = Infinity) {
    const turn = (this.turn = {});
    const kept = new Map();
    for (const name of this.shown) {
      const chosen = name === this.chosen;
      const row = this.rows.get(name) ?? (most-- > 0 || chosen ? new Row(name, this.choose, this.offered) : null);
      if (!row) continue;
      row.take({ node: this.nodes.get(name), image: this.image, verdict: this.verdicts[name], chosen });
      kept.set(name, row);
    }
    this.rows = kept;
    arrange(this.list, [...kept.values()].map((row) => row.item));
    if (kept.size < this.shown.length) requestAnimationFrame(() => setTimeout(() => turn === this.turn && this.fill(AT_A_TIME)));
  }

  /** Close the nodes that can't run this image. */
  suit(image) {
    this.image = image;
    for (const row of this.rows.values()) row.take({ image });
  }

  /** Something else is chosen: what was said of the nodes holds no more, but for `same`, where only the node is another one. */
  ask(chosen, { same }) {
    this.due ||= !same;
    this.judge(same ? this.verdicts : {}, chosen);
  }

  /** Mark the chosen node, and what was said of each. */
  judge(verdicts, chosen) {
    const other = chosen !== this.chosen;
    const inView = this.beyond() === 0;
    this.verdicts = verdicts;
    this.chosen = chosen;
    const told = Object.keys(verdicts).length > 0;
    if (told && (this.due || !this.inUse())) {
      this.due = false;
      this.arrange();
    } else if (other && !this.rows.has(chosen)) this.arrange({ keep: true });
    for (const [name, row] of this.rows) row.take({ verdict: verdicts[name], chosen: name === chosen });
    const past = inView ? this.beyond() : 0;
    if (other) this.reveal();
    else if (past) this.list.scrollTop += past; // a verdict may make the row taller
  }

  /** Whether somebody reads the list or works with it, so that its rows must stay where they are. */
  inUse() {
    return this.list.scrollTop > 0 || this.list.matches(":hover, :focus");
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") this.rows.get(this.active)?.pick();
    else {
      if (this.rows.size < this.shown.length) this.fill();
      const names = this.shown;
      const page = Math.max(1, Math.floor(this.list.clientHeight / (this.list.scrollHeight / names.length)) - 1);
      const place = placeAfter(event.key, names.indexOf(this.active), { rows: names.length, page });
      if (place === null) return;
      this.activate(names[place]);
      this.reveal({ name: this.active, middle: false });
    }
    event.preventDefault();
  }

  /** The row that is spoken, and that Enter takes. */
  activate(name) {
    this.rows.get(this.active)?.item.classList.remove("moorage-active");
    this.active = name;
    if (name !== null && !this.rows.has(name)) this.fill();
    const item = this.rows.get(name)?.item;
    item?.classList.add("moorage-active");
    if (item) this.list.setAttribute("aria-activedescendant", item.id);
    else this.list.removeAttribute("aria-activedescendant");
  }

  /** Scroll the list, and nothing around it, until a node is in view: the chosen one in its middle, since its end may be below the window. */
  reveal({ name = this.chosen, middle = true, frames = FRAMES } = {}) {
    const past = this.beyond(name);
    if (past) this.list.scrollTop += past + (middle ? (Math.sign(past) * this.list.clientHeight) / 2 : 0);
    // Rows have their true height once they are in view, and may push it out again.
    if (frames) requestAnimationFrame(() => this.reveal({ name, middle, frames: frames - 1 }));
  }

  /** How far a node's row sticks out of the list: above it less than 0, below it more. */
  beyond(name = this.chosen) {
    const item = this.rows.get(name)?.item;
    if (!item) return 0;
    const [row, frame] = [item, this.list].map((each) => each.getBoundingClientRect());
    return Math.min(row.top - frame.top, 0) || Math.max(row.bottom - frame.bottom, 0);
  }
}

/** A node as this person gets to see it: its GPUs are no use to somebody who may have none. */
export function seen(node, gpus) {
  const { whole = { gpus: node.gpus, cards: node.cards } } = node;
  return { ...node, whole, ...(gpus ? whole : { gpus: [], cards: [] }) };
}

/** A node with why it can never be used, as the hub says of some (`barred`, or null), and whether it is not shown at all (`hidden`). */
export function marked(node, { nodes, reasons }) {
  const place = Object.hasOwn(nodes, node.name) ? nodes[node.name] : null;
  return { ...node, barred: place === null ? null : (reasons[place] ?? t("not offered to you")), hidden: place === -1 };
}

function texts(node) {
  return [again(node.title) ?? node.name, again(node.machine), node.zone, node.arch, ...node.cards, ...node.gpus.flatMap((units) => [units.resource, units.model])];
}

/** What stands below the list of so many nodes. */
export function moreWords({ all, found, shown }) {
  if (!all) return t("This cluster has no nodes.");
  if (!found) return t("No node matches.");
  return found > shown ? tn("and {count} more; search to narrow the list", "and {count} more; search to narrow the list", found - shown) : "";
}
