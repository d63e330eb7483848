// Which nodes are listed, and in which order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { placeAfter } from "../../src/moorage/hub/pages/static/nodes/keys.js";
import { passing, sorted, zonesOf } from "../../src/moorage/hub/pages/static/nodes/order.js";

function node(name, cpu, { memory = 0, gpu = 0, ...more } = {}) {
  return { name, cpu: { available: cpu }, memory: { available: memory }, gpus: [{ available: gpu }], ...more };
}

const names = (nodes) => nodes.map(({ name }) => name);
const FULL = { fits: false, reasons: [{ text: "Full." }] };

test("what fits comes first, then what may, and last what is closed; of the same the one with the most free", () => {
  const nodes = [node("closed", 99, { closed: "cordoned" }), node("full", 9), node("later", 8), node("small", 1), node("large", 4), node("~new", 50, { machine: "can be added" }), node("unknown", 3), node("soon", 2)];
  const verdicts = { closed: { fits: true }, full: FULL, later: { ...FULL, room: "later" }, soon: { ...FULL, room: "at_once" }, small: { fits: true }, large: { fits: true }, "~new": { fits: true } };

  assert.deepEqual(names(sorted(nodes, { verdicts })), ["large", "small", "soon", "~new", "unknown", "later", "full", "closed"]);
});

test("of 5,000 nodes what fits is among the first", () => {
  const nodes = Array.from({ length: 5000 }, (_, at) => node(`n${at}`, at % 7));
  const fitting = new Set(nodes.filter((_, at) => at % 25 === 24).map(({ name }) => name));
  const verdicts = Object.fromEntries(nodes.map(({ name }) => [name, fitting.has(name) ? { fits: true } : FULL]));

  const first = sorted(nodes, { verdicts }).slice(0, fitting.size);

  assert.ok(first.every(({ name }) => fitting.has(name)));
});

test("the most free of one thing comes first, what is unknown of it last", () => {
  const nodes = [node("a", 1, { memory: 3, gpu: 2 }), node("b", 2, { memory: null, gpu: 4 }), node("c", 9, { memory: 1, closed: "cordoned" })];

  assert.deepEqual(names(sorted(nodes, { sort: "cpu" })), ["b", "a", "c"]);
  assert.deepEqual(names(sorted(nodes, { sort: "memory" })), ["a", "b", "c"]);
  assert.deepEqual(names(sorted(nodes, { sort: "gpu" })), ["b", "a", "c"]);
  assert.deepEqual(names(sorted(nodes, { sort: "name" })), ["a", "b", "c"]);
});

test("where GPUs are asked for, the most free of them count before CPU", () => {
  const nodes = [node("a", 9, { gpu: 1 }), node("b", 1, { gpu: 2 })];

  assert.deepEqual(names(sorted(nodes, { gpus: true })), ["b", "a"]);
  assert.deepEqual(names(sorted(nodes, { gpus: false })), ["a", "b"]);
});

test("only what fits leaves out what does not, and nothing that is unknown", () => {
  const nodes = [node("fits", 1), node("full", 1), node("unknown", 1), node("closed", 1, { barred: "reserved" })];
  const verdicts = { fits: { fits: true }, full: FULL };

  assert.deepEqual(names(passing(nodes, { fits: true, verdicts })), ["fits", "unknown"]);
});

test("zones and cards pick nodes, and nobody sees hidden ones", () => {
  const nodes = [node("a", 1, { zone: "z1", gpu: 1 }), node("b", 1, { zone: "z2" }), node("c", 1, { zone: "z3", hidden: true })];

  assert.deepEqual(names(passing(nodes, { zone: "z1" })), ["a"]);
  assert.deepEqual(names(passing(nodes, { has: ({ gpus }) => gpus[0].available })), ["a"]);
  assert.deepEqual(names(passing(nodes, {})), ["a", "b"]);
  assert.deepEqual(zonesOf(nodes), ["z1", "z2"]);
});

test("arrow keys lead from row to row and stop at the ends", () => {
  const list = { rows: 20, page: 8 };
  const after = (key, at) => placeAfter(key, at, list);

  assert.deepEqual([after("ArrowDown", -1), after("ArrowUp", -1), after("ArrowDown", 3), after("ArrowUp", 0), after("ArrowDown", 19)], [0, 19, 4, 0, 19]);
  assert.deepEqual([after("PageDown", 3), after("PageUp", 3), after("Home", 12), after("End", -1)], [11, 0, 0, 19]);
  assert.deepEqual([after("x", 3), placeAfter("End", -1, { rows: 0, page: 8 })], [null, null]);
});
