// Choices that a browser remembers for one person: what stands in an unfinished form, in this tab, and what was started last.

const NAMES = ["preset", "node", "cpu", "memory", "gpu", "gpu_resource", "gpu_kind", "image", "queue"];
const MOST_RECENT = 3;
const LONGEST = 512;
// So long what was sent may still be on its way over a log-in.
const SENT_FOR = 10 * 60 * 1000;

export class Memory {
  /** `session` and `local` are the browser's storages, or null where they may not be used. */
  constructor({ user, server, session, local, now = Date.now }) {
    Object.assign(this, { session, local, now });
    this.draftKey = `moorage:draft:${user}:${server}`;
    this.recentKey = `moorage:recent:${user}`;
  }

  /** What stands in the form, not yet sent. */
  keep(values) {
    write(this.session, this.draftKey, { values });
  }

  /** It was sent; whether it arrives, only the next page knows. */
  send(values) {
    write(this.session, this.draftKey, { values, sent: this.now() });
  }

  /** What was left unfinished, or was sent and never arrived; null where the hub knows better. `last` is what it saved last. */
  draft(last) {
    const { values: kept, sent = null } = read(this.session, this.draftKey) ?? {};
    const values = known(kept);
    const arrived = sent !== null && (isSame(values ?? {}, last ?? {}) || this.now() - sent > SENT_FOR);
    return arrived ? null : values;
  }

  /** Note the choice of a server that was started, and return the latest ones. */
  recent(last) {
    const before = read(this.local, this.recentKey);
    const kept = Array.isArray(before) ? before.map(known).filter(Boolean) : [];
    if (!last) return kept;
    const all = [last, ...kept.filter((values) => !isSame(values, last))].slice(0, MOST_RECENT + 1);
    write(this.local, this.recentKey, all);
    return all;
  }
}

/** The part of a link's hash that stands for these values. */
export function hashOf(values) {
  const said = NAMES.filter((name) => name in values && (!ofKind(name) || (values[name] && Number(values.gpu) > 0)));
  return `#${new URLSearchParams(said.map((name) => [name, values[name]]))}`;
}

/** The values that a link's hash stands for, or null where it is none of ours. */
export function valuesIn(hash) {
  return known(Object.fromEntries(new URLSearchParams(hash.replace(/^#/, ""))));
}

/** Whether two choices are the same in all that both say; the kind of GPU counts only where there is one. */
export function isSame(one, other) {
  const both = NAMES.filter((name) => name in one && name in other && (!ofKind(name) || Number(one.gpu) > 0));
  return both.length > 0 && both.every((name) => plain(name, one[name]) === plain(name, other[name]));
}

function ofKind(name) {
  return name === "gpu_resource" || name === "gpu_kind";
}

const SCALES = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** An amount as a number where its text is an easy one, so that "3Gi" and "3 GiB" are the same. */
function plain(name, text) {
  const [, digits, unit] = (name === "cpu" || name === "memory") ? (/^(\d+(?:[.,]\d+)?)\s*([a-z]*)$/i.exec(text.normalize("NFKC").trim()) ?? []) : [];
  if (digits === undefined) return text;
  const number = Number(digits.replace(",", "."));
  if (name === "cpu") return unit === "m" ? number / 1000 : number;
  return number * (SCALES[(unit[0] ?? "g").toLowerCase()] ?? 1);
}

function known(values) {
  const found = NAMES.filter((name) => typeof values?.[name] === "string").map((name) => [name, values[name].slice(0, LONGEST)]);
  return found.length ? Object.fromEntries(found) : null;
}

function read(storage, key) {
  try {
    return JSON.parse(storage?.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    storage?.setItem(key, JSON.stringify(value));
  } catch {
    // A browser that is full, or may keep nothing, remembers nothing.
  }
}
