// What a browser remembers of choices.

import assert from "node:assert/strict";
import { test } from "node:test";

import { choiceWords, goneWords } from "../../src/moorage/hub/pages/static/keeping.js";
import { hashOf, isSame, Memory, valuesIn } from "../../src/moorage/hub/pages/static/memory.js";

const CHOICE = { node: "atlas", cpu: "2", memory: "3Gi", gpu: "1", gpu_resource: "nvidia.com/gpu", image: "minimal" };

function storage() {
  const kept = new Map();
  return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
}

function memory({ session = storage(), local = storage(), server = "", now } = {}) {
  return new Memory({ user: "ada", server, session, local, now });
}

test("what stands in the form is there after the page, for this person's server alone", () => {
  const session = storage();

  memory({ session }).keep(CHOICE);

  assert.deepEqual(memory({ session }).draft(null), CHOICE);
  assert.equal(memory({ session, server: "second" }).draft(null), null);
});

test("what was sent is forgotten once it has arrived, and after a while", () => {
  let now = 0;
  const here = memory({ now: () => now });
  here.send(CHOICE);

  assert.deepEqual(here.draft({ ...CHOICE, cpu: "4" }), CHOICE);
  assert.equal(here.draft(CHOICE), null);
  now += 11 * 60 * 1000;
  assert.equal(here.draft(null), null);
});

test("the latest choices are kept once each", () => {
  const local = storage();
  for (const cpu of ["1", "2", "3", "2", "4", "5"]) memory({ local }).recent({ ...CHOICE, cpu });

  assert.deepEqual(memory({ local }).recent(null).map((values) => values.cpu), ["5", "4", "2", "3"]);
});

test("a browser that keeps nothing, or nonsense, is no error", () => {
  const broken = { getItem: () => "{", setItem: () => assert.fail("called") };
  const full = { getItem: () => '{"values":7,"sent":"x"}', setItem: () => { throw new Error("full"); } };

  for (const session of [null, full, { ...broken, setItem() {} }]) {
    const here = memory({ session, local: session });
    here.keep(CHOICE);
    assert.equal(here.draft(null), null);
    assert.deepEqual(here.recent(CHOICE), [CHOICE]);
  }
});

test("a preset is part of a choice", () => {
  const preset = { preset: "small", node: "", image: "minimal" };

  assert.equal(hashOf(preset), "#preset=small&node=&image=minimal");
  assert.equal(isSame(preset, { ...CHOICE, preset: "", node: "" }), false);
  assert.equal(choiceWords(preset, { presets: { small: "Small" } }), "Small, Automatic, minimal");
});

test("a link holds the choice behind its #, and nothing else", () => {
  assert.deepEqual(valuesIn(hashOf(CHOICE)), CHOICE);
  assert.equal(hashOf({ ...CHOICE, node: "", gpu: "0" }), "#node=&cpu=2&memory=3Gi&gpu=0&image=minimal");
  assert.equal(valuesIn("#section"), null);
  assert.deepEqual(valuesIn(`#cpu=2&evil=1&image=${"x".repeat(9999)}`), { cpu: "2", image: "x".repeat(512) });
});

test("the kind of GPU tells two choices apart only where there is one", () => {
  assert.equal(isSame(CHOICE, { ...CHOICE, gpu_resource: "amd.com/gpu" }), false);
  assert.equal(isSame({ ...CHOICE, gpu: "0" }, { ...CHOICE, gpu: "0", gpu_resource: "" }), true);
});

test("a choice is told in a line, and what is gone by its name", () => {
  assert.equal(choiceWords(CHOICE, { images: { minimal: "Minimal" } }), "atlas, 2 CPU, 3Gi, 1 GPU, Minimal");
  assert.equal(choiceWords({ node: "", cpu: "1", gpu: "2", gpu_resource: "nvidia.com/mig-1g.5gb" }), "Automatic, 1 CPU, 2 MIG 1g.5gb");
  assert.deepEqual(goneWords([["node", "x"], ["image", "y"]]), ["Not offered any more: the node “x” and the image “y”."]);
  assert.deepEqual(goneWords([]), []);
});

test("amounts that mean the same are the same choice", () => {
  assert.equal(isSame({ cpu: "1,5", memory: "3Gi" }, { cpu: "1500m", memory: "3 GiB" }), true);
  assert.equal(isSame({ memory: "512 mb" }, { memory: "512 MiB" }), true);
  assert.equal(isSame({ memory: "3" }, { memory: "3 MiB" }), false);
  assert.equal(isSame({ cpu: "many" }, { cpu: "more" }), false);
});

test("a machine that may come is called as in its row", () => {
  const choice = { cpu: "2", memory: "3Gi" };

  assert.equal(choiceWords({ ...choice, node: "~gpu/g5.xlarge" }), "New machine g5.xlarge, 2 CPU, 3Gi");
  assert.equal(choiceWords({ ...choice, node: "~large" }), "New machine large, 2 CPU, 3Gi");
  assert.deepEqual(goneWords([["node", "~gpu/g5.xlarge"]]), ["Not offered any more: “New machine g5.xlarge”."]);
});
