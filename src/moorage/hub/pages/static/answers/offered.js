// What somebody may have, when it changes while their page is open.

import { element } from "../../../../web/elements.js";
import { answerTo } from "./asking.js";

const TIMEOUT = 6000;

export class Offered {
  /** `body()` is what is asked about; `show(answer)` gets the answer; `place` has the sentences on the person's limits. */
  constructor({ url, headers, body, place, show }) {
    Object.assign(this, { url, headers, body, place, show });
  }

  /** Whether there was an answer. */
  async ask() {
    // Without an answer nothing changes: the hub decides by the same rule when the form is sent.
    const answer = await answerTo(this.url, { headers: this.headers, body: this.body(), timeout: TIMEOUT });
    if (answer) this.take(answer);
    return answer !== null;
  }

  take(answer) {
    const sentences = answer.closed ? [answer.closed] : answer.limits;
    // What stands there already is not announced again.
    if (sentences.join("\n") !== [...this.place.children].map((each) => each.textContent).join("\n")) this.place.replaceChildren(...sentences.map((text) => element("p", { cls: "form-text", dir: "auto", text })));
    this.show(answer);
  }
}
