// The nodes that a page knows, by name and in order.

export class Nodes {
  #byName = new Map();
  #names = null;
  #sorted = null;
  #texts = new WeakMap();

  get size() {
    return this.#byName.size;
  }

  has(name) {
    return this.#byName.has(name);
  }

  get(name) {
    return this.#byName.get(name);
  }

  replace(nodes) {
    this.#byName = new Map(nodes.map((node) => [node.name, node]));
    this.#names = null;
    this.#sorted = null;
  }

  /** Take a message of changes; true when a node came or went. */
  change(changed, removed) {
    let moved = false;
    for (const node of changed) {
      moved ||= !this.#byName.has(node.name);
      this.#byName.set(node.name, node);
    }
    for (const name of removed) moved = this.#byName.delete(name) || moved;
    if (moved) this.#names = null;
    this.#sorted = null;
    return moved;
  }

  /** All of them, by name, in the order in which the service and the hub list them: the very same array until one of them changes. */
  sorted() {
    this.#names ??= [...this.#byName.keys()].sort();
    this.#sorted ??= this.#names.map((name) => this.#byName.get(name));
    return this.#sorted;
  }

  /** Those `among` them that have each of the words of `wanted` in one of their `texts(node)`: "A100 80GB" finds a card with both. */
  found(wanted, texts, among = this.sorted()) {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return among;
    return among.filter((node) => {
      const text = this.#text(node, texts);
      return words.every((word) => text.includes(word));
    });
  }

  /** Put together what a search will ask for, for so many milliseconds: the first letter shall not wait for it. Whether all is done. */
  prepare(texts, budget) {
    const end = performance.now() + budget;
    for (const node of this.sorted()) {
      if (this.#texts.has(node)) continue;
      if (performance.now() > end) return false;
      this.#text(node, texts);
    }
    return true;
  }

  /** All that a node can be found by, put together once for each state of it. */
  #text(node, texts) {
    let text = this.#texts.get(node);
    if (text === undefined) {
      text = texts(node).filter(Boolean).join("\n").toLowerCase();
      // As people write what a card has, be it "80 GB" here or 81920 MiB.
      for (const [, size, unit] of [...text.matchAll(/(\d+) ?(mib|gib|gb)\b/g)]) text += `\n${Math.round(unit === "mib" ? size / 1024 : size)}gb`;
      this.#texts.set(node, text);
    }
    return text;
  }
}
