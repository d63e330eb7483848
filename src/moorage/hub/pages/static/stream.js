// One stream from the hub to this page. It says something every second; silence means that the connection is gone, whatever the browser believes.

const SILENCE = 3500;
const PAUSES = [500, 1000, 2000, 4000];

/** Follow `url` for ever; `on` has snapshot, nodes, cards, status (each with the message's data), lost(reason), and ended() where the log-in is over. */
export function follow(url, on) {
  let source = null;
  let watchdog = null;
  let next = null;
  let failures = 0;

  function heard(handle) {
    return (event) => {
      failures = 0;
      watch();
      if (!handle) return;
      try {
        handle(JSON.parse(event.data));
      } catch (error) {
        console.error("moorage: a message could not be used", error);
      }
    };
  }

  function watch() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => again("the hub has been silent"), SILENCE);
  }

  function again(reason) {
    leave();
    if (reason === null) on.ended();
    else on.lost(reason);
    next = setTimeout(open, PAUSES[Math.min(failures++, PAUSES.length - 1)]);
  }

  function leave() {
    clearTimeout(watchdog);
    clearTimeout(next);
    source?.close();
    source = null;
  }

  /** The browser does not say why a stream was refused; asking the same by other means does. */
  async function refused() {
    leave();
    const question = new AbortController();
    const limit = setTimeout(() => question.abort(), SILENCE);
    let over = false;
    try {
      const answer = await fetch(url, { signal: question.signal, redirect: "manual" });
      over = answer.status === 401 || answer.status === 403 || answer.type === "opaqueredirect";
    } catch {
      // The hub is away, which is no end of a log-in.
    }
    clearTimeout(limit);
    question.abort();
    again(over ? null : "the hub can't be reached");
  }

  function open() {
    source = new EventSource(url);
    source.addEventListener("snapshot", heard(on.snapshot));
    source.addEventListener("nodes", heard(on.nodes));
    source.addEventListener("cards", heard(on.cards));
    source.addEventListener("status", heard(on.status));
    source.addEventListener("ping", heard(null));
    source.onerror = () => (source.readyState === EventSource.CLOSED ? refused() : again("the hub can't be reached"));
    watch();
  }

  open();
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && again("the page was away"));
}
