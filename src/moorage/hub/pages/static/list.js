// The list of nodes: what is free on each, kept up to date in place so that nothing jumps and focus stays where it is.

import { arrange, say } from "../../../web/elements.js";
import { again, t, tn } from "../../../web/texts.js";
import { placeAfter } from "./keys.js";
import { passing, sorted } from "./order.js";
import { Row } from "./row.js";

const MOST_ROWS = 100;
const FRAMES = 4;

export class NodeList {
  /**
   * `choose(name)` is called when somebody picks a node from the list; `chosen` is the one that is picked at first;
   * `finder` says what is to be listed, `offered` are the GPU resources, `gpus()` says whether any are chosen.
   */
  constructor({ list, more, finder, nodes, chosen, choose, offered, gpus }) {
    Object.assign(this, { list, more, finder, nodes, chosen, choose, offered, gpus });
    this.image = null;
    this.rows = new Map();
    this.verdicts = {};
    this.due = true; // whether the next verdict may change the order
    this.active = null; // the row that arrow keys have led to
    for (const [name, value] of [["role", "listbox"], ["tabindex", "0"], ["aria-labelledby", "moorage-list-title"]]) list.setAttribute(name, value);
    list.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("focus", () => this.activate(this.active ?? (this.rows.has(this.chosen) ? this.chosen : null)));
  }

  replace(nodes) {
    const first = !this.nodes.size;
    this.nodes.replace(nodes);
    this.know();
    if (first) this.reveal();
  }

  change(changed, removed) {
    const moved = this.nodes.change(changed, removed);
    if (moved) this.know();
    for (const node of changed) this.rows.get(node.name)?.show(node);
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
      this.rows.get(name)?.show(told);
    }
  }

  /** Which rows are there, and in which order; with `keep` those that are there stay in theirs. */
  arrange({ keep = false } = {}) {
    const asked = { ...this.finder.wanted, gpus: this.gpus(), verdicts: this.verdicts, image: this.image };
    let found = sorted(passing(this.nodes.found(this.finder.text, texts), asked), asked);
    if (keep) {
      const there = [...this.rows.keys()].map((name) => this.nodes.get(name)).filter((node) => node && !node.hidden);
      found = [...there, ...found.filter((node) => !this.rows.has(node.name))];
    }
    const shown = found.filter((node, place) => place < MOST_ROWS || node.name === this.chosen);
    const kept = new Map();
    for (const node of shown) {
      const row = this.rows.get(node.name) ?? new Row(node.name, this.choose, this.offered);
      row.show(node);
      row.suit(this.image);
      row.judge(this.verdicts[node.name], node.name === this.chosen);
      kept.set(node.name, row);
    }
    const place = [...this.rows.keys()].indexOf(this.active);
    this.rows = kept;
    arrange(this.list, [...kept.values()].map((row) => row.item));
    if (this.active !== null && !kept.has(this.active)) this.activate([...kept.keys()][Math.min(place, kept.size - 1)] ?? null);
    say(this.more, moreWords({ all: this.nodes.size, found: found.length, shown: shown.length }));
  }

  /** Close the nodes that can't run this image. */
  suit(image) {
    this.image = image;
    for (const row of this.rows.values()) row.suit(image);
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
    for (const [name, row] of this.rows) row.judge(verdicts[name], name === chosen);
    if (other) this.reveal();
    else if (inView) this.list.scrollTop += this.beyond(); // a verdict may make the row taller
  }

  /** Whether somebody reads the list or works with it, so that its rows must stay where they are. */
  inUse() {
    return this.list.scrollTop > 0 || this.list.matches(":hover, :focus");
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") this.rows.get(this.active)?.pick();
    else {
      const names = [...this.rows.keys()];
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
