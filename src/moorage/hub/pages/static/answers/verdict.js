// Asks the hub whether the choice fits, a moment after the last change and again as the cluster changes; only the newest answer counts.

import { post } from "./asking.js";

const AFTER_TYPING = 250;
const AFTER_CHANGE = 2000;
const TIMEOUT = 6000;
const OLD = 15_000;
// A hub that takes long is asked the more seldom.
const TIMES_AS_LONG = 4;

export class Verdict {
  /** `body()` is what to ask about; `show(answer)` gets the answer, null while there is none to be had; `ended()` where the log-in is over. */
  constructor({ url, headers, body, show, ended, method = "POST" }) {
    Object.assign(this, { url, headers, body, show, ended, method });
    this.timer = null;
    this.due = Infinity;
    this.running = null;
    this.stale = false; // whether the cluster has changed since the question
    this.asked = 0;
    this.took = 0;
  }

  /** Somebody changed the form. */
  soon() {
    this.plan(AFTER_TYPING);
  }

  /** The cluster changed. */
  later() {
    if (this.running) this.stale = true; // a question that is on its way is let end, or none ever would where each takes long
    else this.plan(Math.max(AFTER_TYPING, this.asked + Math.max(AFTER_CHANGE, TIMES_AS_LONG * this.took) - Date.now()), true);
  }

  /** Nothing was heard that would change the answer, but it is an old one. */
  again() {
    if (!document.hidden && Date.now() - this.asked > OLD) this.later();
  }

  plan(wait, keep = false) {
    const due = Date.now() + wait;
    if (keep && this.due <= due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.ask(), wait);
  }

  async ask() {
    this.due = Infinity;
    this.asked = Date.now();
    this.stale = false;
    this.running?.abort();
    const running = (this.running = new AbortController());
    const limit = setTimeout(() => running.abort(), TIMEOUT);
    let answer = null;
    try {
      const response = await post(this.url, {
        method: this.method,
        headers: this.headers,
        body: this.body(),
        signal: running.signal,
      });
      if (response.ok) answer = await response.json();
      else if (response.status === 401 || response.status === 403) this.ended();
    } catch {
      // Nothing is known then, which is what null says.
    }
    clearTimeout(limit);
    if (this.running !== running) return;
    this.running = null;
    this.took = Date.now() - this.asked;
    this.show(answer);
    if (this.stale) this.later();
  }
}
