// The cluster's event stream over fetch, since EventSource can't send a token.

const SILENCE = 4000; // the service says something each second
const LONGEST_PAUSE = 8000;

export class NotAllowed extends Error {}

// Calls `on(event, data)` for each message and `lost(sentence)` when the line breaks; goes on until the page is closed.
export async function follow(url, { token, on, lost }) {
  let last = null;
  let pause = 500;
  for (;;) {
    const abort = new AbortController();
    let watchdog = null;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE);
    };
    try {
      alive();
      const headers = { Accept: "text/event-stream" };
      if (token()) headers.Authorization = `Bearer ${token()}`;
      if (last) headers["Last-Event-ID"] = last;
      const response = await fetch(url, { headers, signal: abort.signal, cache: "no-store" });
      if (response.status === 401) {
        const body = await response.json().catch(() => null);
        throw new NotAllowed(body?.error?.message ?? "This service answers only to people that it knows.");
      }
      if (!response.ok) {
        const body = await response.json().catch(() => null);
        throw new Error(body?.error?.message ?? `The service answers ${response.status}.`);
      }
      pause = 500;
      for await (const message of messages(response.body, alive)) {
        if (message.id) last = message.id;
        on(message.event, JSON.parse(message.data));
      }
      throw new Error("The service ended the stream.");
    } catch (error) {
      if (error instanceof NotAllowed) throw error;
      lost(error.name === "AbortError" ? "The service says nothing." : error instanceof TypeError ? "The service can't be reached." : error.message);
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
    await new Promise((done) => setTimeout(done, pause * (0.75 + Math.random() / 2)));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

async function* messages(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let parts = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    parts.push(value);
    // A snapshot comes in many pieces: look for its end in the newest one, not in all of them each time.
    if (!value.includes("\n") ) continue;
    const blocks = parts.join("").split("\n\n");
    parts = [blocks.pop()];
    for (const block of blocks) {
      const message = { event: "message", data: "" };
      for (const line of block.split("\n")) {
        const colon = line.indexOf(":");
        if (colon <= 0) continue;
        const text = line.slice(colon + 1).replace(/^ /, "");
        const field = line.slice(0, colon);
        message[field] = field === "data" && message.data ? `${message.data}\n${text}` : text;
      }
      if (message.data) yield message;
    }
  }
}
