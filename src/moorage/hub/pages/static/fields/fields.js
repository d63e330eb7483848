// The form's controls: what stands in them, and putting values into them as somebody would by hand.

import { say } from "../../../../web/elements.js";
import { t } from "../../../../web/texts.js";
import { folded, kindOptions, optionFor, parted, unfolded } from "./kinds.js";
import { imageOf } from "./platforms.js";

const NAMES = { preset: "preset", node: "node", cpu: "cpu", memory: "memory", gpu: "gpu", gpu_kind: "kind", image: "image", queue: "queue" };
const [SAID, REFUSAL] = ["moorage-said", "moorage-refusal"]; // ids of what may be wrong with a field

export class Fields {
  /** `at(name)` finds one of our elements; `changed()` is called when anything in the form has. */
  constructor({ at, changed, presets = [] }) {
    Object.assign(this, { changed, helps: { image: at("image-help"), gpu_kind: at("kind-help"), queue: at("queue-help") } });
    this.own = {}; // what stood in the fields that a preset has filled in
    this.know(presets);
    this.touched = new Set(); // by hand, or by taking a way that would work
    const found = Object.entries(NAMES).map(([name, id]) => [name, at(id)]);
    // Where no GPU is offered there are fewer controls.
    this.controls = Object.fromEntries(found.filter(([, control]) => control));
    for (const [name, control] of Object.entries(this.controls)) control.addEventListener("input", () => this.typed(name));
    this.lock();
    this.describe();
  }

  get node() {
    return this.controls.node;
  }

  /** What the chosen image is built for. */
  get image() {
    return imageOf(this.controls.image.selectedOptions[0]);
  }

  value(name) {
    return this.controls[name]?.value ?? "";
  }

  /** The option of the chosen kind of GPU; undefined where none is offered. */
  get kind() {
    return this.controls.gpu_kind?.selectedOptions[0];
  }

  /** All of them, as they would be posted: without those that are the preset's. */
  values() {
    const posted = Object.entries(this.controls).filter(([, control]) => !control.matches(":disabled"));
    return unfolded(Object.fromEntries(posted.map(([name, control]) => [name, control.value])));
  }

  /** Values as the controls hold them. */
  held(values) {
    const found = folded(values);
    if (found.gpu_kind !== undefined && this.controls.gpu_kind) found.gpu_kind = optionFor(this.controls.gpu_kind, found.gpu_kind);
    return found;
  }

  /** The first that can be changed by hand. */
  first() {
    return this.controls.cpu.matches(":disabled") ? this.node : this.controls.cpu;
  }

  know(presets) {
    this.presets = Object.fromEntries(presets.map(({ value, fields }) => [value, fields]));
  }

  /** Show what the chosen preset has in its fields, which are its own for as long as it is chosen. */
  lock() {
    const values = this.held(this.presets[this.value("preset")] ?? {});
    for (const [name, control] of Object.entries(this.controls)) {
      if (Object.hasOwn(values, name)) {
        this.own[name] ??= control.value;
        if (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === values[name])) control.add(new Option(name === "gpu_kind" ? kindName(values[name]) : values[name], values[name]));
        control.value = values[name];
        control.disabled = true;
      } else if (Object.hasOwn(this.own, name)) {
        control.value = this.own[name];
        delete this.own[name];
        control.disabled = false;
      }
    }
  }

  /** A value for a field of the preset's is a choice by hand from then on, where there is one. */
  unlock(values) {
    const { preset } = this.controls;
    const others = Object.keys(values).filter((name) => Object.hasOwn(this.own, name) && this.value(name) !== values[name]);
    if (!others.length || values.preset || ![...preset.options].some((option) => option.value === "")) return;
    preset.value = "";
    this.lock();
  }

  /** Tell that this field has to be changed, and no other one. */
  mark(name) {
    for (const [each, control] of Object.entries(this.controls)) invalid(control, each === name ? SAID : null);
  }

  /** Tell what the hub has refused, which stands in this element: of the field that it has marked, or of none. */
  refused(place) {
    place.id = REFUSAL;
    for (const control of Object.values(this.controls)) if (control.matches('[aria-invalid="true"]')) invalid(control, REFUSAL);
  }

  use(given) {
    const values = this.held(given);
    this.unlock(values);
    for (const [name, value] of Object.entries(values)) {
      const control = this.controls[name];
      if (!control || Object.hasOwn(this.own, name) || (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === value))) continue;
      control.value = value;
      if (name === "preset") this.lock();
      this.touched.add(name);
    }
    this.describe();
    this.changed();
  }

  /** Put in a whole choice from elsewhere: what is not offered any more stays and is marked. Those, each with its value. */
  take(values) {
    const gone = [];
    const usable = Object.entries(this.held(values)).filter(([name, value]) => this.controls[name] && (value || mayBeEmpty(name, this.controls[name])));
    for (const [name, value] of usable) {
      const control = this.controls[name];
      if (control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value)) continue;
      if (name === "gpu_kind" && !Number(values.gpu)) continue;
      const called = name === "gpu_kind" ? kindName(value) : value;
      gone.push([name, called]);
      control.add(new Option(name === "node" ? t("{name} (gone)", { name: called }) : t("{name} (not offered)", { name: called }), value));
      control.closest(".mb-3").hidden = false;
    }
    this.use(unfolded(Object.fromEntries(usable)));
    return gone;
  }

  /** By what names images, presets and kinds of GPU are shown. */
  names() {
    const { image, preset, gpu_kind: kind } = this.controls;
    const names = (select) => Object.fromEntries([...(select?.options ?? [])].map((option) => [option.value, option.dataset.words?.split(":")[0] ?? option.textContent]));
    return { images: names(image), presets: names(preset), kinds: names(kind) };
  }

  /** Take what a profile fills in, where nobody has touched the field; the names of those that were kept though they differ. */
  fill({ fields: given, choices, empty, gpu_most: most, kinds, images }) {
    const fields = folded(given);
    const kept = Object.keys(this.controls).filter((name) => this.touched.has(name) && this.value(name) !== fields[name]);
    const before = Object.fromEntries(Object.entries(this.controls).map(([name, control]) => [name, control.value]));
    this.empty(empty);
    for (const name of ["cpu", "memory"]) if (this.controls[name].tagName === "SELECT") options(this.controls[name], choices[name]);
    const { gpu, gpu_kind: kind, image } = this.controls;
    if (gpu) {
      gpu.max = most ?? "";
      gpu.closest(".mb-3").hidden = !kinds.length;
      kind.replaceChildren(...kindOptions(kinds));
      kind.closest(".mb-3").hidden = kinds.length < 2;
    }
    for (const option of image.querySelectorAll("[data-unlisted]")) option.remove();
    image.prepend(...images.map(([value, words]) => new Option(words, value)));
    for (const option of [...image.options].slice(0, images.length)) option.dataset.unlisted = "";
    for (const [name, control] of Object.entries(this.controls)) {
      control.value = kept.includes(name) ? before[name] : fields[name];
      // What is not there any more can't be kept.
      if (control.tagName === "SELECT" && control.selectedIndex < 0) control.value = fields[name];
    }
    this.describe();
    this.changed();
    return kept.filter((name) => this.value(name) === before[name]);
  }

  /** Take what the fields may be from now on. What stands in them stays. */
  renew({ choices, empty, gpu_most: most, kinds, images, presets, queues }) {
    const { gpu, gpu_kind: kind, image, preset, queue } = this.controls;
    this.empty(empty);
    if (queue) {
      swap(queue, Object.keys(queues).map((name) => [name, name]));
      this.tell(queues);
    }
    if (preset) {
      const byHand = [...preset.options].some((option) => option.value === "");
      swap(preset, [...presets.map(({ value, words }) => [value, words]), ...(byHand ? [["", t("By hand")]] : [])]);
      presets.forEach(({ words, help }, place) => Object.assign(preset.options[place].dataset, { words, help }));
      this.know(presets);
      this.lock();
    }
    for (const name of ["cpu", "memory"]) if (this.controls[name].tagName === "SELECT" && choices[name].length) swap(this.controls[name], choices[name]);
    if (gpu) {
      gpu.max = most ?? "";
      gpu.closest(".mb-3").hidden = !kinds.length && gpu.value === "0";
      exchange(kind, kindOptions(kinds));
      kind.closest(".mb-3").hidden = kind.options.length < 2;
    }
    swap(image, images.map(({ value, words }) => [value, words]));
    images.forEach(({ help, os, arch, listed }, at) => {
      const { dataset } = image.options[at];
      Object.assign(dataset, { help, os: os.join(" "), arch: arch.join(" ") });
      if (!listed) dataset.unlisted = "";
    });
    this.describe();
    this.changed();
  }

  /** What each amount is where nothing stands in its field: something has to where there are no words for it. */
  empty(words) {
    for (const [name, text] of Object.entries(words)) {
      this.controls[name].placeholder = text;
      this.controls[name].required = !text;
    }
  }

  /** What each queue still has, where that is known. */
  tell(queues) {
    for (const option of this.controls.queue?.options ?? []) option.dataset.help = queues[option.value] ?? option.dataset.help ?? "";
    this.describe();
  }

  typed(name) {
    this.touched.add(name);
    if (name === "preset") this.lock();
    if (name in this.helps) this.describe();
    this.changed();
  }

  /** What is to be said of the chosen image, and of sharing a GPU of the chosen kind. */
  describe() {
    for (const [name, place] of Object.entries(this.helps)) if (place) say(place, this.controls[name].selectedOptions[0]?.dataset.help ?? "");
  }
}

function mayBeEmpty(name, control) {
  return name === "node" || name === "preset" || (control.tagName === "INPUT" && !control.required);
}

/** A kind that is not offered, by its model or its resource. */
function kindName(value) {
  const { gpu_resource: resource, gpu_kind: model } = parted(value);
  return model || resource;
}

/** Mark a control with the id of what is wrong with it; null: nothing is. */
function invalid(control, why) {
  const usual = (control.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== SAID && id !== REFUSAL);
  control.setAttribute("aria-describedby", [...usual, ...(why ? [why] : [])].join(" "));
  if (why) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

/** Other options; the selected one stays, even where it is not among them. */
function swap(select, pairs) {
  const there = [...select.options].map((option) => [option.value, option.text]);
  if (JSON.stringify(there) === JSON.stringify(pairs)) return; // somebody may have it open
  exchange(select, pairs.map(([value, words]) => new Option(words, value)));
}

function exchange(select, fresh) {
  const chosen = select.selectedOptions[0];
  select.replaceChildren(...fresh);
  if (chosen && !fresh.some(({ value }) => value === chosen.value)) {
    chosen.dataset.name ??= chosen.dataset.words ?? chosen.text;
    chosen.text = t("{name} (not offered any more)", { name: chosen.dataset.name });
    delete chosen.dataset.words;
    select.add(chosen);
  }
  if (chosen) select.value = chosen.value;
}

function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, words]) => new Option(words, value)));
}
