// A choice outlives its page: it is filled in again after a log-in or a way back, travels in a link, and the last ones are a click away.

import { element } from "../../../web/elements.js";
import { listed, shortResource } from "../../../web/amounts.js";
import { t } from "../../../web/texts.js";
import { hashOf, isSame, Memory, valuesIn } from "./memory.js";

const MOST_RECENT = 3;

export class Keeping {
  /** `filled`: the page came filled in by a refusal or a link; `last`: what was started last, or null. */
  constructor({ at, fields, form, data: { base, user, server, filled, last } }) {
    Object.assign(this, { fields, last, base, told: at("told"), recent: at("recent"), copy: at("copy") });
    this.memory = new Memory({ user, server, session: storage("sessionStorage"), local: storage("localStorage") });
    this.start(filled);
    form.addEventListener("submit", () => this.memory.send(fields.values()));
    addEventListener("hashchange", () => this.followed());
    this.copy.hidden = false;
    this.copy.addEventListener("click", () => this.copied());
  }

  start(filled) {
    const rendered = this.fields.values();
    this.latest = this.memory.recent(this.last);
    if (!this.followed() && !filled) {
      const draft = this.memory.draft(this.last);
      if (draft && !isSame(draft, rendered)) {
        const gone = this.fields.take(draft);
        this.say([t("Your unfinished choice is filled in again."), ...goneWords(gone)], {
          text: t("Undo"),
          does: () => {
            this.fields.take(rendered);
            this.say([]);
            this.fields.node.focus(); // the button is gone
          },
        });
      }
    }
    this.offer();
  }

  /** The form has changed. */
  changed() {
    this.memory.keep(this.fields.values());
    this.offer();
  }

  /** Fill in what stands in the address; whether anything does. */
  followed() {
    const values = valuesIn(location.hash);
    if (!values) return false;
    // Otherwise a reload would undo what is changed from here on.
    history.replaceState(history.state, "", location.pathname + location.search);
    const gone = this.fields.take(values);
    this.say([t("This link has filled in the form. Nothing has been started."), ...goneWords(gone)]);
    return true;
  }

  say(sentences, button = null) {
    this.told.replaceChildren(sentences.join(" "));
    if (!button) return;
    const made = element("button", { type: "button", cls: "btn btn-sm btn-link", text: button.text });
    made.addEventListener("click", button.does);
    this.told.append(" ", made);
  }

  /** The last choices but the one that stands in the form. */
  offer() {
    const now = this.fields.values();
    const others = this.latest.filter((values) => !isSame(values, now)).slice(0, MOST_RECENT);
    const words = JSON.stringify(others);
    if (words === this.offered) return;
    this.offered = words;
    this.recent.hidden = !others.length;
    this.recent.replaceChildren(t("Your last choices:"), " ", ...others.flatMap((values) => [this.button(values), " "]));
  }

  button(values) {
    const made = element("button", { type: "button", cls: "btn btn-sm btn-outline-secondary", text: choiceWords(values, this.fields.names()) });
    made.addEventListener("click", () => {
      const gone = this.fields.take(values);
      this.say(goneWords(gone));
      this.fields.node.focus();
    });
    return made;
  }

  async copied() {
    const link = new URL(`${this.base}spawn${hashOf(this.fields.values())}`, location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      this.say([t("The link is copied. Whoever opens it gets this form filled in, and nothing starts by it.")]);
    } catch {
      // Without https a page may not write to the clipboard.
      const shown = element("input", { cls: "form-control form-control-sm", readonly: "", "aria-label": t("Link to this choice") });
      shown.value = link;
      this.told.replaceChildren(t("Copy this link:"), " ", shown);
      shown.select();
    }
  }
}

/** "atlas, 2 CPU, 3Gi, 1 GPU, Minimal": `names` are those by which images, presets and kinds of GPU are shown. */
export function choiceWords({ preset, node, cpu, memory, gpu, gpu_resource: kind = "", gpu_kind: model = "", image }, { images = {}, presets = {}, kinds = {} } = {}) {
  const parts = [...(preset ? [presets[preset] ?? preset] : []), node ? placeName(node) : t("Automatic")];
  if (cpu) parts.push(t("{amount} CPU", { amount: cpu }));
  if (memory) parts.push(memory);
  if (Number(gpu) > 0) parts.push(`${gpu} ${model ? (kinds[`${kind}=${model}`] ?? model) : /\/gpu$/.test(kind) || !kind ? "GPU" : (kinds[kind] ?? shortResource(kind))}`);
  if (image) parts.push(images[image] ?? image);
  return parts.join(", ");
}

/** A node, or a machine that may come, as its row calls it: `~gpu/g5.xlarge` is a kind of machine of the pool gpu. */
function placeName(name) {
  if (!name.startsWith("~")) return name;
  return t("New machine {name}", { name: name.slice(name.lastIndexOf("/") + 1).replace(/^~/, "") });
}

/** What of a choice is not there any more. */
export function goneWords(gone) {
  if (!gone.length) return [];
  return [t("Not offered any more: {names}.", { names: listed(gone.map(([name, value]) => goneName(name, value))) })];
}

function goneName(field, name) {
  if (field === "preset") return t("the preset “{name}”", { name });
  if (field === "node") return name.startsWith("~") ? `“${placeName(name)}”` : t("the node “{name}”", { name });
  if (field === "gpu_kind") return t("the kind of GPU “{name}”", { name });
  return field === "image" ? t("the image “{name}”", { name }) : `${field} “${name}”`;
}

function storage(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}
