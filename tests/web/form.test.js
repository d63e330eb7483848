// The words of the spawn form.

import assert from "node:assert/strict";
import { test } from "node:test";

import { told } from "../../src/moorage/hub/pages/static/answers/answer.js";
import { mostFree } from "../../src/moorage/hub/pages/static/fields/hints.js";
import { marked, moreWords, seen } from "../../src/moorage/hub/pages/static/nodes/list.js";
import { optionWords } from "../../src/moorage/hub/pages/static/nodes/options.js";
import { imageOf, misfit } from "../../src/moorage/hub/pages/static/fields/platforms.js";
import { filledWords, pickedIn } from "../../src/moorage/hub/pages/static/answers/profiles.js";
import { barsOf, stateWords } from "../../src/moorage/hub/pages/static/nodes/row.js";
import { statusWords } from "../../src/moorage/hub/pages/static/status.js";

const GI = 2 ** 30;
const KIND = { value: "nvidia.com/gpu", dataset: {} };

function node(name, fields = {}) {
  const amounts = { cpu: { available: 1500, allocatable: 4000 }, memory: { available: 6 * GI, allocatable: 16 * GI } };
  return { name, ...amounts, gpus: [], cards: [], taints: [], closed: null, pickable: true, ...fields };
}

function gpus(available, allocatable = available, capacity = allocatable) {
  return { resource: "nvidia.com/gpu", available, allocatable, capacity };
}

/** The hub's answer where these nodes fit, and those don't for these reasons. */
function answer({ fitting = [], full = {}, ...rest }) {
  const kinds = [{ fits: true }, ...Object.values(full).map((text) => ({ fits: false, reasons: [{ text, message: "Insufficient cpu" }] }))];
  const nodes = Object.fromEntries([...fitting.map((name) => [name, 0]), ...Object.keys(full).map((name, at) => [name, at + 1])]);
  return { fits: fitting.length > 0, can_wait: false, after_eviction: null, refused: [], reasons: [], would_work: [], held: {}, warnings: [], nodes, kinds, ...rest };
}

test("a choice that fits is told with its nodes", () => {
  const some = ["a", "b", "c", "d", "e"];

  assert.equal(told(answer({ fitting: ["a"] }), "a").text, "Fits on a right now.");
  assert.equal(told(answer({ fitting: ["a", "b"], full: { c: "Full." } }), "").text, "Fits on a and b right now.");
  assert.equal(told(answer({ fitting: some, full: { f: "Full." } }), "").text, "Fits on 5 of 6 nodes right now.");
  assert.equal(told(answer({ fitting: some }), "").text, "Fits on every node right now.");
  assert.equal(told(answer({ fits: true }), "").text, "Fits right now.");
  assert.equal(told(answer({ fitting: ["a"] }), "a").upstream, "");
  assert.equal(told(answer({ fitting: ["a"], warnings: ["Held on b."] }), "a").text, "Fits on a right now. Held on b.");
});

test("a choice that does not fit is told with its reason, and with waiting only where that helps", () => {
  const short = { full: { a: "1 CPU short (4 asked, 3 free)" } };
  const none = { full: { a: "no GPU free (1 asked)" } };

  assert.equal(told(answer({ ...short, can_wait: true }), "a").text, "Doesn't fit on a right now. 1 CPU short (4 asked, 3 free). You can start anyway and wait for room.");
  assert.equal(told(answer(short), "a").text, "Doesn't fit on a right now. 1 CPU short (4 asked, 3 free).");
  assert.equal(told(answer(none), "a").text, "Doesn't fit on a right now. No GPU free (1 asked).");
  assert.equal(told(answer(short), "").text, "Doesn't fit on any node right now.");
  assert.equal(told(answer(short), "a").upstream, "Insufficient cpu");
});

test("what the cluster makes room by is told, and is a place where it takes no time", () => {
  const short = { full: { a: "1 CPU short" } };
  const placeholders = { at_once: true, text: "Placeholders make room at once on a." };
  const people = { at_once: false, text: "1 pod of lower priority would be evicted on a, which takes up to 30 s." };

  const less = [{ text: "3 CPU", use: { cpu: "3" } }];
  const [first, second] = [placeholders, people].map((room) => told(answer({ ...short, can_wait: true, after_eviction: room, would_work: less }), ""));

  assert.deepEqual([first.kind, first.text], ["ok", "Fits after an eviction. Placeholders make room at once on a."]);
  assert.deepEqual([first.ways, second.ways], [[], less]);
  assert.deepEqual([second.kind, second.text], ["unknown", "Doesn't fit on any node right now. 1 pod of lower priority would be evicted on a, which takes up to 30 s."]);
});

test("what the API server would refuse is not blamed on a node", () => {
  const said = told(answer({ fits: false, refused: [{ text: "Over the quota “tight”.", message: "exceeded quota: tight" }] }), "a");

  assert.equal(said.text, "The cluster would refuse this server. Over the quota “tight”.");
  assert.equal(said.upstream, "exceeded quota: tight");
});

test("what is refused or unknown is told as it is", () => {
  assert.deepEqual([told({ refusal: "Too much." }, "").kind, told({ refusal: "Too much." }, "").text], ["no", "Too much."]);
  assert.deepEqual([told({ unknown: "Unclear." }, "").kind, told({ unknown: "Unclear." }, "").text], ["unknown", "Unclear."]);
  assert.deepEqual([told(null, "").kind, told(null, "").text], ["unknown", "Can't tell right now whether this fits."]);
});

test("where a node was chosen, the words are on that one, and the rows of the others say how they would do", () => {
  const both = answer({ fitting: ["b"], full: { a: "Full." }, fits: false });

  assert.equal(told(both, "a").text, "Doesn't fit on a right now. Full.");
  assert.deepEqual(Object.keys(told(both, "a").judged).sort(), ["a", "b"]);
});

test("who holds room is told of the chosen node, and of others only where it is oneself", () => {
  const mine = { own: true, text: "your server “lab” (1 GPU)" };
  const other = { own: false, text: "jupyter/ada (2 CPU)" };
  const full = answer({ full: { a: "Full.", b: "Full.", c: "Full." }, held: { a: [mine, other], b: [other], c: [mine] } });

  assert.deepEqual(told(full, "a").held, ["Held on a by your server “lab” (1 GPU), jupyter/ada (2 CPU)."]);
  assert.deepEqual(told(full, "").held, ["Held on a by your server “lab” (1 GPU).", "Held on c by your server “lab” (1 GPU)."]);
});

test("an option says what is free, or why the node can't be had", () => {
  assert.equal(optionWords(node("a", { gpus: [gpus(1), gpus(0, 0), gpus(null, 2)] })), "a (1.5 CPU, 6 GiB, 1 GPU free)");
  assert.equal(optionWords(node("a", { closed: "cordoned" })), "a (cordoned)");
  assert.equal(optionWords(node("a", { pickable: false })), "a (can't be chosen: no hostname label)");
  assert.equal(optionWords(node("a", { cpu: { available: null }, memory: { available: null } })), "a (free: unknown)");
});

test("a row says first what closes a node, then the verdict, then its taints", () => {
  const tainted = node("a", { taints: ["gpu=only"] });

  assert.equal(stateWords(node("a", { closed: "cordoned" }), { fits: true }), "cordoned");
  assert.equal(stateWords(tainted, { fits: true }), "fits");
  assert.equal(stateWords(tainted, { fits: false, reasons: [{ text: "Full." }] }), "Full.");
  assert.equal(stateWords(tainted, { fits: false, reasons: [] }), "doesn't fit");
  assert.equal(stateWords(tainted, { fits: false, reasons: [{ text: "Full." }], room: "at_once" }), "fits after an eviction");
  assert.equal(stateWords(tainted, { fits: false, reasons: [{ text: "Full." }], room: "later" }), "only after an eviction");
  assert.equal(stateWords(tainted, undefined), "reserved (gpu=only)");
});

test("a node that is being prepared says so, and its taints are no news", () => {
  const starting = node("a", { preparing: "GPU driver is starting", taints: ["gpu=only"] });

  assert.equal(stateWords(starting, undefined), "GPU driver is starting");
  assert.equal(stateWords(starting, { fits: true }), "fits; GPU driver is starting");
  assert.equal(stateWords(starting, { fits: false, reasons: [{ text: "Full." }] }), "Full.");
  assert.equal(optionWords(starting), "a (1.5 CPU, 6 GiB free; GPU driver is starting)");
});

test("bars tell what is unknown and leave out what a node does not have", () => {
  const bars = barsOf(node("a", { cpu: { available: null, allocatable: 4000 }, gpus: [gpus(1, 4), gpus(0, 0, 0)] }));

  assert.deepEqual(bars, [
    { text: "CPU: unknown", share: null },
    { text: "6 of 16 GiB", share: 37.5 },
    { text: "1 of 4 GPU", share: 25 },
  ]);
});

test("the most that is free counts open nodes, and is unknown where any is", () => {
  const all = [node("a", { gpus: [gpus(2)] }), node("b", { cpu: { available: 9000 }, closed: "cordoned" })];
  const asked = { chosen: false, kind: KIND };

  assert.deepEqual(mostFree(all, asked), { cpu: 1500, memory: 6 * GI, gpu: 2 });
  assert.equal(mostFree([all[1]], { ...asked, chosen: true }).cpu, 9000);
  assert.equal(mostFree([...all, node("c", { cpu: { available: null } })], asked).cpu, null);
  assert.equal(mostFree([...all, node("c", { gpus: [gpus(null, 2)] })], asked).gpu, null);
  assert.deepEqual(mostFree([], asked), { cpu: null, memory: null, gpu: null });
});

test("below the list stands how many nodes it does not show, or why it is empty", () => {
  assert.equal(moreWords({ all: 250, found: 150, shown: 100 }), "and 50 more; search to narrow the list");
  assert.equal(moreWords({ all: 250, found: 0, shown: 0 }), "No node matches.");
  assert.equal(moreWords({ all: 0, found: 0, shown: 0 }), "This cluster has no nodes.");
  assert.equal(moreWords({ all: 2, found: 2, shown: 2 }), "");
});

test("the status says since when and why the numbers can't be trusted", () => {
  const since = "2026-01-01T12:00:00Z";
  const time = new Date(since).toLocaleTimeString();

  assert.equal(statusWords({ live: true }), "The numbers are live.");
  assert.equal(statusWords({ live: false, known: true, since, reason: "the service is away" }), `The numbers are from ${time} and may have changed (the service is away). You can still start a server.`);
  assert.equal(statusWords({ live: false, known: false, since: null }), "What is free has been unknown since an unknown time. You can still start a server.");
  assert.match(statusWords({ live: false, lost: true, crowded: true, since }), /^Stopped, because newer pages/);
  assert.equal(statusWords({ live: false, lost: true, since, reason: "it is silent" }), `No connection to the hub since ${time} (it is silent). Trying again.`);
});

const LINUX = { os: ["linux"], arch: ["amd64"] };

test("a node that can't run the chosen image is closed for it", () => {
  const windows = node("win", { os: "windows", arch: "amd64" });
  const arm = node("arm", { os: "linux", arch: "arm64" });

  assert.equal(stateWords(windows, { fits: true }, LINUX), "Runs Windows; the image is for Linux.");
  assert.equal(stateWords(arm, undefined, LINUX), "Its architecture is arm64; the image is for amd64.");
  assert.equal(optionWords(windows, { image: LINUX }), "win (closed for this image)");
  assert.equal(stateWords(node("lin", { os: "linux", arch: "amd64" }), { fits: true }, LINUX), "fits");
});

test("what is not known of a node or an image closes nothing", () => {
  const unknown = imageOf({ dataset: {} });

  assert.equal(misfit(unknown, node("n", { os: "windows", arch: "arm64" })), null);
  assert.equal(misfit(LINUX, node("n", { os: null, arch: null })), null);
  assert.equal(misfit(imageOf({ dataset: { arch: "arm 386" } }), node("n", { os: "linux", arch: "arm64" })), null);
  assert.equal(misfit(null, node("n", { os: "windows" })), null);
});

test("where cards of several makers are there or offered, they are named by them", () => {
  const both = node("both", { gpus: [gpus(1, 2), { ...gpus(2), resource: "amd.com/gpu" }] });
  const one = node("one", { gpus: [gpus(1, 2)] });

  assert.match(optionWords(both), /1 NVIDIA GPU, 2 AMD GPU free/);
  assert.match(optionWords(one), /1 GPU free/);
  assert.match(optionWords(one, { offered: ["amd.com/gpu", "nvidia.com/gpu"] }), /1 NVIDIA GPU free/);
  assert.deepEqual(barsOf(both).slice(2).map((bar) => bar.text), ["1 of 2 NVIDIA GPU", "2 of 2 AMD GPU"]);
});

test("of a form's entries those of the profiles tell which one is picked", () => {
  const entries = new Map([["_xsrf", "x"], ["profile", "gpu"], ["profile-option-gpu--size", "half"], ["cpu", "2"], ["profiles", "?"]]);

  assert.deepEqual(pickedIn(entries), { profile: "gpu", "profile-option-gpu--size": "half" });
});

test("what a profile could not fill in since somebody had changed it is named", () => {
  assert.equal(filledWords([]), "The profile's values are filled in below.");
  assert.equal(filledWords(["cpu", "gpu_kind"]), "The profile's values are filled in below. What you changed stays: CPU, Kind.");
});

test("a node that the hub's servers can never use is closed with the hub's reason", () => {
  const barred = { reasons: ["reserved (dedicated=core)"], nodes: { core: 0 } };
  const core = marked(node("core", { taints: ["dedicated=core"] }), barred);

  assert.equal(marked({ name: "toString" }, barred).barred, null);
  assert.equal(optionWords(core), "core (reserved (dedicated=core))");
  assert.equal(stateWords(core, { fits: false, reasons: [{ text: "It has a taint." }] }), "reserved (dedicated=core)");
  assert.equal(mostFree([core, node("a")], { chosen: false, kind: KIND }).cpu, 1500);
});

test("a refusal names the field to change and what would work", () => {
  const ways = [{ text: "16 CPU", use: { cpu: "16" } }];

  const { kind, field, ways: offered } = told({ refusal: "Too much.", field: "cpu", would_work: ways }, "");

  assert.deepEqual([kind, field, offered], ["no", "cpu", ways]);
});

test("an image that a start has failed of is not called good", () => {
  const { kind, field, text } = told(answer({ fitting: ["a"], broken: "This image could not be pulled." }), "");

  assert.deepEqual([kind, field], ["unknown", "image"]);
  assert.match(text, /^This image could not be pulled\. Fits on /);
});

test("a node that is not offered to a person is hidden, and its numbers are nobody's", () => {
  const theirs = marked(node("theirs", { cpu: { available: 64000, allocatable: 64000 } }), { reasons: [], nodes: { theirs: -1 } });

  assert.ok(theirs.hidden);
  assert.equal(mostFree([theirs, node("a")], { chosen: false, kind: KIND }).cpu, 1500);
});

const MACHINE = { title: "New machine g5.xlarge", machine: "NVIDIA A10G; can be added, about 4 min", cpu: { available: 4000, allocatable: 4000 }, gpus: [gpus(1)] };

test("a machine that may come is an option and a row with its size and whether it can come", () => {
  const machine = node("~gpu/g5.xlarge", MACHINE);

  assert.equal(optionWords(machine), "New machine g5.xlarge (4 CPU, 6 GiB, 1 GPU; NVIDIA A10G; can be added, about 4 min)");
  assert.equal(optionWords({ ...machine, closed: "at its maximum" }), "New machine g5.xlarge (at its maximum)");
  assert.deepEqual(barsOf(machine)[0], { text: "4 CPU", share: null });
  assert.equal(stateWords(machine), "NVIDIA A10G; can be added, about 4 min");
  assert.equal(stateWords(machine, { fits: true }), "would fit; NVIDIA A10G; can be added, about 4 min");
});

test("a machine that may come is told as what it is, and no node that fits", () => {
  const said = told(answer({ full: { a: "full" }, nodes: { a: 1, "~gpu/g5.xlarge": 0 }, machine: { text: "A machine can be added." } }), "");

  assert.equal(said.kind, "unknown");
  assert.equal(said.text, "A machine can be added. You can start anyway and wait for it.");
  assert.deepEqual(said.judged["~gpu/g5.xlarge"], { fits: true });
});

test("nodes with room are counted without the machines that may come", () => {
  const said = told(answer({ fitting: ["a"], full: { b: "full" }, nodes: { a: 0, b: 1, "~gpu": 0 } }), "");

  assert.equal(said.text, "Fits on a right now.");
});

test("each no is of a kind, and rows say nothing of a pod that the cluster would refuse", () => {
  const over = answer({ fitting: ["a"], refused: [{ text: "Your team has 6 CPU left.", message: "exceeded quota" }], no: "change", field: "cpu" });
  const full = answer({ full: { a: "Full." }, can_wait: true, no: "wait" });

  const [first, second] = [{ ...over, fits: false }, full].map((each) => told(each, ""));

  assert.deepEqual([first.kind, first.no, first.field, first.start, first.judged], ["no", "change", "cpu", false, {}]);
  assert.match(first.text, /Your team has 6 CPU left\./);
  assert.deepEqual([second.no, second.start], ["wait", true]);
});

test("whoever may have no GPU is shown none, until they may", () => {
  const without = seen(node("atlas", { gpus: [gpus(1)], cards: ["RTX 4090: free"] }), false);

  assert.deepEqual([without.gpus, without.cards], [[], []]);
  assert.deepEqual(seen(without, true).gpus, [gpus(1)]);
});
