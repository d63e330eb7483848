// Texts that were made in English, recognised and said again.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = {
  getElementById: () => ({
    textContent: JSON.stringify({
      language: "de",
      languages: {},
      texts: { "{first} and {last} are gone": "{first} und {last} sind weg", "{count} node is gone": ["{count} Knoten ist weg", "{count} Knoten sind weg"] },
      manies: { "{count} node is gone": "{count} nodes are gone" },
    }),
  }),
  documentElement: { lang: "de" },
};
const { again } = await import("../../src/moorage/web/texts.js");

test("a text with its values in is said again, and what is none of ours stays", () => {
  assert.equal(again("a and b and c are gone"), "a and b und c sind weg");
  assert.equal(again("3 nodes are gone"), "3 Knoten sind weg");
  assert.equal(again("many nodes are gone"), "many nodes are gone");
});

test("one that was made to be hard to recognise takes no longer than another", () => {
  const hard = "a and b are gone ".repeat(20000);
  assert.equal(again(hard), hard);
});

test("what several say is told with their names", () => {
  assert.equal(again("exec: 3 nodes are gone; dcgm: it is away"), "exec: 3 Knoten sind weg; dcgm: it is away");
});
