import assert from "node:assert/strict";
import { test } from "node:test";

import { finder, folded, freeWords, optionFor, unfolded, unlisted } from "../../src/moorage/hub/pages/static/fields/kinds.js";
import { choiceWords } from "../../src/moorage/hub/pages/static/keeping.js";
import { hashOf, isSame, valuesIn } from "../../src/moorage/hub/pages/static/memory.js";

const option = (value, names = "") => ({ value, dataset: { names } });
const ANY = option("nvidia.com/gpu");
const T4 = option("nvidia.com/gpu=Tesla-T4", "Tesla-T4 t4");
const select = { options: [ANY, T4] };
const gpus = (available, model) => ({ resource: "nvidia.com/gpu", capacity: 2, allocatable: 2, available, model });
const nodes = [{ gpus: [gpus(1, "Tesla-T4")] }, { gpus: [gpus(2, "A100")] }, { closed: "cordoned", gpus: [gpus(2, "Tesla-T4")] }, { machine: "can be added", gpus: [gpus(2, "t4")] }];

test("a field holds resource and model in one text", () => {
  assert.deepEqual(folded({ cpu: "1", gpu_resource: "nvidia.com/gpu", gpu_kind: "Tesla-T4" }), { cpu: "1", gpu_kind: "nvidia.com/gpu=Tesla-T4" });
  assert.deepEqual(folded({ gpu_resource: "nvidia.com/gpu" }), { gpu_kind: "nvidia.com/gpu" });
  assert.deepEqual(folded({ cpu: "1" }), { cpu: "1" });
  assert.deepEqual(unfolded({ gpu_kind: "nvidia.com/gpu" }), { gpu_resource: "nvidia.com/gpu", gpu_kind: "" });
});

test("a model is found by any of its labels, also without its resource, and never becomes another", () => {
  assert.equal(optionFor(select, "nvidia.com/gpu=t4"), T4.value);
  assert.equal(optionFor(select, "=Tesla-T4"), T4.value);
  assert.equal(optionFor(select, "nvidia.com/gpu=V100"), "nvidia.com/gpu=V100");
  assert.equal(optionFor(select, "amd.com/gpu=Tesla-T4"), "amd.com/gpu=Tesla-T4");
});

test("what is free of a model counts its open nodes, and is left out where it is unknown", () => {
  assert.equal(freeWords(nodes, T4), "1 of 2 free");
  assert.equal(freeWords(nodes, ANY), "3 of 4 free");
  assert.equal(freeWords([...nodes, { gpus: [gpus(null, "Tesla-T4")] }], T4), "");
  assert.equal(finder(T4)(nodes[3]), nodes[3].gpus[0]);
  assert.equal(finder(undefined)(nodes[0]), undefined);
});

test("models that come while the page is open are noticed, but for nodes that are not this person's", () => {
  assert.deepEqual(unlisted(nodes, select), ["nvidia.com/gpu=A100"]);
  assert.deepEqual(unlisted([{ ...nodes[1], barred: "reserved" }], select), []);
});

test("a link and the last choices carry the model", () => {
  const choice = { cpu: "1", gpu: "1", gpu_resource: "nvidia.com/gpu", gpu_kind: "Tesla-T4" };

  assert.deepEqual(valuesIn(hashOf(choice)), choice);
  assert.equal(hashOf({ ...choice, gpu_kind: "" }), "#cpu=1&gpu=1&gpu_resource=nvidia.com%2Fgpu");
  assert.equal(isSame(choice, { ...choice, gpu_kind: "A100" }), false);
  assert.equal(isSame(choice, { cpu: "1", gpu: "1" }), true);
  assert.equal(choiceWords(choice, { kinds: { "nvidia.com/gpu=Tesla-T4": "T4" } }), "Automatic, 1 CPU, 1 T4");
  assert.equal(choiceWords(choice), "Automatic, 1 CPU, 1 Tesla-T4");
});
