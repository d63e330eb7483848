// The nodes that a page knows, by name and in order.

export class Nodes {
  #byName = new Map();
  #names = null;

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

  /** Those of which any of the `texts(node)` has `wanted` in it. */
  found(wanted, texts) {
    const part = wanted.trim().toLowerCase();
    if (!part) return this.sorted();
    return this.sorted().filter((node) => texts(node).some((text) => text && text.toLowerCase().includes(part)));
  }
}
