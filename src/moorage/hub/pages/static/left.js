// What is left to whoever starts a server here, by what others say: a team's quota, a queue. It stands above the fields from the first verdict on.

import { element } from "../../../web/elements.js";

export class Left {
  constructor(place) {
    Object.assign(this, { place, shown: "" });
  }

  get isShown() {
    return this.shown !== "";
  }

  /** `sentences` of a verdict; where it has none to tell, those before stay. */
  show(sentences) {
    const fresh = sentences?.join("\n") ?? this.shown;
    if (fresh === this.shown) return;
    this.shown = fresh;
    this.place.replaceChildren(...sentences.map((text) => element("p", { cls: "form-text", dir: "auto", text })));
  }
}
