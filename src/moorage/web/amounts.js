// Amounts in the words of moorage/hub/amounts.py, so that what a script writes reads as what came with the page.

import { number, t } from "./texts.js";

const SIZES = [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]];

/** Cores for thousandths of a core: "1.5". */
export function cpuWords(milli) {
  return number(milli / 1000);
}

/** The same for a field, which is read everywhere. */
export function cpuField(milli) {
  return String(milli / 1000);
}

/** Rounded down, so that nobody is promised what is not there; at most one digit after the point: "1.5 GiB". */
export function memoryWords(bytes) {
  return memory(bytes, number);
}

/** The same for a field. */
export function memoryField(bytes) {
  return memory(bytes, String);
}

function memory(bytes, shown) {
  for (const [unit, size] of SIZES) {
    if (bytes >= size) return `${shown(Math.floor((bytes * 10) / size) / 10)} ${unit}`;
  }
  return `${bytes} B`;
}

/** How much is loaded over the network, as registries count: "3.2 GB". */
export function loadWords(bytes) {
  return bytes >= 1e9 ? `${number(Math.round(bytes / 1e8) / 10)} GB` : `${number(Math.max(1, Math.round(bytes / 1e6)))} MB`;
}

/** "54 of 62 GiB" for "54 GiB" and "62 GiB". */
export function shareWords(part, whole) {
  const [, unit] = whole.split(" ");
  const alike = part === "0 B" || (unit && part.endsWith(` ${unit}`));
  return t("{part} of {whole}", { part: alike ? part.split(" ")[0] : part, whole });
}

const CARD = "/gpu";
const MAKERS = { "nvidia.com": "NVIDIA", "amd.com": "AMD", "intel.com": "Intel" };

/** "GPU" for whole cards, "MIG 1g.5gb" for a slice; "NVIDIA GPU" where cards of another name are `among` those that are there or offered. */
export function shortResource(resource, { among = [] } = {}) {
  if (!resource.endsWith(CARD)) return resource.slice(resource.lastIndexOf("/") + 1).replace(/^mig-(?=\d)/, "MIG ");
  const domain = resource.slice(0, -CARD.length);
  const others = among.some((other) => other !== resource && other.endsWith(CARD));
  return others ? `${MAKERS[domain] ?? domain} GPU` : "GPU";
}

/** "a", "a and b", "a, b and c". */
export function listed(words) {
  return words.length < 2 ? words.join("") : t("{first} and {last}", { first: words.slice(0, -1).join(", "), last: words.at(-1) });
}

/** A phrase as a sentence begins: "No GPU free". Names such as "nvidia.com/gpu" stay as they are. */
export function capital(words) {
  return /^[a-z]+ /.test(words) ? words[0].toUpperCase() + words.slice(1) : words;
}

/** A phrase as a sentence of its own. */
export function sentence(words) {
  return /[.!?]$/.test(words) ? capital(words) : `${capital(words)}.`;
}

/** How long ago a moment (ISO 8601) was: "for 5 s". */
export function ago(moment) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(moment)) / 1000));
  if (Number.isNaN(seconds)) return t("for a while");
  if (seconds < 90) return t("for {seconds} s", { seconds });
  if (seconds < 5400) return t("for {minutes} min", { minutes: Math.round(seconds / 60) });
  return t("for {hours} h", { hours: Math.round(seconds / 3600) });
}
