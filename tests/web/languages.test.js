import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { cardWords } from "../../src/moorage/hub/pages/static/nodes/row.js";
import { cpuField, cpuWords, memoryWords, shareWords } from "../../src/moorage/web/amounts.js";
import { onward } from "../../src/moorage/web/languages.js";
import { again, speak, spoken, t, tn } from "../../src/moorage/web/texts.js";

const GERMAN = {
  language: "de",
  languages: { en: "English", de: "Deutsch" },
  texts: {
    "Fits on {nodes} right now.": "Passt gerade auf {nodes}.",
    "{part} of {whole}": "{part} von {whole}",
    "{count} more node": ["{count} weiterer Knoten", "{count} weitere Knoten"],
    "cordoned": "gesperrt",
    "held": "belegt",
    "{share} % busy": "{share} % ausgelastet",
    "{names} and {rest} more": "{names} und {rest} weiteren",
    "by {names}": "von {names}",
    "since {time}: {why}": "seit {time}: {why}",
  },
  manies: { "{count} more node": "{count} more nodes" },
};

afterEach(() => speak());

test("without a catalogue everybody reads English", () => {
  assert.equal(t("Fits on {nodes} right now.", { nodes: "atlas" }), "Fits on atlas right now.");
  assert.deepEqual([0, 1, 2].map((count) => tn("{count} more node", "{count} more nodes", count)), ["0 more nodes", "1 more node", "2 more nodes"]);
  assert.equal(again("cordoned"), "cordoned");
});

test("values stay as they are, whatever stands in them", () => {
  speak(GERMAN);

  assert.equal(t("Fits on {nodes} right now.", { nodes: "{whole}$&" }), "Passt gerade auf {whole}$&.");
  assert.deepEqual([1, 2].map((count) => tn("{count} more node", "{count} more nodes", count)), ["1 weiterer Knoten", "2 weitere Knoten"]);
});

test("amounts have the reader's decimal mark, and fields the one that is read everywhere", () => {
  speak(GERMAN);

  assert.deepEqual([cpuWords(1500), cpuField(1500), memoryWords(1.5 * 2 ** 30), shareWords("0 B", "1,5 GiB")], ["1,5", "1.5", "1,5 GiB", "0 von 1,5 GiB"]);
});

test("a language with more forms than two takes them in the order of its categories", () => {
  speak({ language: "pl", texts: { "{count} node": ["{count} węzeł", "{count} węzły", "{count} węzłów"] }, manies: { "{count} node": "{count} nodes" } });

  assert.deepEqual([1, 3, 5].map((count) => tn("{count} node", "{count} nodes", count)), ["1 węzeł", "3 węzły", "5 węzłów"]);
});

test("what was said to everybody is said again", () => {
  speak(GERMAN);

  assert.equal(again("cordoned; 3 more nodes"), "gesperrt; 3 weitere Knoten");
  assert.equal(again("since 10:00: cordoned"), "seit 10:00: gesperrt");
  assert.equal(again("somebody's own words"), "somebody's own words");
  assert.equal(cardWords("2 × T4, 15360 MiB: held, by lab/a and 2 more, 3 % busy"), "2 × T4, 15360 MiB: belegt, von lab/a und 2 weiteren, 3 % ausgelastet");
});

test("another language keeps where one wants to go, and nothing else of the address", () => {
  assert.equal(onward("?_xsrf=1&next=%2Fhub%2Fuser%2Fa"), "?next=%2Fhub%2Fuser%2Fa");
  assert.equal(onward("?_xsrf=1"), "");
  speak(GERMAN);
  assert.equal(spoken().language, "de");
});
