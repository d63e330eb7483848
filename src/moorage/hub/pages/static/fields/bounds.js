// How much may be chosen where the choice points: what the person may have, and no more than the chosen node or its kind of GPU has.

import { cpuWords, memoryWords } from "../../../../web/amounts.js";
import { t } from "../../../../web/texts.js";
import { finder } from "./kinds.js";

const WORDS = { cpu: cpuWords, memory: memoryWords, gpu: String };
const STEPS = {
  cpu: [500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000],
  memory: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((size) => size * 2 ** 30),
};
const MOST_STOPS = 64;

/** `least` and `most` (null where it is unknown) of an amount, for the hub's `bounds`, a node or null, and the option of a kind of GPU. */
export function rangeOf(name, bounds, { node, kind }) {
  const { least = 0, most = null, all = null } = name === "gpu" ? { ...bounds.gpu[kind?.value] } : bounds[name];
  const size = node && bounds.sizes ? sizeOf(name, node, kind) : all;
  const limits = [most, size].filter((limit) => limit !== null);
  return { least, most: limits.length ? Math.min(...limits) : null };
}

function sizeOf(name, node, kind) {
  if (name === "gpu") return finder(kind)(node)?.capacity ?? 0;
  return node[name].capacity ?? node[name].allocatable;
}

/** "0.1 to 16", or null where nothing is known. */
export function rangeWords(name, { least, most }) {
  if (most === null) return null;
  if (name === "gpu" && !most) return t("None available");
  const words = WORDS[name];
  return most < least ? t("At most {most}", { most: words(most) }) : t("{least} to {most}", { least: words(least), most: words(most) });
}

/** The amounts that a slider stops at: the administrator's steps, or else usual sizes and the most that there is. */
export function stopsOf(name, { least, most }, step) {
  if (most === null || most < least) return [];
  const first = step ? Math.ceil(least / step) * step : 0;
  const count = step ? Math.floor((most - first) / step) + 1 : 0;
  if (step && count <= MOST_STOPS) return Array.from({ length: Math.max(count, 0) }, (_, at) => first + at * step);
  const usual = STEPS[name].filter((stop) => stop >= least && stop <= most && !(step && stop % step));
  const last = step ? most - (most % step) : most;
  return usual.includes(last) ? usual : [...usual, last];
}

/** What stands in a field as a number, as far as a slider has to know it: NaN where it can't be read. */
export function amountOf(name, text) {
  const [, number, unit = ""] = /^\s*([\d.,]+)\s*([a-zA-Z]*)\s*$/.exec(text) ?? [];
  const value = Number(number?.replace(",", "."));
  if (name === "cpu") return value * (unit === "m" ? 1 : 1000);
  return value * 2 ** ({ K: 10, M: 20, G: 30, T: 40 }[unit.charAt(0).toUpperCase()] ?? 30);
}
