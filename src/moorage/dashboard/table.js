// The table of nodes. A row is made anew only when its node changed.

import { arrange, element } from "../web/elements.js";
import { t, tn } from "../web/texts.js";
import { row } from "./row.js";

const MOST_ROWS = 300;

export class Table {
  constructor({ rows, more, nodes }) {
    Object.assign(this, { place: rows, more, nodes });
    this.rows = new Map();
    this.filter = "";
    this.first = true;
  }

  replace(nodes) {
    this.nodes.replace(nodes);
    this.rows.clear();
    this.first = true;
    this.draw();
  }

  change(changed, removed) {
    this.nodes.change(changed, removed);
    for (const name of [...removed, ...changed.map((node) => node.name)]) this.rows.delete(name);
    this.draw();
  }

  show(filter) {
    this.filter = filter;
    this.draw();
  }

  draw() {
    const found = this.nodes.found(this.filter, texts);
    const shown = found.slice(0, MOST_ROWS);
    const rows = shown.map((node) => this.row(node));
    this.first = false;
    if (!rows.length) {
      const text = this.nodes.size ? t("No node matches this filter.") : t("This cluster has no nodes.");
      rows.push(element("tr", {}, element("td", { colspan: "5", cls: "empty", text })));
    }
    arrange(this.place, rows);
    this.more.hidden = found.length <= shown.length;
    this.more.textContent = tn("Showing the first {shown} of {count} node. Filter to see others.", "Showing the first {shown} of {count} nodes. Filter to see others.", found.length, { shown: shown.length });
  }

  row(node) {
    let made = this.rows.get(node.name);
    if (!made) {
      made = row(node);
      if (!this.first) made.classList.add("new");
      this.rows.set(node.name, made);
    }
    return made;
  }
}

function texts(node) {
  return [node.name, node.zone, node.arch, ...(node.gpu_details ?? []).map((card) => card.model)];
}
