// The page of a start: what it waits for, one state at a time, until the server is there or the start has ended. Every
// end is a page of JupyterHub's at the same address, so that all there is to do then is to load it.

import { follow } from "../../../web/stream.js";
import { say } from "../../../web/elements.js";
import { t } from "../../../web/texts.js";
import { writeTimes } from "./times.js";

const AGAIN_MS = 2000;
// JupyterHub says something every 8 seconds. A proxy may keep the line to a page open whose hub is gone.
const SILENCE_MS = 20_000;
const WAIT_MS = 5000;
const SECOND_MS = 1000;
const NOTIFY = "moorage:notify";

/** What an event of the progress makes of the page: `state`, `title`, how many `percent`, and whether it is `over`. */
export function seen(event) {
  const waits = { waiting: t("Waiting for room"), queued: t("In line") }[event.step];
  const state = waits ? "waiting" : "starting";
  const over = Boolean(event.ready || event.failed);
  const title = event.ready ? t("Your server is ready") : (waits ?? t("Your server is starting"));
  return { state, title, percent: event.progress ?? null, over };
}

/** Of the steps place, image and starting the one that this event is about; null where it says nothing of it. */
export function stepOf({ step }) {
  return { waiting: "place", queued: "place" }[step] ?? step ?? null;
}

/** "Loading the image (3 GiB, 0:42 so far, usually 1:10)." with what is known of that. */
export function imageWords({ size, usual, since }, now = Date.now()) {
  const passed = since ? Math.max(0, Math.round((now - Date.parse(since)) / 1000)) : null;
  const parts = [size, passed === null ? null : t("{time} so far", { time: clock(passed) }), usual === null ? null : t("usually {time}", { time: clock(usual) })];
  const known = parts.filter(Boolean).join(", ");
  return known ? t("Loading the image ({known}).", { known }) : t("Loading the image.");
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
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

/** What is told of a wait beside its progress: who holds what is lacking, what would work now, and how long others waited. */
class Wait {
  constructor(place, url) {
    Object.assign(this, { place, url, shown: null, running: false });
    setInterval(() => !this.place.hidden && !document.hidden && this.go(), WAIT_MS);
  }

  show(on) {
    if (on && this.place.hidden) this.go();
    if (!on) this.place.hidden = true;
  }

  async go() {
    if (this.running) return;
    this.running = true;
    const answer = await fetch(this.url, { redirect: "error" }).catch(() => null);
    const html = answer?.status === 200 ? await answer.text().catch(() => null) : null;
    this.running = false;
    if (html === null) return;
    this.place.hidden = false;
    if (html === this.shown) return; // whoever is on a button stays there
    this.shown = html;
    this.place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    writeTimes(this.place);
  }
}

/** A notification of the browser's when the server is ready, for whoever wants it. */
class Notice {
  constructor(button) {
    this.wanted = globalThis.Notification?.permission === "granted" && stored.get() === "yes";
    this.button = button;
    this.tell();
    button.hidden = !globalThis.Notification || Notification.permission === "denied";
    button.addEventListener("click", async () => {
      this.wanted = !this.wanted && (await Notification.requestPermission()) === "granted";
      button.hidden = Notification.permission === "denied";
      stored.set(this.wanted ? "yes" : "no");
      this.tell();
    });
  }

  tell() {
    this.button.setAttribute("aria-pressed", String(this.wanted));
  }

  give(title) {
    if (!this.wanted) return;
    try {
      new Notification(title);
    } catch {
      // Some browsers on phones have notifications of service workers only; the title says it, too.
    }
  }
}

const stored = {
  get: () => attempt(() => localStorage.getItem(NOTIFY)),
  set: (value) => attempt(() => localStorage.setItem(NOTIFY, value)),
};

function attempt(does) {
  try {
    return does();
  } catch {
    return null;
  }
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
  let told = ""; // to those who listen
  let image = null; // what is known of the one that is being loaded
  const wait = new Wait(part("starting-wait"), page.dataset.part);
  if (page.dataset.step === "waiting") wait.go();
  const notice = new Notice(part("starting-notify"));
  setInterval(() => image && say(part("starting-image"), imageWords(image)), SECOND_MS);

  follow(page.dataset.progress, { on: (_, event) => show(event), lost, ended: loggedOut, silence: SILENCE_MS });

  function show(event) {
    const { state, title, percent, over } = seen(event);
    document.title = title;
    if (over) {
      if (event.ready) notice.give(title);
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
    else log(event);
    if (event.step) step(event, title);
  }

  /** Mark the step, and tell of it where it is another one: not of each second. */
  function step(event, title) {
    const now = stepOf(event);
    const items = [...part("starting-steps").children];
    const at = items.findIndex((item) => item.dataset.step === now);
    items.forEach((item, place) => {
      item.classList.toggle("moorage-done", place < at);
      if (place === at) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    image = event.image ?? null;
    part("starting-image").hidden = !image;
    say(part("starting-image"), image ? imageWords(image) : "");
    wait.show(event.step === "waiting");
    const waits = now === "place" && event.step !== "place";
    // Kubernetes' own text changes while the same is lacking.
    const fresh = `${event.step} ${waits ? (event.lacks ?? detail(event)) : ""}`;
    if (fresh === told) return;
    told = fresh;
    const text = waits ? words(event) : (items[at]?.textContent ?? "");
    say(part("starting-said"), text.startsWith(title) ? text : `${title}. ${text}`);
  }

  function log(event) {
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
