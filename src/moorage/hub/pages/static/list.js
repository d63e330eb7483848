// The list of nodes: what is free on each, kept up to date in place so that nothing jumps and focus stays where it is.

import { arrange, say } from "../../../web/elements.js";
import { again, t, tn } from "../../../web/texts.js";
import { Row } from "./row.js";

const MOST_ROWS = 100;
const SEARCH_FROM = 9;
const FRAMES = 4;

export class NodeList {
  /** `choose(name)` is called when somebody picks a node from the list; `chosen` is the one that is picked at first; `offered` are the GPU resources. */
  constructor({ list, search, more, nodes, chosen, choose, offered }) {
    Object.assign(this, { list, search, more, nodes, chosen, choose, offered });
    this.image = null;
    this.rows = new Map();
    this.verdicts = {};
    search.addEventListener("input", () => this.arrange());
    search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }

  replace(nodes) {
    const first = !this.nodes.size;
    this.nodes.replace(nodes);
    this.arrange();
    if (first) this.reveal();
  }

  change(changed, removed) {
    if (this.nodes.change(changed, removed)) this.arrange();
    else for (const node of changed) this.rows.get(node.name)?.show(node);
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
    const found = this.nodes.found(this.search.value, texts).filter((node) => !node.hidden);
    const shown = found.filter((node, place) => place < MOST_ROWS || node.name === this.chosen);
    this.search.hidden = this.nodes.size < SEARCH_FROM;
    const kept = new Map();
    for (const node of shown) {
      const row = this.rows.get(node.name) ?? new Row(node.name, this.choose, this.offered);
      row.show(node);
      row.suit(this.image);
      row.judge(this.verdicts[node.name], node.name === this.chosen);
      kept.set(node.name, row);
    }
    this.rows = kept;
    arrange(this.list, [...kept.values()].map((row) => row.item));
    say(this.more, moreWords({ all: this.nodes.size, found: found.length, shown: shown.length }));
  }

  /** Close the nodes that can't run this image. */
  suit(image) {
    this.image = image;
    for (const row of this.rows.values()) row.suit(image);
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
  reveal(frames = FRAMES) {
    const past = this.beyond();
    if (past) this.list.scrollTop += past + (Math.sign(past) * this.list.clientHeight) / 2;
    // Rows have their true height once they are in view, and may push it out again.
    if (frames) requestAnimationFrame(() => this.reveal(frames - 1));
  }

  /** How far the chosen node sticks out of the list: above it less than 0, below it more. */
  beyond() {
    const item = this.rows.get(this.chosen)?.item;
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
  return [again(node.title) ?? node.name, again(node.machine), ...node.cards, ...node.gpus.map((units) => units.resource)];
}

/** What stands below the list of so many nodes. */
export function moreWords({ all, found, shown }) {
  if (!all) return t("This cluster has no nodes.");
  if (!found) return t("No node or card matches.");
  return found > shown ? tn("and {count} more; search to narrow the list", "and {count} more; search to narrow the list", found - shown) : "";
}
