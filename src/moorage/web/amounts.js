// Amounts in the words of moorage/hub/amounts.py, so that what a script writes reads as what came with the page.

const SIZES = [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]];

/** Cores for thousandths of a core: "1.5". */
export function cpuWords(milli) {
  return String(milli / 1000);
}

/** Rounded down, so that nobody is promised what is not there; at most one digit after the point: "1.5 GiB". */
export function memoryWords(bytes) {
  for (const [unit, size] of SIZES) {
    if (bytes >= size) return `${Math.floor((bytes * 10) / size) / 10} ${unit}`;
  }
  return `${bytes} B`;
}

/** "54 of 62 GiB" for "54 GiB" and "62 GiB". */
export function shareWords(part, whole) {
  if (part === "0 B") return `0 of ${whole}`;
  const [, unit] = whole.split(" ");
  return unit && part.endsWith(` ${unit}`) ? `${part.split(" ")[0]} of ${whole}` : `${part} of ${whole}`;
}

const CARD = "/gpu";
const MAKERS = { "nvidia.com": "NVIDIA", "amd.com": "AMD", "intel.com": "Intel" };

/** "GPU" for whole cards, the slice's own name otherwise; "NVIDIA GPU" where cards of another name are `among` those that are there or offered. */
export function shortResource(resource, { among = [] } = {}) {
  if (!resource.endsWith(CARD)) return resource.slice(resource.lastIndexOf("/") + 1);
  const domain = resource.slice(0, -CARD.length);
  const others = among.some((other) => other !== resource && other.endsWith(CARD));
  return others ? `${MAKERS[domain] ?? domain} GPU` : "GPU";
}

/** "1 node", "2 nodes". */
export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** "a", "a and b", "a, b and c". */
export function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
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
  if (Number.isNaN(seconds)) return "for a while";
  if (seconds < 90) return `for ${seconds} s`;
  if (seconds < 5400) return `for ${Math.round(seconds / 60)} min`;
  return `for ${Math.round(seconds / 3600)} h`;
}
