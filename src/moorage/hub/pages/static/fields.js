// The form's controls: what stands in them, and putting values into them as somebody would by hand.

import { imageOf } from "./platforms.js";

const NAMES = { node: "node", cpu: "cpu", memory: "memory", gpu: "gpu", gpu_resource: "resource", image: "image" };

export class Fields {
  /** `at(name)` finds one of our elements; `changed()` is called when anything in the form has. */
  constructor({ at, nodes, changed }) {
    Object.assign(this, { nodes, changed, help: at("image-help") });
    const found = Object.entries(NAMES).map(([name, id]) => [name, at(id)]);
    // Where no GPU is offered there are fewer controls.
    this.controls = Object.fromEntries(found.filter(([, control]) => control));
    for (const [name, control] of Object.entries(this.controls)) control.addEventListener("input", () => this.typed(name));
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

  /** All of them, as they would be posted. */
  values() {
    return Object.fromEntries(Object.entries(this.controls).map(([name, control]) => [name, control.value]));
  }

  use(values) {
    for (const [name, value] of Object.entries(values)) if (this.controls[name]) this.controls[name].value = value;
    if ("node" in values) this.takeKind();
    this.changed();
  }

  typed(name) {
    if (name === "node") this.takeKind();
    if (name === "image") this.describeImage();
    this.changed();
  }

  /** A node that has none of the selected kind of GPU but another one: take that. */
  takeKind() {
    const select = this.controls.gpu_resource;
    const gpus = this.nodes.get(this.value("node"))?.gpus ?? [];
    const kinds = gpus.filter((units) => units.allocatable).map((units) => units.resource);
    if (select?.tagName === "SELECT" && kinds.length && !kinds.includes(select.value)) select.value = kinds[0];
  }

  describeImage() {
    this.help.textContent = this.controls.image.selectedOptions[0]?.dataset.help ?? "";
  }
}
