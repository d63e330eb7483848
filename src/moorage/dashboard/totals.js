// What the whole cluster has free, above the table.

import { cpuWords, memoryWords } from "../web/amounts.js";
import { element, say } from "../web/elements.js";
import { t, tn } from "../web/texts.js";

export function drawTotals(place, nodes) {
  const totals = totalsOf(nodes);
  if (place.children.length !== totals.length) {
    place.replaceChildren(...totals.map(() => element("div", { cls: "total" }, element("b"), element("span"))));
  }
  totals.forEach(([amount, words], at) => {
    const [number, label] = place.children[at].children;
    say(number, amount);
    say(label, words);
  });
}

/** Pairs of an amount and what it is. */
export function totalsOf(nodes) {
  const sum = (of) => nodes.reduce((all, node) => all + of(node), 0);
  const open = nodes.filter((node) => node.schedulable).length;
  const most = nodes.reduce((best, node) => Math.max(best, node.available.gpu), 0);
  const gpus = sum((node) => node.allocatable.gpu);
  const unknown = nodes.filter((node) => node.available.gpu === null).length;
  const unknownWords = unknown ? tn("unknown on {count} node", "unknown on {count} nodes", unknown) : "";
  const gpuWords = gpus ? t("GPU units free, at most {most} on one node", { most }) : t("GPU units");
  return [
    [t("{part} of {whole}", { part: open, whole: nodes.length }), t("nodes open to new pods")],
    [t("{cores} cores", { cores: cpuWords(sum((node) => node.available.cpu_millicores)) }), t("free of {whole}", { whole: cpuWords(sum((node) => node.allocatable.cpu_millicores)) })],
    [memoryWords(sum((node) => node.available.memory_bytes)), t("memory free of {whole}", { whole: memoryWords(sum((node) => node.allocatable.memory_bytes)) })],
    [t("{part} of {whole}", { part: sum((node) => node.available.gpu), whole: gpus }), [gpuWords, unknownWords].filter(Boolean).join(", ")],
  ];
}
