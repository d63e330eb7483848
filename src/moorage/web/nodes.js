// The nodes that a page knows, by name and in order.

export class Nodes {
  #byName = new Map();
  #names = null;
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
    return moved;
  }

  /** All of them, by name, in the order in which the service and the hub list them. */
  sorted() {
    this.#names ??= [...this.#byName.keys()].sort();
    return this.#names.map((name) => this.#byName.get(name));
  }

  /** Those that have each of the words of `wanted` in one of their `texts(node)`: "A100 80GB" finds a card with both. */
  found(wanted, texts) {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return this.sorted();
    return this.sorted().filter((node) => {
      const text = this.#text(node, texts);
      return words.every((word) => text.includes(word));
    });
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
