// Pools of cards that no node has for itself: many reach them over a network, so they are listed once.

import { arrange, element } from "../web/elements.js";
import { t, tn } from "../web/texts.js";

export function drawNetwork(place, nodes) {
  const words = networkWords(nodes);
  place.hidden = !words.length;
  if (place.dataset.shown === words.join("\n")) return;
  place.dataset.shown = words.join("\n");
  arrange(place, words.map((text) => element("li", { text })));
}

/** A sentence for each pool. */
export function networkWords(nodes) {
  const pools = new Map();
  for (const node of nodes) {
    for (const units of node.gpu_claims ?? []) {
      if (!units.network) continue;
      const key = `${units.pool} (${units.resource})`;
      pools.set(key, [...(pools.get(key) ?? []), units]);
    }
  }
  return [...pools].sort().map(([pool, told]) =>
    tn("Network pool {pool}: {models}, {free}, reached by {count} node", "Network pool {pool}: {models}, {free}, reached by {count} nodes", told.length, {
      pool,
      models: modelWords(told[0].models),
      free: freeWords(told),
    }),
  );
}

function modelWords(models = {}) {
  return Object.entries(models).map(([model, count]) => `${count} × ${model}`).join(", ");
}

function freeWords(told) {
  const free = told.map((units) => units.available).filter((amount) => amount !== null);
  return free.length ? t("{part} of {whole} free", { part: Math.max(...free), whole: told[0].allocatable }) : t("how many are free is unknown");
}
