// The words of the dashboard.

import assert from "node:assert/strict";
import { test } from "node:test";

import { told } from "../../src/moorage/dashboard/answer.js";
import { machineWords } from "../../src/moorage/dashboard/machines.js";
import { networkWords } from "../../src/moorage/dashboard/network.js";
import { aboutWords, groupsOf, kindsOf, preparingWords } from "../../src/moorage/dashboard/row.js";
import { queueLines } from "../../src/moorage/dashboard/queues.js";
import { statusOf } from "../../src/moorage/dashboard/status.js";
import { totalsOf } from "../../src/moorage/dashboard/totals.js";
import { waitingWords } from "../../src/moorage/dashboard/waiting.js";

function answer(nodes, rest = {}) {
  const verdicts = Object.entries(nodes).map(([name, text]) => [name, text ? { fits: false, reasons: [{ text, message: "Insufficient cpu" }] } : { fits: true, reasons: [] }]);
  return { fits: Object.values(nodes).includes(null), refusals: [], prefilter: null, undecided: [], would_work: {}, nodes: Object.fromEntries(verdicts), ...rest };
}

test("an answer says where the pod fits", () => {
  const many = Object.fromEntries(["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => [name, null]));

  assert.equal(told(answer({ a: null })).head, "Fits on a right now.");
  assert.equal(told(answer({ a: null, b: null })).head, "Fits on every node right now.");
  assert.equal(told(answer({ a: null, b: null, c: "Full." })).head, "Fits on a and b right now.");
  assert.equal(told(answer({ ...many, i: "Full." })).head, "Fits on a, b, c, d, e, f and 2 more right now.");
  assert.equal(told(answer({ a: "Full." })).head, "Doesn't fit on any node right now (1 checked).");
});

test("an answer says why not, with Kubernetes' own words beside it", () => {
  const { lines } = told(answer({ a: "Full." }, { would_work: { sentences: ["Would fit on a with 1 CPU."] }, undecided: ["Ports."] }));

  assert.deepEqual(lines, [["What would work", "Would fit on a with 1 CPU."], ["a", "Full.", "Insufficient cpu"], ["Can't be checked", "Ports."]]);
});

test("an API server that would refuse is named before any node", () => {
  const said = told(answer({ a: null }, { fits: false, refusals: [{ text: "Over the quota.", message: "exceeded quota" }] }));

  assert.equal(said.head, "The API server would refuse this.");
  assert.deepEqual(said.lines, [["API server", "Over the quota.", "exceeded quota"]]);
});

test("of many nodes that refuse, some are told and the others counted", () => {
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`n${at}`, "Full."]));

  const { lines } = told(answer(many));

  assert.equal(lines.length, 13);
  assert.deepEqual(lines.at(-1), ["", "and 8 more nodes"]);
});

test("cards that read the same are one line", () => {
  const card = { model: "Tesla T4", memory_total: "15360 MiB", state: "held", available: false, resource: "nvidia.com/gpu" };

  const groups = groupsOf([{ ...card, index: 0, utilization: 20 }, { ...card, index: 1, utilization: 40 }, { ...card, state: "free", available: true }]);

  assert.deepEqual(groups.map((group) => group.length), [2, 1]);
  assert.deepEqual(groups.map(aboutWords), ["held, 15360 MiB, 30 % busy", "free, 15360 MiB"]);
});

test("each holder of a card is named once", () => {
  const card = { model: "Tesla T4", state: "held", holder: "lab/a, lab/a", slices: [{ holder: "lab/a" }, { holder: "lab/b" }, { holder: null }] };

  assert.equal(aboutWords([card]), "held by lab/a, lab/b");
  assert.equal(aboutWords([{ ...card, state_text: "shared: 3 of 4 slots held" }]), "shared: 3 of 4 slots held by lab/a, lab/b");
});

test("the status says whether the cluster or the service can't be heard", () => {
  const since = "2026-01-01T12:00:00Z";

  assert.deepEqual(statusOf({ picture: null, broken: null, known: false }), { state: "connecting", words: "connecting", since: null, notice: "" });
  assert.deepEqual(statusOf({ picture: { stale: false }, broken: null, known: true }), { state: "live", words: "live", since: null, notice: "" });
  assert.equal(statusOf({ picture: { stale: true, since, reason: "it is away" }, broken: null, known: true }).notice, "The service has lost contact with the cluster: it is away. The numbers below are the last known ones.");
  assert.equal(statusOf({ picture: null, broken: { since, why: "silent", words: null }, known: false }).notice, "The service is silent. Trying again.");
  assert.equal(statusOf({ picture: null, broken: { since, why: "refused", words: "HTTP 502" }, known: true }).notice, "The service refused: HTTP 502. The numbers below are the last known ones. Trying again.");
});

test("totals say what they can't count", () => {
  const amounts = (gpu) => ({ cpu_millicores: 1500, memory_bytes: 2 ** 30, gpu });
  const nodes = [{ schedulable: true, available: amounts(1), allocatable: amounts(2) }, { schedulable: false, available: amounts(null), allocatable: amounts(null) }];

  assert.deepEqual(totalsOf(nodes), [
    ["1 of 2", "nodes open to new pods"],
    ["3 cores", "free of 3"],
    ["2 GiB", "memory free of 2 GiB"],
    ["1 of 2", "GPU units free, at most 1 on one node, unknown on 1 node"],
  ]);
});

test("cards of several makers on a node are counted apart", () => {
  const nvidia = { resource: "nvidia.com/gpu", capacity: 2, allocatable: 2, available: 1 };
  const amd = { resource: "amd.com/gpu", capacity: 4, allocatable: 4, available: null };

  assert.deepEqual(kindsOf({ gpu_units: [amd, nvidia] }), ["unknown of 4 AMD GPU", "1 of 2 NVIDIA GPU"]);
  assert.deepEqual(kindsOf({ gpu_units: [nvidia, { ...nvidia, resource: "nvidia.com/mig-1g.5gb" }] }), []);
  assert.deepEqual(kindsOf({}), []);
});

test("a pool of the network is told once, however many nodes reach it", () => {
  const pool = { resource: "gpu.example.com", pool: "fabric", network: true, allocatable: 3, models: { L40S: 2, T4: 1 } };
  const nodes = [{ gpu_claims: [{ ...pool, available: 0 }] }, { gpu_claims: [{ ...pool, available: 2 }, { pool: "own", resource: "x" }] }, {}];

  assert.deepEqual(networkWords(nodes), ["Network pool fabric (gpu.example.com): 2 × L40S, 1 × T4, 2 of 3 free, reached by 2 nodes"]);
  assert.match(networkWords([{ gpu_claims: [{ ...pool, available: null }] }])[0], /how many are free is unknown, reached by 1 node$/);
});

test("a node that is being prepared says since when, and an overdue one has said so itself", () => {
  const moment = new Date(2026, 10, 28, 5, 10);
  const since = moment.toISOString();

  assert.equal(preparingWords({ text: "GPU driver is starting", since, overdue: false }), "GPU driver is starting since 05:10");
  assert.equal(preparingWords({ text: "GPU driver is starting", since: null, overdue: false }), "GPU driver is starting");
  assert.equal(preparingWords({ text: "being added since 05:10 UTC", since, overdue: true }), "being added since 05:10 UTC");
});

const MACHINE = { pool: "gpu", kind: "g5.xlarge", state: "can_be_added", left: 2, about_seconds: 240, why: null, allocatable: { cpu_millicores: 3920, memory_bytes: 14 * 2 ** 30 }, gpu: { model: "NVIDIA A10G", count: 1 } };

test("a machine that may come is a line: what it is, what it has, whether it can come", () => {
  assert.equal(machineWords(MACHINE), "Pool gpu (g5.xlarge): 3.92 CPU, 14 GiB, 1 × NVIDIA A10G; can be added, 2 more, about 4 min");
  assert.equal(
    machineWords({ ...MACHINE, kind: null, state: "at_maximum", left: 0, about_seconds: null, why: "Pool gpu is at its maximum of 2 machines.", allocatable: null, gpu: null }),
    "Pool gpu: size unknown; at its maximum (Pool gpu is at its maximum of 2 machines)",
  );
});

test("an answer that a machine gives is said in the service's words, with each machine below", () => {
  const machines = [{ ...MACHINE, fits: true, reasons: [] }, { ...MACHINE, pool: "cpu", fits: false, reasons: [{ text: "no GPU free", message: "Insufficient nvidia.com/gpu" }] }];

  const said = told(answer({ a: "Full." }, { answer: "new_machine", answer_text: "A machine can be added.", machines }));

  assert.equal(said.head, "A machine can be added.");
  assert.deepEqual(said.lines.slice(-2), [
    ["Pool gpu (g5.xlarge)", "Fits; can be added, 2 more, about 4 min"],
    ["Pool cpu (g5.xlarge)", "Doesn't fit: No GPU free; can be added, 2 more, about 4 min"],
  ]);
});

test("who waits is named as far as names are told", () => {
  const asks = { cpu_millicores: 2000, memory_bytes: 4 * 2 ** 30, extended: { "nvidia.com/gpu": 1 } };
  const since = new Date(Date.now() - 180_000).toISOString();
  const pod = { asks, since, text: "Not enough GPU free.", namespace: "lab", pod: "jupyter-ada", user: "ada", component: "singleuser-server" };
  const rest = "2 CPU, 4 GiB, 1 GPU; waits for 3 min. Not enough GPU free.";
  assert.equal(waitingWords(pod), `Server of ada (lab/jupyter-ada): ${rest}`);
  assert.equal(waitingWords({ ...pod, user: null }), `lab/jupyter-ada: ${rest}`);
  assert.equal(waitingWords({ ...pod, user: null, pod: null }), `A server in lab: ${rest}`);
  assert.equal(waitingWords({ ...pod, user: null, pod: null, namespace: null, component: null }), `A pod: ${rest}`);
});

test("a queue says what it has left, and one that can't be read why", () => {
  const share = (resource, quota, left) => ({ resource, flavor: "rtx4090", quota, left });
  const queue = { namespace: "lab", name: "gpus", closed: null, running: 3, pending: 2, resources: [share("nvidia.com/gpu", 4, 1), share("cpu", 8000, 500), share("memory", 2 ** 36, 2 ** 34), share("x.example/y", null, null)] };
  const shown = { kueue: "followed", reason: null, queues: [queue, { ...queue, name: "off", closed: "The queue is stopped." }] };
  assert.deepEqual(queueLines(shown), ["lab/gpus: rtx4090: 1 of 4 GPU left, 0.5 of 8 CPU left, 16 GiB of 64 GiB left, y: unknown; 3 run, 2 wait", "lab/off: The queue is stopped.; 3 run, 2 wait"]);
  assert.deepEqual(queueLines({ kueue: "not_allowed", reason: "grant it", queues: [] }), ["grant it"]);
  assert.deepEqual(queueLines({ kueue: "absent", reason: null, queues: [] }), []);
});
