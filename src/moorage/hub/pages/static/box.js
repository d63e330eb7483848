// The verdict below the fields, with a button for each way that would work.

import { element } from "../../../web/elements.js";
import { t } from "../../../web/texts.js";
import { told } from "./answer.js";

const MARKS = { ok: "✓", no: "✗", unknown: "?" };
const labels = () => ({ change: t("Change this:"), wait: t("Wait, somebody holds it:"), never: t("Never here:") });

export class VerdictBox {
  /** `use(values)` is called when somebody takes one of the ways, `mark(field)` with the field that is to be changed, or null; `start()` sends the form, `home` is the page of one's servers. */
  constructor(place, { use, mark, start, home }) {
    Object.assign(this, { place, use, mark, start, home, shown: "" });
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

  parts({ kind, text, held, ways, upstream, no, start }) {
    const mark = element("span", { "aria-hidden": "true", text: `${MARKS[kind]} ` });
    const label = labels()[no] ? element("strong", { text: `${labels()[no]} ` }) : "";
    const parts = [element("p", {}, mark, label, text), ...held.map((line) => element("p", { text: line }))];
    if (ways.length) parts.push(element("p", { cls: "moorage-ways" }, t("What would work:"), " ", ...ways.flatMap((way) => [this.button(way), " "])));
    if (no === "wait" && start) parts.push(element("p", {}, this.button({ text: t("Start and wait") }, this.start)));
    else if (no === "wait" || (no && !ways.length)) parts.push(element("p", {}, element("a", { cls: "btn btn-sm btn-outline-primary", href: this.home, text: t("Your servers") })));
    if (upstream) parts.push(element("details", {}, element("summary", { text: t("What Kubernetes says") }), upstream));
    return parts;
  }

  button(way, does = () => this.use(way.use)) {
    const made = element("button", { type: "button", cls: "btn btn-sm btn-outline-primary", text: way.text });
    made.addEventListener("click", does);
    return made;
  }
}
