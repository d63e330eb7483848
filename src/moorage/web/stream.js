// One stream of server-sent events to this page, for as long as the page is open. Over fetch, since EventSource sends
// no token, hides why it was refused, and takes a snapshot that is still arriving for silence.

import { Messages } from "./messages.js";

// The other side says something every second: silence means that the connection is gone, whatever the browser believes.
const SILENCE = 3500;
const PAUSES = [500, 1000, 2000, 4000];

/** Why a stream ended: `unreachable`, `silent`, `closed`, `away` (the page was), `refused` (in `words`), `crowded` (out by newer pages), `ended` (the log-in has). */
class Lost extends Error {
  constructor(why, words = null) {
    super(why);
    Object.assign(this, { why, words });
  }
}

/**
 * Follow `url` for ever. `headers()` are sent with each try, `on(event, data)` gets each message, `lost(why, words)` is
 * told of each end and failure, `ended(words)` where the log-in is over: the next try waits for what it returns. After
 * `silence` in milliseconds the connection is given up.
 */
export function follow(url, { headers = () => ({}), on, lost, ended, silence = SILENCE }) {
  let id = "";
  let failures = 0;
  let page = new AbortController();

  async function run() {
    const { signal } = page;
    while (!signal.aborted) {
      const error = await once(signal).catch((problem) => problem);
      if (signal.aborted) return;
      if (error.why === "ended") {
        id = ""; // who logs in may be somebody else, who sees something else
        await ended(error.words);
      } else lost(error.why ?? "unreachable", error.words ?? null);
      // Trying again would only end another page's stream, whose next try would end this one's.
      if (error.why === "crowded") await focused(signal);
      else await pause(PAUSES[Math.min(failures++, PAUSES.length - 1)], signal);
    }
  }

  /** Read until the stream ends; always throws. */
  async function once(signal) {
    const line = new AbortController();
    let silent = false;
    let watchdog = null;
    const heard = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => {
        silent = true;
        line.abort();
      }, silence);
    };
    const leave = () => line.abort();
    signal.addEventListener("abort", leave);
    try {
      heard();
      await read(await open(line.signal), heard);
    } catch (error) {
      throw silent ? new Lost("silent") : error;
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", leave);
      line.abort();
    }
  }

  async function open(signal) {
    const resume = id ? { "Last-Event-ID": id } : {};
    const response = await fetch(url, {
      headers: { Accept: "text/event-stream", ...headers(), ...resume },
      signal,
      cache: "no-store",
      redirect: "manual", // to a page where people log in
    });
    if (response.ok) return response;
    const body = await response.json().catch(() => null);
    const words = body?.error?.message ?? body?.message ?? null;
    const over = response.type === "opaqueredirect" || response.status === 401 || response.status === 403;
    throw new Lost(over ? "ended" : "refused", words ?? (over ? null : `HTTP ${response.status}`));
  }

  async function read(response, heard) {
    const messages = new Messages(id);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Lost("closed");
      heard();
      for (const { event, data } of messages.take(value)) {
        failures = 0;
        if (event === "crowded") throw new Lost("crowded");
        tell(event, data);
      }
      id = messages.id;
    }
  }

  function tell(event, data) {
    try {
      on(event, JSON.parse(data));
    } catch (error) {
      console.error("moorage: a message could not be used", error);
    }
  }

  run();
  addEventListener("pagehide", () => page.abort());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    page = new AbortController();
    lost("away", null);
    run();
  });
}

/** About so many milliseconds, or until `signal` ends it: pages that lost the same server don't all come back at once. */
function pause(length, signal) {
  return new Promise((done) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      done();
    };
    const timer = setTimeout(over, length * (0.75 + Math.random() / 2));
    signal.addEventListener("abort", over);
  });
}

/** When somebody comes to this page. */
function focused(signal) {
  return new Promise((done) => {
    addEventListener("focus", done, { once: true, signal });
    signal.addEventListener("abort", done);
  });
}
