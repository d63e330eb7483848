// The options of the Node field.

import assert from "node:assert/strict";
import { test } from "node:test";

import { showOptions } from "../../src/moorage/hub/pages/static/nodes/options.js";
import { Nodes } from "../../src/moorage/web/nodes.js";

/** As much of a select as is used here; `asked` counts how often its options are listed, for which a browser goes through all of them. */
class Select {
  asked = 0;

  constructor(...names) {
    this.inside = ["", ...names].map((value) => this.holding({ value, textContent: value }));
    this.value = "";
  }

  holding(option) {
    return Object.assign(option, { remove: () => this.inside.splice(this.inside.indexOf(option), 1) });
  }

  get options() {
    this.asked++;
    return this.inside;
  }

  add(option, before) {
    this.inside.splice(before ? this.inside.indexOf(before) : this.inside.length, 0, this.holding(option));
  }
}

globalThis.Option = class {
  constructor(textContent, value) {
    Object.assign(this, { textContent, value });
  }
};

function nodesNamed(...names) {
  const nodes = new Nodes();
  const unknown = { available: null, allocatable: null };
  nodes.replace(names.map((name) => ({ name, cpu: unknown, memory: unknown, gpus: [], taints: [] })));
  return nodes;
}

const values = (select) => select.inside.map(({ value }) => value);

test("nodes that come stand in their place among those that are there", () => {
  const select = new Select("b", "d");

  showOptions(select, nodesNamed("d", "e", "a", "b", "c"), { offered: [], image: null });

  assert.deepEqual(values(select), ["", "a", "b", "c", "d", "e"]);
});

test("a node that is gone goes, and stays where it is chosen", () => {
  const select = new Select("a", "b", "c");
  select.value = "c";

  showOptions(select, nodesNamed("a"), { offered: [], image: null });

  assert.deepEqual(values(select), ["", "a", "c"]);
  assert.equal(select.inside[2].textContent, "c (gone)");
});

test("a page that begins without nodes lists its options as often for 1,000 of them as for one", () => {
  const [one, many] = [new Select(), new Select()];

  showOptions(one, nodesNamed("a"), { offered: [], image: null });
  showOptions(many, nodesNamed(...Array.from({ length: 1000 }, (_, at) => `n${at}`)), { offered: [], image: null });

  assert.equal(many.asked, one.asked);
  assert.equal(many.inside.length, 1001);
});
