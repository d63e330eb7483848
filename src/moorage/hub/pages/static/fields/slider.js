// A slider beside an amount's field, for the pointer: with the keyboard the amount is typed.

import { cpuField, memoryField } from "../../../../web/amounts.js";
import { element, put } from "../../../../web/elements.js";
import { amountOf, stopsOf } from "./bounds.js";

const TEXTS = { cpu: cpuField, memory: memoryField };

export class Slider {
  /** `use(values)` is called when somebody moves it. */
  constructor({ name, input, use }) {
    Object.assign(this, { name, input, stops: [] });
    // The field has the same amount and a name; a second one for each would be in the way of those who tab or listen.
    this.slider = element("input", { type: "range", cls: "form-range moorage-slider", min: "0", step: "1", tabindex: "-1", "aria-hidden": "true" });
    this.slider.addEventListener("input", () => use({ [name]: TEXTS[name](this.stops[Number(this.slider.value)]) }));
    input.after(this.slider);
  }

  show(range, step) {
    const { slider, input } = this;
    this.stops = stopsOf(this.name, range, step);
    slider.hidden = this.stops.length < 2;
    slider.disabled = input.matches(":disabled");
    put(slider, "max", String(Math.max(0, this.stops.length - 1)));
    const amount = amountOf(this.name, input.value);
    const place = input.value.trim() === "" ? slider.max : Number.isNaN(amount) ? slider.value : String(nearest(this.stops, amount));
    if (slider.value !== place) slider.value = place;
  }
}

/** The place of the stop that is closest to an amount. */
export function nearest(stops, amount) {
  return stops.reduce((best, stop, at) => (Math.abs(stop - amount) < Math.abs(stops[best] - amount) ? at : best), 0);
}
