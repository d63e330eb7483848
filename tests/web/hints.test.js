// What stands below the amounts' fields.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { takenWords } from "../../src/moorage/hub/pages/static/fields/hints.js";
import { speak } from "../../src/moorage/web/texts.js";

afterEach(() => speak());

test("an amount is told as it was read where it is written otherwise", () => {
  assert.equal(takenWords("2.5 GiB", "2.5 GiB"), "");
  assert.equal(takenWords(" 2.5 GB", "2.5 GiB"), "Taken as 2.5 GiB.");
  assert.equal(takenWords("1,5", "1.5"), "Taken as 1.5.");
  assert.equal(takenWords("", "1.5"), "1.5.");
  assert.equal(takenWords("many", undefined), "");
});

test("where a comma is the decimal mark it needs no word, and a point that may have been meant otherwise is told with it", () => {
  speak({ language: "de", texts: { "Taken as {amount}.": "Gilt als {amount}." } });

  assert.equal(takenWords("1,125 GiB", "1.125 GiB"), "");
  assert.equal(takenWords("1.125 GiB", "1.125 GiB"), "");
  assert.equal(takenWords("1.024 MB", "1.024 MiB"), "Gilt als 1,024 MiB.");
  assert.equal(takenWords("", "1.5 GiB"), "1,5 GiB.");
});
