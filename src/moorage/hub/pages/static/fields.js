// The form's controls: what stands in them, and putting values into them as somebody would by hand.

import { t } from "../../../web/texts.js";
import { imageOf } from "./platforms.js";

const NAMES = { preset: "preset", node: "node", cpu: "cpu", memory: "memory", gpu: "gpu", gpu_resource: "resource", image: "image" };

export class Fields {
  /** `at(name)` finds one of our elements; `changed()` is called when anything in the form has. */
  constructor({ at, changed, presets = [] }) {
    Object.assign(this, { changed, help: at("image-help") });
    this.own = {}; // what stood in the fields that a preset has filled in
    this.know(presets);
    this.touched = new Set(); // by hand, or by taking a way that would work
    const found = Object.entries(NAMES).map(([name, id]) => [name, at(id)]);
    // Where no GPU is offered there are fewer controls.
    this.controls = Object.fromEntries(found.filter(([, control]) => control));
    for (const [name, control] of Object.entries(this.controls)) control.addEventListener("input", () => this.typed(name));
    this.lock();
    this.describeImage();
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

  /** All of them, as they would be posted: without those that are the preset's. */
  values() {
    const posted = Object.entries(this.controls).filter(([, control]) => !control.matches(":disabled"));
    return Object.fromEntries(posted.map(([name, control]) => [name, control.value]));
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
    const values = this.presets[this.value("preset")] ?? {};
    for (const [name, control] of Object.entries(this.controls)) {
      if (Object.hasOwn(values, name)) {
        this.own[name] ??= control.value;
        if (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === values[name])) control.add(new Option(values[name], values[name]));
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
    for (const [each, control] of Object.entries(this.controls)) {
      if (each === name) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }

  use(values) {
    this.unlock(values);
    for (const [name, value] of Object.entries(values)) {
      const control = this.controls[name];
      if (!control || Object.hasOwn(this.own, name) || (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === value))) continue;
      control.value = value;
      if (name === "preset") this.lock();
      this.touched.add(name);
    }
    this.describeImage();
    this.changed();
  }

  /** Put in a whole choice from elsewhere: what is not offered any more stays and is marked. Those, each with its value. */
  take(values) {
    const gone = [];
    const usable = Object.entries(values).filter(([name, value]) => this.controls[name] && (value || mayBeEmpty(name, this.controls[name])));
    for (const [name, value] of usable) {
      const control = this.controls[name];
      if (control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value)) continue;
      if (name === "gpu_resource" && !Number(values.gpu)) continue;
      gone.push([name, value]);
      control.add(new Option(name === "node" ? t("{name} (gone)", { name: value }) : t("{name} (not offered)", { name: value }), value));
      control.closest(".mb-3").hidden = false;
    }
    this.use(Object.fromEntries(usable));
    return gone;
  }

  /** By what names images and presets are shown. */
  names() {
    const { image, preset } = this.controls;
    const names = (select) => Object.fromEntries([...(select?.options ?? [])].map((option) => [option.value, option.dataset.words?.split(":")[0] ?? option.textContent]));
    return { images: names(image), presets: names(preset) };
  }

  /** Take what a profile fills in, where nobody has touched the field; the names of those that were kept though they differ. */
  fill({ fields, choices, empty, gpu_most: most, resources, images }) {
    const kept = Object.keys(this.controls).filter((name) => this.touched.has(name) && this.value(name) !== fields[name]);
    const before = this.values();
    this.empty(empty);
    for (const name of ["cpu", "memory"]) if (this.controls[name].tagName === "SELECT") options(this.controls[name], choices[name]);
    const { gpu, gpu_resource: kind, image } = this.controls;
    if (gpu) {
      gpu.max = most ?? "";
      gpu.closest(".mb-3").hidden = !resources.length;
      options(kind, resources.map((resource) => [resource, resource]));
      kind.closest(".mb-3").hidden = resources.length < 2;
    }
    for (const option of image.querySelectorAll("[data-unlisted]")) option.remove();
    image.prepend(...images.map(([value, words]) => new Option(words, value)));
    for (const option of [...image.options].slice(0, images.length)) option.dataset.unlisted = "";
    for (const [name, control] of Object.entries(this.controls)) {
      control.value = kept.includes(name) ? before[name] : fields[name];
      // What is not there any more can't be kept.
      if (control.tagName === "SELECT" && control.selectedIndex < 0) control.value = fields[name];
    }
    this.describeImage();
    this.changed();
    return kept.filter((name) => this.value(name) === before[name]);
  }

  /** Take what the fields may be from now on. What stands in them stays. */
  renew({ choices, empty, gpu_most: most, resources, images, presets }) {
    const { gpu, gpu_resource: kind, image, preset } = this.controls;
    this.empty(empty);
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
      gpu.closest(".mb-3").hidden = !resources.length && gpu.value === "0";
      swap(kind, resources.map((resource) => [resource, resource]));
      kind.closest(".mb-3").hidden = kind.options.length < 2;
    }
    swap(image, images.map(({ value, words }) => [value, words]));
    images.forEach(({ help, os, arch, listed }, at) => {
      const { dataset } = image.options[at];
      Object.assign(dataset, { help, os: os.join(" "), arch: arch.join(" ") });
      if (!listed) dataset.unlisted = "";
    });
    this.describeImage();
    this.changed();
  }

  /** What each amount is where nothing stands in its field: something has to where there are no words for it. */
  empty(words) {
    for (const [name, text] of Object.entries(words)) {
      this.controls[name].placeholder = text;
      this.controls[name].required = !text;
    }
  }

  typed(name) {
    this.touched.add(name);
    if (name === "preset") this.lock();
    if (name === "image") this.describeImage();
    this.changed();
  }

  describeImage() {
    this.help.textContent = this.controls.image.selectedOptions[0]?.dataset.help ?? "";
  }
}

function mayBeEmpty(name, control) {
  return name === "node" || name === "preset" || (control.tagName === "INPUT" && !control.required);
}

/** Other options; the selected one stays, even where it is not among them. */
function swap(select, pairs) {
  const chosen = select.selectedOptions[0];
  options(select, pairs);
  if (chosen && !pairs.some(([value]) => value === chosen.value)) {
    chosen.dataset.name ??= chosen.text;
    chosen.text = t("{name} (not offered any more)", { name: chosen.dataset.name });
    select.add(chosen);
  }
  if (chosen) select.value = chosen.value;
}

function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, words]) => new Option(words, value)));
}
