// Choices that an administrator has made beforehand: what each would get now, and a way back to a choice by hand.

import { say } from "../../../../web/elements.js";
import { answerTo } from "./asking.js";

const TIMEOUT = 20000;
const AFTER_CHANGE = 10000;

export class Presets {
  /** `body()` is what is asked about. */
  constructor({ at, fields, url, headers, body }) {
    Object.assign(this, { fields, url, headers, body, select: at("preset"), help: at("preset-help"), byHand: at("by-hand"), asked: 0, timer: null });
    this.byHand?.addEventListener("click", () => {
      fields.use({ preset: "" });
      fields.first().focus();
    });
    this.describe();
  }

  /** The choice has its verdict: what the others would get can be asked now, and held nobody up. */
  begin() {
    if (!this.asked) this.ask();
  }

  /** The choice has changed. */
  describe() {
    say(this.help, this.select.selectedOptions[0]?.dataset.help ?? "");
    if (this.byHand) this.byHand.hidden = this.select.value === "";
  }

  /** The cluster has changed. */
  later() {
    if (this.asked) this.timer ??= setTimeout(() => this.ask(), Math.max(0, this.asked + AFTER_CHANGE - Date.now()));
  }

  async ask() {
    this.timer = null;
    this.asked = Date.now();
    // Without an answer nothing is known; the verdict on the choice says so.
    const answers = await answerTo(this.url, { headers: this.headers, body: this.body(), timeout: TIMEOUT });
    if (answers) this.tell(answers);
  }

  tell(answers) {
    for (const option of this.select.options) {
      const { words } = option.dataset;
      if (words) say(option, presetWords(words, answers[option.value]?.text));
    }
  }
}

/** A preset in its list: "Small: 2 CPU, 4 GiB memory (fits on atlas)". */
export function presetWords(words, text) {
  return text ? `${words} (${text})` : words;
}
