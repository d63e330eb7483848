// What the page of a running server makes of a verdict.

import assert from "node:assert/strict";
import { test } from "node:test";

import { seen } from "../../src/moorage/hub/pages/static/resize.js";

test("what fits can be had, and what has no room can wait for it", () => {
  assert.deepEqual(seen({ fits: true, changes: true, text: "Fits on atlas." }), { words: "Fits on atlas.", cls: "moorage-ok", button: "Resize", wrong: null });
  assert.equal(seen({ fits: false, waits: true, changes: true, text: "No room." }).button, "Resize and wait for room");
});

test("a refusal names its field and leaves nothing to press", () => {
  const { words, button, wrong } = seen({ refusal: "Too much.", field: "cpu" });
  assert.deepEqual([words, button, wrong], ["Too much.", null, "cpu"]);
});

test("what the server has already is no change", () => {
  assert.equal(seen({ fits: true, changes: false, text: "That is what your server has." }).button, null);
});

test("without an answer one may try", () => {
  const { cls, button } = seen(null);
  assert.deepEqual([cls, button], ["moorage-unknown", "Resize"]);
});
