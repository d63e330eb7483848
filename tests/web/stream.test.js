import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { follow } from "../../src/moorage/web/stream.js";

// What a browser has: events of its window, and fetch, of which each call waits for what the test answers.
let page;
let asked;
let told;

beforeEach((t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  [asked, told] = [[], []];
  page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.fetch = (url, { headers, signal }) =>
    new Promise((answer, refuse) => {
      asked.push({ url, headers, signal, answer, refuse });
      signal.addEventListener("abort", () => refuse(signal.reason));
    });
});

function start(options = {}) {
  follow("/stream", {
    on: (event, data) => told.push([event, data]),
    lost: (why, words) => told.push(["lost", why, words]),
    ended: (words) => told.push(["ended", words]),
    ...options,
  });
}

/** Answer the newest question with a stream; returns what writes to it and what ends it. */
async function answered() {
  let stream;
  const { answer, signal } = asked.at(-1);
  const body = new ReadableStream({ start: (controller) => (stream = controller) });
  signal.addEventListener("abort", () => stream.error(signal.reason));
  answer(new Response(body));
  await settled();
  return {
    async write(text) {
      stream.enqueue(new TextEncoder().encode(text));
      await settled();
    },
    async end() {
      stream.close();
      await settled();
    },
  };
}

/** Everything that needs no time has happened. */
async function settled() {
  for (let turn = 0; turn < 30; turn++) await new Promise(setImmediate);
}

async function passed(t, milliseconds) {
  t.mock.timers.tick(milliseconds);
  await settled();
}

function refused(status, body) {
  asked.at(-1).answer(new Response(JSON.stringify(body), { status }));
  return settled();
}

const leave = () => page.dispatchEvent(new Event("pagehide"));

test("messages arrive with their data", async () => {
  start({ headers: () => ({ Authorization: "Bearer x" }) });
  const line = await answered();

  await line.write('event: snapshot\nid: e-1\ndata: {"nodes":[]}\n\n');

  assert.deepEqual(told, [["snapshot", { nodes: [] }]]);
  assert.equal(asked[0].headers.Authorization, "Bearer x");
  assert.equal("Last-Event-ID" in asked[0].headers, false);
  leave();
});

test("after an end it goes on from the last id", async (t) => {
  start();
  const line = await answered();
  await line.write("id: e-7\ndata: {}\n\n");

  await line.end();
  await passed(t, 700);

  assert.deepEqual(told.at(-1), ["lost", "closed", null]);
  assert.equal(asked.length, 2);
  assert.equal(asked[1].headers["Last-Event-ID"], "e-7");
  leave();
});

test("silence ends a stream, and pieces of a message are no silence", async (t) => {
  start();
  const line = await answered();
  for (let piece = 0; piece < 5; piece++) {
    await passed(t, 3000);
    await line.write("data: x");
  }
  assert.deepEqual(told, []);

  await passed(t, 3500);

  assert.deepEqual(told, [["lost", "silent", null]]);
  leave();
});

test("a question that hangs is given up", async (t) => {
  start();

  await passed(t, 3500);
  await passed(t, 700);

  assert.deepEqual(told, [["lost", "silent", null]]);
  assert.equal(asked.length, 2);
  leave();
});

test("pauses grow while nothing comes and are short again once something did", async (t) => {
  t.mock.method(Math, "random", () => 0.5);
  start();
  for (const pause of [500, 1000, 2000, 4000, 4000]) {
    const before = asked.length;
    asked.at(-1).refuse(new TypeError("network"));
    await settled();
    await passed(t, pause - 1);
    assert.equal(asked.length, before);
    await passed(t, 1);
    assert.equal(asked.length, before + 1);
  }
  const line = await answered();
  await line.write("data: {}\n\n");
  await line.end();

  await passed(t, 500);

  assert.equal(asked.length, 7);
  assert.deepEqual(told[0], ["lost", "unreachable", null]);
  leave();
});

for (const status of [401, 403]) {
  test(`a log-in that is over is told as such (${status}), and the next try waits for the new one`, async (t) => {
    let loggedIn;
    start({ ended: (words) => new Promise((done) => ([told, loggedIn] = [[words], done])) });

    await refused(status, { error: { message: "The service does not know this token." } });
    await passed(t, 60_000);
    assert.deepEqual(told, ["The service does not know this token."]);
    assert.equal(asked.length, 1);
    loggedIn();
    await settled();
    await passed(t, 700);

    assert.equal(asked.length, 2);
    leave();
  });
}

test("whoever logs in starts from a whole picture", async (t) => {
  start();
  const line = await answered();
  await line.write("id: e-7\ndata: {}\n\n");
  await line.end();
  await passed(t, 700);

  await refused(401, {});
  await passed(t, 1300);

  assert.equal(asked.length, 3);
  assert.equal("Last-Event-ID" in asked[2].headers, false);
  leave();
});

test("a refusal is told in the server's words, or by its status", async (t) => {
  start();

  await refused(503, { error: { message: "Too many streams." } });
  await passed(t, 700);
  asked.at(-1).answer(new Response("<html>", { status: 502 }));
  await settled();

  assert.deepEqual(told, [["lost", "refused", "Too many streams."], ["lost", "refused", "HTTP 502"]]);
  leave();
});

test("a message that can't be used does not end the stream", async (t) => {
  const problems = t.mock.method(console, "error", () => {});
  start();
  const line = await answered();

  await line.write("data: {\n\nevent: ping\ndata: {}\n\n");

  assert.equal(problems.mock.callCount(), 1);
  assert.deepEqual(told, [["ping", {}]]);
  leave();
});

test("a stream that newer pages have crowded out goes on when somebody comes to the page", async (t) => {
  start();
  await (await answered()).write("event: crowded\ndata: {}\n\n");
  await passed(t, 60000);
  assert.deepEqual([told, asked.length], [[["lost", "crowded", null]], 1]);

  page.dispatchEvent(new Event("focus"));
  await settled();

  assert.equal(asked.length, 2);
  leave();
});

test("a page that is left has no stream, and one that comes back has one", async (t) => {
  start();
  const line = await answered();
  await line.write("id: e-1\ndata: {}\n\n");

  leave();
  await settled();
  await passed(t, 60_000);
  assert.equal(asked[0].signal.aborted, true);
  assert.equal(asked.length, 1);
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await settled();

  assert.deepEqual(told.at(-1), ["lost", "away", null]);
  assert.equal(asked.length, 2);
  leave();
});

test("a page that was never away opens one stream", async () => {
  start();

  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
  await settled();

  assert.equal(asked.length, 1);
  leave();
});
