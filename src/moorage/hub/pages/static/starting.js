// The page of a start: what it waits for, one state at a time, until the server is there or the start has ended. Every
// end is a page of JupyterHub's at the same address, so that all there is to do then is to load it.

import { follow } from "../../../web/stream.js";
import { t } from "../../../web/texts.js";

const AGAIN_MS = 2000;
// JupyterHub says something every 8 seconds. A proxy may keep the line to a page open whose hub is gone.
const SILENCE_MS = 20_000;

/** What an event of the progress makes of the page: `state`, `title`, how many `percent`, and whether it is `over`. */
export function seen(event) {
  const waits = { waiting: t("Waiting for room"), queued: t("In line") }[event.step];
  const state = waits ? "waiting" : "starting";
  const over = Boolean(event.ready || event.failed);
  const title = event.ready ? t("Your server is ready") : (waits ?? t("Your server is starting"));
  return { state, title, percent: event.progress ?? null, over };
}

/** Kubernetes' own words of an event, or null. */
export function detail(event) {
  const raw = event.raw_event;
  return event.detail ?? (raw ? `${raw.reason}: ${raw.message}` : null);
}

/** The address of the server in JupyterHub's API, and what keeps other sites from using it, out of the progress's. */
export function server(progress) {
  const [path, query] = progress.split("?");
  return { url: path.replace(/\/progress$/, ""), token: new URLSearchParams(query).get("_xsrf") ?? "" };
}

/** Whether it is the hub that answers: while it is being restarted, the proxy does. */
export function isHub(answer) {
  return answer.headers.has("X-JupyterHub-Version");
}

/** The words of an event as text, also of one that has only HTML, as an administrator's own hook may. */
function words({ message, html_message: html }) {
  return message ?? new DOMParser().parseFromString(html ?? "", "text/html").body.textContent;
}

function folded(title, text) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = title;
  details.append(summary, text);
  return details;
}

function begin(page) {
  const part = (id) => document.getElementById(id);
  const message = part("progress-message");
  const { url, token } = server(page.dataset.progress);
  let ended = false;

  follow(page.dataset.progress, { on: (_, event) => show(event), lost, ended: loggedOut, silence: SILENCE_MS });

  function show(event) {
    const { state, title, percent, over } = seen(event);
    document.title = title;
    if (over) {
      reload();
      return;
    }
    part("starting-trouble").textContent = "";
    part("starting-state").textContent = title;
    part("starting-progress").hidden = state === "waiting";
    if (percent !== null) {
      part("progress-bar").style.width = `${percent}%`;
      part("progress-bar").setAttribute("aria-valuenow", percent);
    }
    // The first of all, also after a break, is no news.
    if (percent === 0) part("progress-log").replaceChildren();
    else say(event);
  }

  function say(event) {
    const text = words(event);
    const more = detail(event);
    message.replaceChildren(text, ...(more ? [folded(t("What Kubernetes says"), more)] : []));
    const line = document.createElement("div");
    line.className = "progress-log-event";
    line.textContent = text;
    part("progress-log").append(line);
    part("progress-details").hidden = false;
  }

  async function lost(why) {
    if (ended) return;
    part("starting-trouble").textContent = t("The hub does not answer right now. This page goes on by itself.");
    if (why !== "refused") return;
    // By the proxy of a hub that is away, or by the hub because the start is over.
    const answer = await fetch(location.href, { redirect: "manual" }).catch(() => null);
    if (answer && (answer.type === "opaqueredirect" || isHub(answer))) setTimeout(reload, AGAIN_MS);
  }

  function loggedOut() {
    reload();
    return new Promise(() => {});
  }

  /** Nothing is done here any more. */
  function reload() {
    ended = true;
    location.reload();
  }

  const stop = part("starting-stop");
  stop.hidden = false;
  stop.addEventListener("click", async () => {
    stop.disabled = true;
    stop.textContent = t("Stopping…");
    const answer = await fetch(url, { method: "DELETE", headers: { "X-XSRFToken": token } }).catch(() => null);
    if (answer?.ok) {
      reload();
      return;
    }
    part("starting-trouble").textContent = t("The server could not be stopped. Try again in a moment.");
    stop.disabled = false;
    stop.textContent = t("Stop");
  });
}

if (globalThis.document) {
  const page = document.getElementById("moorage-starting");
  if (page) begin(page);
}
