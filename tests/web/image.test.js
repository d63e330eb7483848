// What the form says of the chosen image on each node.

import assert from "node:assert/strict";
import { test } from "node:test";

import { told } from "../../src/moorage/hub/pages/static/answers/answer.js";
import { placeWords, stateWords } from "../../src/moorage/hub/pages/static/nodes/row.js";

test("a row says where the node is, and whether the image has to come there", () => {
  const there = { zone: "z1" };

  assert.equal(placeWords(there, undefined), "zone z1");
  assert.equal(placeWords(there, { fits: true, here: true }), "zone z1; the image is there: starts at once");
  assert.equal(placeWords({}, { fits: true, here: false, bytes: 3_240_000_000 }), "≈ 3.2 GB to load");
  assert.equal(placeWords({}, { fits: true, here: false, bytes: 85_400_000 }), "≈ 85 MB to load");
  assert.equal(placeWords({}, { fits: true, here: false }), "the image has to be loaded");
  assert.equal(placeWords({}, { fits: true }), "");
  assert.equal(placeWords({}, { fits: false, here: true, reasons: [] }), "");
});

test("what has to be loaded, and a driver that is too old, is said of the chosen node", () => {
  const driver = "The image needs CUDA 12.4; the driver there supports up to 12.2.";
  const kinds = [{ fits: true, here: false, driver }];
  const both = { fits: true, can_wait: false, after_eviction: null, refused: [], reasons: [], would_work: [], held: {}, warnings: [], nodes: { a: 0 }, kinds, image_bytes: 3_200_000_000 };

  assert.equal(told(both, "a").text, `Fits on a right now. ${driver} First, 3.2 GB of image are loaded.`);
  assert.equal(told(both, "").text, "Fits on a right now.");
  assert.equal(stateWords({ taints: [] }, { fits: true, driver }), `fits; ${driver}`);
});
