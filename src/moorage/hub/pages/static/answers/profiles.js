// KubeSpawner's profiles above our fields: picking one fills in the fields that nobody has touched.

import { t } from "../../../../web/texts.js";
import { answerTo } from "./asking.js";

const TIMEOUT = 6000;

export class Profiles {
  /** `body()` is what is asked about; `fill(answer)` puts it into the fields and says which of them were kept; `told` is where that is said. */
  constructor({ place, url, headers, body, fill, told }) {
    Object.assign(this, { url, headers, body, fill, told });
    this.asked = "";
    // The profiles' own script may check a radio button without a word, and renames fields as they are used.
    for (const event of ["change", "click"]) place.addEventListener(event, () => setTimeout(() => this.look(), 0));
    if (document.readyState === "complete") this.look();
    else addEventListener("load", () => this.look());
  }

  /** Ask what the fields become, where another profile or option is picked than before. */
  async look() {
    const body = this.body();
    const picked = JSON.stringify(body.profile);
    if (picked === this.asked) return;
    const first = !this.asked;
    this.asked = picked;
    // Without an answer nothing is filled in: the hub decides by the same rule when the form is sent.
    const answer = await answerTo(this.url, { headers: this.headers, body, timeout: TIMEOUT });
    if (picked !== this.asked || !answer) return;
    const kept = answer.fields ? this.fill(answer) : [];
    this.told.textContent = answer.refusal ?? (answer.fields && !(first && !kept.length) ? filledWords(kept) : "");
  }
}

/** What a form would post of its profiles. */
export function pickedIn(entries) {
  return Object.fromEntries([...entries].filter(([name]) => name === "profile" || name.startsWith("profile-option-")));
}

export function filledWords(kept) {
  const labels = { preset: t("Preset"), node: t("Node"), cpu: t("CPU"), memory: t("Memory"), gpu: t("GPU"), gpu_kind: t("Kind"), image: t("Image"), queue: t("Queue") };
  const names = kept.map((name) => labels[name]);
  const words = t("The profile's values are filled in below.");
  return names.length ? [words, t("What you changed stays: {names}.", { names: names.join(", ") })].join(" ") : words;
}
