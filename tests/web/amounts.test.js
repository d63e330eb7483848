import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, capital, cpuWords, listed, memoryWords, sentence, shareWords, shortResource } from "../../src/moorage/web/amounts.js";

test("memory is rounded down to one digit", () => {
  const shown = [0, 1023, 1024, 1536 * 2 ** 20, 2 ** 30 - 1, 123.99 * 2 ** 30, 1.5 * 2 ** 40].map(memoryWords);

  assert.deepEqual(shown, ["0 B", "1023 B", "1 KiB", "1.5 GiB", "1023.9 MiB", "123.9 GiB", "1.5 TiB"]);
});

test("cores are exact to a thousandth", () => {
  assert.deepEqual([0, 4000, 500, 11537].map(cpuWords), ["0", "4", "0.5", "11.537"]);
});

test("a share names its unit once", () => {
  assert.equal(shareWords("54 GiB", "62 GiB"), "54 of 62 GiB");
  assert.equal(shareWords("512 MiB", "62 GiB"), "512 MiB of 62 GiB");
  assert.equal(shareWords("0 B", "62 GiB"), "0 of 62 GiB");
  assert.equal(shareWords("2", "4"), "2 of 4");
});

test("whole cards are GPUs and slices have their own names", () => {
  assert.deepEqual(["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.5gb"].map(shortResource), ["GPU", "GPU", "MIG 1g.5gb"]);
});

test("names are listed as one says them", () => {
  assert.deepEqual([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(listed), ["", "a", "a and b", "a, b and c"]);
});

test("a phrase becomes a sentence, and a name stays a name", () => {
  assert.deepEqual(["no GPU free", "nvidia.com/gpu is short", "Full.", "2 CPU short"].map(sentence), ["No GPU free.", "nvidia.com/gpu is short.", "Full.", "2 CPU short."]);
  assert.equal(capital("cordoned"), "cordoned");
});

test("a moment long ago is told in the unit that people would use", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.parse("2026-01-01T12:00:00Z") });

  const told = ["2026-01-01T12:00:09Z", "2026-01-01T11:59:00Z", "2026-01-01T11:50:00Z", "2026-01-01T09:00:00Z", "never"].map(ago);

  assert.deepEqual(told, ["for 0 s", "for 60 s", "for 10 min", "for 3 h", "for a while"]);
});
