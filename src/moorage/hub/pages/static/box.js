// The verdict below the fields, with a button for each way that would work.

import { element } from "../../../web/elements.js";
import { told } from "./answer.js";

const MARKS = { ok: "✓", no: "✗", unknown: "?" };

export class VerdictBox {
  /** `use(values)` is called when somebody takes one of the ways, `mark(field)` with the field that is to be changed, or null. */
  constructor(place, { use, mark }) {
    Object.assign(this, { place, use, mark, shown: "" });
  }

  /** Show the answer, and return what it says of each node. What stands there already is left alone, and not announced again. */
  show(answer, chosen) {
    const { judged, ...words } = told(answer, chosen);
    const fresh = JSON.stringify(words);
    if (fresh !== this.shown) {
      this.shown = fresh;
      this.place.className = `moorage-verdict moorage-${words.kind}`;
      this.place.replaceChildren(...this.parts(words));
      this.mark(words.field);
    }
    return judged;
  }

  parts({ kind, text, held, ways, upstream }) {
    const mark = element("span", { "aria-hidden": "true", text: `${MARKS[kind]} ` });
    const parts = [element("p", {}, mark, text), ...held.map((line) => element("p", { text: line }))];
    if (ways.length) parts.push(element("p", { cls: "moorage-ways" }, "What would work: ", ...ways.flatMap((way) => [this.button(way), " "])));
    if (upstream) parts.push(element("details", {}, element("summary", { text: "What Kubernetes says" }), upstream));
    return parts;
  }

  button(way) {
    const made = element("button", { type: "button", cls: "btn btn-sm btn-outline-primary", text: way.text });
    made.addEventListener("click", () => this.use(way.use));
    return made;
  }
}
