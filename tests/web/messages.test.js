import assert from "node:assert/strict";
import { test } from "node:test";

import { Messages } from "../../src/moorage/web/messages.js";

const STREAM = ': hello\n\nevent: snapshot\nid: e-1\ndata: {"a":\ndata: 1}\n\nevent: ping\ndata: {}\n\nid: e-2\n\ndata:{}\n\n';
const TOLD = [
  { event: "snapshot", data: '{"a":\n1}' },
  { event: "ping", data: "{}" },
  { event: "message", data: "{}" },
];

test("a stream reads the same wherever it is cut", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const messages = new Messages();
    const told = [];
    for (let at = 0; at < STREAM.length; at += size) told.push(...messages.take(STREAM.slice(at, at + size)));

    assert.deepEqual(told, TOLD, `in pieces of ${size}`);
    assert.equal(messages.id, "e-2");
  }
});

test("lines may end as Windows ends them", () => {
  assert.deepEqual(new Messages().take(STREAM.replaceAll("\n", "\r\n")), [{ event: "snapshot", data: '{"a":\n1}' }, ...TOLD.slice(1)]);
});

test("a message without its end is none yet", () => {
  const messages = new Messages("e-0");

  assert.deepEqual(messages.take("data: {}\n"), []);
  assert.equal(messages.id, "e-0");
  assert.equal(messages.take("\n").length, 1);
});

test("a snapshot of many pieces is put together once", () => {
  const messages = new Messages();
  const piece = "x".repeat(1000);
  messages.take("data: ");
  for (let count = 0; count < 20000; count++) assert.equal(messages.take(piece).length, 0);

  assert.equal(messages.take("\n\n")[0].data.length, 20_000_000);
});
