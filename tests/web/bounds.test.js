import assert from "node:assert/strict";
import test from "node:test";

import { amountOf, rangeOf, rangeWords, stopsOf } from "../../src/moorage/hub/pages/static/fields/bounds.js";
import { presetWords } from "../../src/moorage/hub/pages/static/answers/presets.js";
import { nearest } from "../../src/moorage/hub/pages/static/fields/slider.js";

const GI = 2 ** 30;
const node = {
  cpu: { available: 8000, allocatable: 15900, capacity: 16000 },
  memory: { available: GI, allocatable: 60 * GI },
  gpus: [{ resource: "nvidia.com/gpu", capacity: 2 }],
};
const bounds = {
  sizes: true,
  cpu: { least: 100, most: null, all: 64000, step: null },
  memory: { least: 2 ** 27, most: 32 * GI, all: 256 * GI, step: null },
  gpu: { "nvidia.com/gpu": { most: 4, all: 8 }, "amd.com/gpu": { most: null, all: 1 } },
};
const kindOf = (value) => ({ value, dataset: {} });
const at = (name, where) => rangeWords(name, rangeOf(name, bounds, { node: null, kind: kindOf("nvidia.com/gpu"), ...where }));

test("bounds follow the chosen node and the kind of GPU, and never go beyond what the person may have", () => {
  assert.equal(at("cpu", {}), "0.1 to 64");
  assert.equal(at("cpu", { node }), "0.1 to 16");
  assert.equal(at("memory", { node }), "128 MiB to 32 GiB");
  assert.equal(at("gpu", {}), "0 to 4");
  assert.equal(at("gpu", { node }), "0 to 2");
  assert.equal(at("gpu", { node, kind: kindOf("amd.com/gpu") }), "None available");
  assert.equal(at("gpu", { kind: kindOf("amd.com/gpu") }), "0 to 1");
});

test("what nobody knows has no bounds, and where nodes are added on demand their sizes count for nothing", () => {
  assert.equal(at("gpu", { kind: undefined }), null);
  assert.equal(rangeOf("cpu", { ...bounds, sizes: false }, { node, kind: undefined }).most, 64000);
});

test("a slider stops at the administrator's steps, or else at usual sizes and the most that there is", () => {
  assert.deepEqual(stopsOf("cpu", { least: 100, most: 6000 }, 1500), [1500, 3000, 4500, 6000]);
  assert.deepEqual(stopsOf("cpu", { least: 100, most: 6000 }, null), [500, 1000, 2000, 4000, 6000]);
  assert.deepEqual(stopsOf("memory", { least: GI, most: 3 * GI }, 2 * GI), [2 * GI]);
  assert.deepEqual(stopsOf("cpu", { least: 100, most: null }, null), []);
});

test("a slider knows where a field stands however it is written", () => {
  assert.equal(amountOf("cpu", "1,5"), 1500);
  assert.equal(amountOf("cpu", "500m"), 500);
  assert.equal(amountOf("memory", "4 GiB"), 4 * GI);
  assert.equal(amountOf("memory", "512Mi"), 512 * 2 ** 20);
  assert.equal(amountOf("memory", "8"), 8 * GI);
  assert.ok(Number.isNaN(amountOf("memory", "much")));
  assert.equal(nearest([1, 2, 4, 8], 5), 2);
});

test("a preset says what it would get now", () => {
  assert.equal(presetWords("Small: 2 CPU", "fits on atlas"), "Small: 2 CPU (fits on atlas)");
  assert.equal(presetWords("Small: 2 CPU", ""), "Small: 2 CPU");
});
