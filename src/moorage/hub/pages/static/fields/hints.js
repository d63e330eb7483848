// What is free where the choice points, behind the help of each amount's field.

import { cpuWords, memoryWords } from "../../../../web/amounts.js";
import { say } from "../../../../web/elements.js";
import { again, mark, t } from "../../../../web/texts.js";
import { rangeOf, rangeWords } from "./bounds.js";
import { finder } from "./kinds.js";
import { Slider } from "./slider.js";

const WORDS = { cpu: cpuWords, memory: memoryWords, gpu: String };

export class Hints {
  constructor({ at, nodes, fields, bounds }) {
    Object.assign(this, { nodes, fields, bounds, sliders: {} });
    for (const name of ["cpu", "memory"]) {
      if (at(name).tagName === "INPUT") this.sliders[name] = new Slider({ name, input: at(name), use: (values) => fields.use(values) });
    }
    const places = Object.keys(WORDS).map((name) => [name, at(`${name}-help`)]);
    this.understood = {};
    this.found = { by: [], most: {} };
    this.places = places.filter(([, place]) => place).map(([name, place]) => ({ name, place, usual: place.textContent.trim() }));
  }

  /** What stands below the fields where nothing is known of what is free, and what may be chosen. */
  say(words, bounds) {
    this.bounds = bounds;
    for (const place of this.places) place.usual = words[place.name] ?? place.usual;
    this.show();
  }

  /** As what the hub has read the amounts that stand in the fields; none while it has not answered. */
  take(understood) {
    this.understood = understood;
    this.show();
  }

  show() {
    const node = this.nodes.get(this.fields.value("node"));
    const { kind } = this.fields;
    const most = this.mostFree(node, kind);
    for (const { name, place, usual: otherwise } of this.places) {
      const range = rangeOf(name, this.bounds, { node, kind });
      const usual = rangeWords(name, range) ?? otherwise;
      // What is free beyond what may be chosen is of no use to this person.
      const free = most[name] === null ? null : Math.min(most[name], range.most ?? Infinity);
      const words = free === null ? usual : `${usual}; ${freeWords(WORDS[name](free), node)}`;
      this.sliders[name]?.show(range, this.bounds[name].step);
      const taken = takenWords(this.fields.value(name), this.understood[name]);
      say(place, taken ? `${taken} ${words}` : words);
    }
  }

  /** Found anew where the nodes or the choice among them are others. */
  mostFree(node, kind) {
    const all = this.nodes.sorted();
    const by = [all, node, kind?.value, kind?.dataset.names];
    if (by.some((each, at) => each !== this.found.by[at])) {
      const among = node ? [node] : all.filter((each) => !each.machine);
      this.found = { by, most: mostFree(among, { chosen: Boolean(node), kind }) };
    }
    return this.found.most;
  }
}

/** "Taken as 2.5 GiB." where somebody has written it otherwise. */
export function takenWords(typed, understood) {
  // A field has the point that is read everywhere; who writes their own decimal mark needs not be told that it was read as one.
  if (!understood || understood === typed.trim().replace(mark(), ".")) return "";
  const amount = understood.replace(".", mark());
  return typed.trim() ? t("Taken as {amount}.", { amount }) : `${amount}.`;
}

function freeWords(amount, node) {
  if (node?.machine) return t("{amount} on {node}", { amount, node: again(node.title) });
  return node ? t("{amount} free on {node}", { amount, node: node.name }) : t("up to {amount} free on one node", { amount });
}

/** The most that one of these nodes has free; null where it is unknown of any. Closed nodes count where one was chosen only. */
export function mostFree(nodes, { chosen, kind }) {
  const open = chosen ? nodes : nodes.filter((node) => !node.closed && !node.barred);
  const most = (amounts) => (amounts.length && !amounts.includes(null) ? Math.max(...amounts) : null);
  return {
    cpu: most(open.map((node) => node.cpu.available)),
    memory: most(open.map((node) => node.memory.available)),
    gpu: most(open.map(finder(kind)).map((units) => (units ? units.available : 0))),
  };
}
