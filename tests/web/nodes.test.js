import assert from "node:assert/strict";
import { test } from "node:test";

import { Nodes } from "../../src/moorage/web/nodes.js";

const names = (nodes) => nodes.map((node) => node.name);

function some(...all) {
  const nodes = new Nodes();
  nodes.replace(all.map((name) => ({ name, card: name === "n10" ? null : "Tesla T4" })));
  return nodes;
}

test("nodes come in the order of their names", () => {
  const nodes = some("n2", "n10", "N1");

  nodes.change([{ name: "n1" }], []);

  assert.deepEqual(names(nodes.sorted()), ["N1", "n1", "n10", "n2"]);
});

test("a change says whether a node came or went", () => {
  const nodes = some("a", "b");

  assert.equal(nodes.change([{ name: "a", card: "new" }], []), false);
  assert.equal(nodes.change([], ["c"]), false);
  assert.equal(nodes.change([{ name: "c" }], []), true);
  assert.equal(nodes.change([], ["a"]), true);
  assert.deepEqual(names(nodes.sorted()), ["b", "c"]);
});

test("what changed is what is listed, though no node moved", () => {
  const nodes = some("a");
  nodes.sorted();

  nodes.change([{ name: "a", card: "new" }], []);

  assert.equal(nodes.sorted()[0].card, "new");
});

test("a search finds parts of any text, in any case", () => {
  const nodes = some("n1", "n10", "m1");
  const found = (wanted) => names(nodes.found(wanted, (node) => [node.name, node.card]));

  assert.deepEqual(found(" N1 "), ["n1", "n10"]);
  assert.deepEqual(found("tesla"), ["m1", "n1"]);
  assert.deepEqual(found("gone"), []);
  assert.deepEqual(found(" "), ["m1", "n1", "n10"]);
});

test("words of a search are found together, and a card's memory as it is sold", () => {
  const nodes = new Nodes();
  nodes.replace([{ name: "n1", card: "NVIDIA A100, 81920 MiB" }, { name: "n2", card: "NVIDIA A100, 40960 MiB" }, { name: "a100-80gb" }]);
  const found = (wanted) => names(nodes.found(wanted, (node) => [node.name, node.card]));

  assert.deepEqual(found("A100 80GB"), ["a100-80gb", "n1"]);
  assert.deepEqual(found("a100 n2"), ["n2"]);

  nodes.change([{ name: "n2", card: "Tesla T4" }], []);
  assert.deepEqual(found("tesla"), ["n2"]);
});

test("the list is the same one until a node changes, so that what was made of it holds", () => {
  const nodes = some("a", "b");
  const before = nodes.sorted();

  assert.equal(nodes.sorted(), before);
  nodes.change([{ name: "a" }], []);
  assert.notEqual(nodes.sorted(), before);
});

test("what a search asks for is put together once for each node, ahead of it or by it", () => {
  const nodes = some("a", "b", "c");
  const asked = [];
  const texts = ({ name }) => asked.push(name) && [name];

  assert.equal(nodes.prepare(texts, -1), false);
  while (!nodes.prepare(texts, 5));
  nodes.found("b", texts);
  nodes.change([{ name: "b" }], []);

  assert.deepEqual(names(nodes.found("b", texts)), ["b"]);
  assert.deepEqual(asked, ["a", "b", "c", "b"]);
});

test("a search keeps the order of those that it looks among", () => {
  const nodes = some("a1", "b", "a2");

  assert.deepEqual(names(nodes.found("a", ({ name }) => [name], nodes.sorted().toReversed())), ["a2", "a1"]);
});
