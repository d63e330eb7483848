// Amounts as people write and read them. The hub has the last word; this only echoes and shows.

const BINARY = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 };
const DECIMAL = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

/** Bytes, or null for what can't be read. A bare number is GiB, as in the form. */
export function readMemory(text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([KMGTP]i|[kMGTP]?)B?\s*$/.exec(text);
  if (!found) return null;
  const unit = BINARY[found[2]] ?? (found[2] === "" && Number(found[1]) <= 4096 ? BINARY.Gi : DECIMAL[found[2]]);
  return Math.ceil(Number(found[1]) * unit);
}

/** Thousandths of a core, or null. */
export function readCpu(text) {
  const found = /^\s*(\d+(?:\.\d+)?)(m?)\s*$/.exec(text);
  return found ? Math.round(Number(found[1]) * (found[2] ? 1 : 1000)) : null;
}

export function cpuWords(milli) {
  return String(milli / 1000);
}

/** Rounded down, at most one digit after the point. */
export function memoryWords(bytes) {
  for (const [unit, size] of [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (bytes >= size) return `${Math.floor((bytes * 10) / size) / 10} ${unit}`;
  }
  return `${bytes} B`;
}

/** "GPU" for whole cards, the slice's own name otherwise. */
export function shortResource(resource) {
  const name = resource.slice(resource.lastIndexOf("/") + 1);
  return name === "gpu" ? "GPU" : name;
}
