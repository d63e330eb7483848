// The verdict below the fields, with a button for each way that would work.

import { arrange, element, say } from "../../../../web/elements.js";
import { t } from "../../../../web/texts.js";
import { told } from "./answer.js";

const MARKS = { ok: "✓", no: "✗", unknown: "?" };
const labels = () => ({ change: t("Change this:"), wait: t("Wait, somebody holds it:"), never: t("Never here:") });

export class VerdictBox {
  /** `use(values)` is called when somebody takes one of the ways, `mark(field)` with the field that is to be changed, or null; `start()` sends the form, `home` is the page of one's servers. */
  constructor(place, { use, mark, start, home }) {
    Object.assign(this, { place, use, mark, start, shown: "", buttons: new Map() });
    place.tabIndex = -1; // where the focus goes when a button goes that had it
    this.sign = element("span", { "aria-hidden": "true" });
    this.label = element("strong");
    this.text = element("bdi");
    this.said = element("p", { id: "moorage-said" }, this.sign, this.label, this.text);
    this.heading = element("span", { text: t("What would work:") });
    this.held = element("div");
    this.ways = element("p", { cls: "moorage-ways" });
    this.home = element("p", {}, element("a", { cls: "btn btn-sm btn-outline-primary", href: home, text: t("Your servers") }));
    this.upstream = element("bdi");
    this.details = element("details", {}, element("summary", { text: t("What Kubernetes says") }), this.upstream);
  }

  /** Show the answer, and return what it says of each node. What stands there already is left alone, and not announced again. */
  show(answer, chosen) {
    const { judged, ...words } = told(answer, chosen);
    const fresh = JSON.stringify(words);
    if (fresh !== this.shown) {
      this.shown = fresh;
      const had = this.place.contains(document.activeElement);
      this.tell(words);
      this.mark(words.field);
      if (had && !this.place.contains(document.activeElement)) this.place.focus({ preventScroll: true });
    }
    return judged;
  }

  tell({ kind, text, held, ways, upstream, no, start }) {
    this.place.className = `moorage-verdict moorage-${kind}`;
    say(this.sign, `${MARKS[kind]} `);
    say(this.label, labels()[no] ? `${labels()[no]} ` : "");
    say(this.text, text);
    arrange(this.held, held.map((line, at) => this.held.children[at] ?? element("p", { dir: "auto" })));
    held.forEach((line, at) => say(this.held.children[at], line));
    const waits = no === "wait" && start;
    const offered = [...ways.map((way) => ({ text: way.text, does: () => this.use(way.use) })), ...(waits ? [{ text: t("Start and wait"), does: this.start }] : [])];
    arrange(this.ways, [...(ways.length ? [this.heading] : []), ...this.made(offered)]);
    say(this.upstream, upstream);
    const shown = [this.said, this.held, ...(offered.length ? [this.ways] : []), ...(!waits && (no === "wait" || (no && !ways.length)) ? [this.home] : []), ...(upstream ? [this.details] : [])];
    arrange(this.place, shown);
  }

  /** A button for each; one that is there already stays, and the focus on it. */
  made(offered) {
    const before = this.buttons;
    this.buttons = new Map();
    for (const { text, does } of offered) {
      const { button } = before.get(text) ?? this.button(text);
      this.buttons.set(text, { button, does });
    }
    return [...this.buttons.values()].map(({ button }) => button);
  }

  button(text) {
    const button = element("button", { type: "button", cls: "btn btn-sm btn-outline-primary", text });
    button.addEventListener("click", () => this.buttons.get(text).does());
    return { button };
  }
}
