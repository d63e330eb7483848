import assert from "node:assert/strict";
import { test } from "node:test";

import { detail, isHub, seen, server } from "../../src/moorage/hub/pages/static/starting.js";

test("a server that waits for room is told apart from one that is starting", () => {
  assert.deepEqual(seen({ step: "waiting", progress: 5 }), { state: "waiting", title: "Waiting for room", percent: 5, over: false });
  assert.equal(seen({ progress: 30, message: "Pulling the image." }).title, "Your server is starting");
});

test("every end is a page of its own", () => {
  assert.equal(seen({ ready: true, progress: 100 }).over, true);
  assert.equal(seen({ failed: true, progress: 100 }).over, true);
  assert.equal(seen({ ready: true }).title, "Your server is ready");
});

test("the server's address is that of its progress", () => {
  assert.deepEqual(server("/hub/api/users/ann/server/progress?_xsrf=2%7Cab"), { url: "/hub/api/users/ann/server", token: "2|ab" });
  assert.equal(server("/hub/api/users/ann/servers/progress/progress?_xsrf=x").url, "/hub/api/users/ann/servers/progress");
});

test("a proxy that answers in place of the hub is not the hub", () => {
  assert.equal(isHub(new Response("", { status: 503 })), false);
  assert.equal(isHub(new Response("", { status: 500, headers: { "X-JupyterHub-Version": "6.1.1" } })), true);
});

test("Kubernetes' own words come with an event, or there are none", () => {
  assert.equal(detail({ detail: "FailedScheduling: no room" }), "FailedScheduling: no room");
  assert.equal(detail({ raw_event: { reason: "Pulling", message: "image" } }), "Pulling: image");
  assert.equal(detail({ message: "Server requested" }), null);
});
