// What somebody may have, when it changes while their page is open.

import { element } from "../../../web/elements.js";

const TIMEOUT = 6000;

export class Offered {
  /** `body()` is what is asked about; `show(answer)` gets the answer; `place` has the sentences on the person's limits. */
  constructor({ url, headers, body, place, show }) {
    Object.assign(this, { url, headers, body, place, show });
  }

  async ask() {
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...this.headers },
        body: JSON.stringify(this.body()),
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (response.ok) this.take(await response.json());
    } catch {
      // The hub decides by the same rule when the form is sent.
    }
  }

  take(answer) {
    const sentences = answer.closed ? [answer.closed] : answer.limits;
    this.place.replaceChildren(...sentences.map((text) => element("p", { cls: "form-text", text })));
    this.show(answer);
  }
}
