// Which nodes are listed, and in which order: first what would take the choice, then what has the most free.

import { misfit } from "./platforms.js";

const [FITS, MAKES_ROOM, MAY_COME, UNKNOWN, LATER, SHORT, CLOSED] = [0, 1, 2, 3, 4, 5, 6];

/** How good an answer a node is to the choice, 0 the best. */
export function rankOf(node, verdict, image) {
  if (node.closed || node.barred || misfit(image, node)) return CLOSED;
  if (!verdict) return UNKNOWN;
  if (verdict.fits) return node.machine ? MAY_COME : FITS;
  if (verdict.room) return verdict.room === "at_once" ? MAKES_ROOM : LATER;
  return SHORT;
}

/** The nodes that pass: of this `zone` where one is named, with what `has(node)` asks for, and with `fits` none that the choice does not fit on as far as that is known. */
export function passing(nodes, { zone = "", has = null, fits = false, verdicts = {}, image = null }) {
  return nodes.filter(
    (node) =>
      !node.hidden &&
      (!zone || node.zone === zone) &&
      (!has || has(node)) &&
      (!fits || rankOf(node, verdicts[node.name], image) <= UNKNOWN),
  );
}

const FREE = {
  cpu: (node) => free(node, node.cpu.available),
  memory: (node) => free(node, node.memory.available),
  gpu: (node) => free(node, node.gpus.reduce((sum, units) => sum + (units.available ?? 0), 0)),
};

/** What is unknown or of no use comes after all else. */
function free(node, amount) {
  return node.closed || node.barred || amount === null ? -1 : amount;
}

/** The same nodes, by what is asked for: "best", "name", or the most free "cpu", "memory" or "gpu". `gpus`: whether any are chosen. */
export function sorted(nodes, { sort = "best", gpus = false, verdicts = {}, image = null }) {
  if (sort === "name") return nodes;
  const places = sort === "best" ? ["cpu", "memory"] : [sort];
  if (sort === "best" && gpus) places.unshift("gpu");
  const keys = nodes.map((node, at) => ({
    node,
    key: [...(sort === "best" ? [rankOf(node, verdicts[node.name], image), Number(node.pickable === false)] : []), ...places.map((place) => -FREE[place](node)), at],
  }));
  return keys.sort((one, other) => difference(one.key, other.key)).map(({ node }) => node);
}

/** Thousands of nodes are sorted for each letter of a search. */
function difference(one, other) {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return one[at] - other[at];
  return 0;
}

/** The zones that there are, each once and sorted. */
export function zonesOf(nodes) {
  return [...new Set(nodes.filter((node) => !node.hidden).map((node) => node.zone))].filter(Boolean).sort();
}
