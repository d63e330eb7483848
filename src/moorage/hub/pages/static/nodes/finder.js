// What stands above the list of nodes: how it is sorted, and which of the nodes it shows.

import { element } from "../../../../web/elements.js";
import { t } from "../../../../web/texts.js";
import { finder, parted } from "../fields/kinds.js";
import { zonesOf } from "./order.js";

const FROM = 5; // nodes; fewer are seen at a glance

export class Finder {
  /** `place` holds the controls; `changed()` is called when another list is asked for. */
  constructor({ place, at, changed }) {
    Object.assign(this, { place, search: at("search"), sort: at("sort"), zone: at("zone"), model: at("model"), fits: at("only-fits"), kinds: at("kind") });
    place.addEventListener("input", changed);
    // None of them belongs to the choice, which Enter would send.
    place.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }

  /** Offer what there is among these nodes. */
  know(nodes) {
    this.place.hidden = nodes.length < FROM;
    offer(this.zone, t("Every zone"), zonesOf(nodes).map((zone) => [zone, zone]));
    // A resource name without a model is what its nodes say themselves.
    const models = [...(this.kinds?.options ?? [])].filter(({ value }) => parted(value).gpu_kind);
    offer(this.model, t("Every model"), models.map(({ value, dataset, text }) => [value, dataset.words ?? text]));
  }

  get text() {
    return this.search.value;
  }

  get wanted() {
    const kind = [...(this.kinds?.options ?? [])].find(({ value }) => value === this.model.value);
    const has = this.model.value && kind ? finder(kind) : null;
    return { sort: this.sort.value, zone: this.zone.value, has, fits: this.fits.checked };
  }
}

/** A single one is no choice; what is chosen stays, also when it is gone. */
function offer(select, all, pairs) {
  const chosen = select.value;
  const wanted = chosen && !pairs.some(([value]) => value === chosen) ? [...pairs, [chosen, select.selectedOptions[0].text]] : pairs;
  select.parentElement.hidden = pairs.length < 2 && !chosen;
  const there = [...select.options].slice(1).map((option) => [option.value, option.text]);
  if (select.options.length && JSON.stringify(there) === JSON.stringify(wanted)) return;
  select.replaceChildren(element("option", { value: "", text: all }), ...wanted.map(([value, text]) => element("option", { value, text })));
  select.value = chosen;
}
