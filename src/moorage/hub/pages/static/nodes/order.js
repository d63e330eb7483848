// Which nodes are listed, and in which order: first what would take the choice, then what has the most free.

import { misfit } from "../fields/platforms.js";

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
  const best = sort === "best";
  const keys = nodes.map((node) => ({
    node,
    rank: best ? 2 * rankOf(node, verdicts[node.name], image) + Number(node.pickable === false) : 0,
    first: best && !gpus ? 0 : FREE[best ? "gpu" : sort](node),
    cpu: best ? FREE.cpu(node) : 0,
    memory: best ? FREE.memory(node) : 0,
  }));
  // Thousands are sorted at once: numbers of an object are compared several times as fast as those of a list.
  return keys.sort((one, other) => one.rank - other.rank || other.first - one.first || other.cpu - one.cpu || other.memory - one.memory).map(({ node }) => node);
}

/** The zones that there are, each once and sorted. */
export function zonesOf(nodes) {
  return [...new Set(nodes.filter((node) => !node.hidden).map((node) => node.zone))].filter(Boolean).sort();
}
