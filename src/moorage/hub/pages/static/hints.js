// What is free where the choice points, behind the help of each amount's field.

import { cpuWords, memoryWords } from "../../../web/amounts.js";
import { say } from "../../../web/elements.js";

const WORDS = { cpu: cpuWords, memory: memoryWords, gpu: String };

export class Hints {
  constructor({ at, nodes, fields }) {
    Object.assign(this, { nodes, fields });
    const places = Object.keys(WORDS).map((name) => [name, at(`${name}-help`)]);
    this.understood = {};
    this.places = places.filter(([, place]) => place).map(([name, place]) => ({ name, place, usual: place.textContent.trim() }));
  }

  /** What stands below the fields where nothing is known of what is free. */
  say(words) {
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
    const there = this.nodes.sorted().filter((each) => !each.machine);
    const most = mostFree(node ? [node] : there, { chosen: Boolean(node), resource: this.fields.value("gpu_resource") });
    for (const { name, place, usual } of this.places) {
      const words = most[name] === null ? usual : `${usual}; ${freeWords(WORDS[name](most[name]), node)}`;
      say(place, takenWords(this.fields.value(name), this.understood[name]) + words);
    }
  }
}

/** "Taken as 2.5 GiB. " where somebody has written it otherwise. */
export function takenWords(typed, understood) {
  return understood && understood !== typed.trim() ? `Taken as ${understood}. ` : "";
}

function freeWords(amount, node) {
  if (node?.machine) return `${amount} on ${node.title}`;
  return node ? `${amount} free on ${node.name}` : `up to ${amount} free on one node`;
}

/** The most that one of these nodes has free; null where it is unknown of any. Closed nodes count where one was chosen only. */
export function mostFree(nodes, { chosen, resource }) {
  const open = chosen ? nodes : nodes.filter((node) => !node.closed && !node.barred);
  const most = (amounts) => (amounts.length && !amounts.includes(null) ? Math.max(...amounts) : null);
  return {
    cpu: most(open.map((node) => node.cpu.available)),
    memory: most(open.map((node) => node.memory.available)),
    gpu: most(open.map((node) => unitsFree(node, resource))),
  };
}

function unitsFree(node, resource) {
  const units = node.gpus.find((each) => each.resource === resource);
  return units ? units.available : 0;
}
