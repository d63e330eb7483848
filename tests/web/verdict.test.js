// When the form asks for a verdict, and which answer counts.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Verdict } from "../../src/moorage/hub/pages/static/answers/verdict.js";

let asked;
let shown;
let verdict;

beforeEach((t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  [asked, shown] = [[], []];
  globalThis.fetch = (url, { body, signal }) =>
    new Promise((answer, refuse) => {
      asked.push({ body: JSON.parse(body), answer, signal });
      signal.addEventListener("abort", () => refuse(signal.reason));
    });
  let cpu = 0;
  verdict = new Verdict({
    url: "/fit",
    headers: {},
    body: () => ({ cpu: ++cpu }),
    show: (answer) => shown.push(answer),
    ended: () => shown.push("ended"),
  });
});

async function passed(t, milliseconds) {
  t.mock.timers.tick(milliseconds);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
}

async function answered(t, body, { status = 200, at = asked.length - 1 } = {}) {
  asked[at].answer(new Response(JSON.stringify(body), { status }));
  await passed(t, 0);
}

test("one question is asked a moment after the last key", async (t) => {
  for (let key = 0; key < 5; key++) {
    verdict.soon();
    await passed(t, 200);
  }
  assert.equal(asked.length, 0);

  await passed(t, 50);

  assert.equal(asked.length, 1);
});

test("an answer that comes after a newer question is dropped", async (t) => {
  verdict.soon();
  await passed(t, 250);
  verdict.soon();
  await passed(t, 250);

  await answered(t, { fits: true });

  assert.equal(asked[0].signal.aborted, true);
  assert.deepEqual(shown, [{ fits: true }]);
});

test("changes of the cluster are asked about every two seconds, however many there are", async (t) => {
  verdict.soon();
  await passed(t, 250);
  await answered(t, {});

  for (let change = 0; change < 100; change++) {
    verdict.later();
    await passed(t, 100);
    if (asked.length > shown.length) await answered(t, {});
  }

  assert.equal(asked.length, 6);
});

test("a slow hub is asked the more seldom", async (t) => {
  verdict.soon();
  await passed(t, 250);
  await passed(t, 1000);
  await answered(t, {});

  verdict.later();
  await passed(t, 2900);
  assert.equal(asked.length, 1);
  await passed(t, 200);

  assert.equal(asked.length, 2);
});

test("a key is asked about soon, whatever was planned for the cluster's changes", async (t) => {
  verdict.soon();
  await passed(t, 250);
  await answered(t, {});
  verdict.later();

  verdict.soon();
  await passed(t, 250);

  assert.equal(asked.length, 2);
});

test("what can't be answered is unknown", async (t) => {
  verdict.soon();
  await passed(t, 250);
  await answered(t, {}, { status: 500 });
  verdict.soon();
  await passed(t, 250);
  await passed(t, 6000);

  assert.deepEqual(shown, [null, null]);
});

test("a log-in that is over is told", async (t) => {
  verdict.soon();
  await passed(t, 250);
  await answered(t, {}, { status: 403 });

  assert.deepEqual(shown, ["ended", null]);
});

test("a question that takes long is answered, however often the cluster changes meanwhile", async (t) => {
  verdict.ask();
  for (let change = 0; change < 5; change++) {
    verdict.later();
    await passed(t, 1000);
  }

  await answered(t, { unknown: "nobody answers" });

  assert.deepEqual(shown, [{ unknown: "nobody answers" }]);
  await passed(t, 60_000);
  assert.equal(asked.length, 2);
});
