// The line above the form: how far its numbers can be trusted.

import { element } from "../../../web/elements.js";
import { again, t, time } from "../../../web/texts.js";

const lost = () => ({
  unreachable: t("it can't be reached"),
  silent: t("it is silent"),
  closed: t("it closed the connection"),
  away: t("the page was in the background"),
});

/** One sentence or two for the hub's `status`; `lost` where the hub itself can't be heard. */
export function statusWords(state) {
  if (state.live) return t("The numbers are live.");
  const since = state.since ? time(state.since) : t("an unknown time");
  const reason = state.reason ? ` (${again(state.reason)})` : "";
  if (state.crowded) return t("Stopped, because newer pages of yours are open. This one goes on when you come back to it.");
  if (state.lost) return t("No connection to the hub since {since}{reason}. Trying again.", { since, reason });
  if (state.known) return t("The numbers are from {since} and may have changed{reason}. You can still start a server.", { since, reason });
  return t("What is free has been unknown since {since}{reason}. You can still start a server.", { since, reason });
}

export class StatusLine {
  /** `login` is the address where people log in and come back from. */
  constructor(place, login) {
    Object.assign(this, { place, login, over: false, since: null });
  }

  show(state) {
    this.over = false;
    this.place.classList.toggle("moorage-live", state.live);
    this.place.classList.toggle("moorage-stale", !state.live);
    const text = statusWords(state);
    // By itself, so that its full stop stands at its end whichever way the page runs.
    if (this.place.textContent !== text) this.place.replaceChildren(element("bdi", { text }));
  }

  /** The hub was heard. */
  found() {
    this.since = null;
  }

  lost(why, words) {
    this.since ??= new Date().toISOString();
    this.show({ live: false, lost: true, crowded: why === "crowded", since: this.since, reason: lost()[why] ?? words });
  }

  /** The log-in has ended while the page was open: what would start here would only be refused. */
  ended() {
    if (this.over) return;
    this.over = true;
    this.place.classList.replace("moorage-live", "moorage-stale");
    this.place.replaceChildren(element("span", {}, t("You have been logged out."), " ", element("a", { href: this.login, text: t("Log in again") })));
  }
}
