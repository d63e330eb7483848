// Server-sent events out of the text of a stream, as it arrives. Source: WHATWG HTML, section 9.2.

/** Takes a stream piece by piece, wherever it is cut; `id` is the last one that it gave, from which it can be resumed. */
export class Messages {
  constructor(id = "") {
    this.id = id;
    this.pieces = [];
    this.clear();
  }

  clear() {
    this.event = "message";
    this.data = [];
  }

  /** The messages that this piece completes, each `{event, data}`. */
  take(piece) {
    const found = [];
    const lines = piece.split("\n");
    // A line of many pieces, as of a whole cluster, is put together once, when its end is there.
    const rest = lines.pop();
    for (const line of lines) {
      this.pieces.push(line);
      const message = this.line(this.pieces.join("").replace(/\r$/, ""));
      this.pieces = [];
      if (message) found.push(message);
    }
    this.pieces.push(rest);
    return found;
  }

  line(text) {
    if (!text) return this.end();
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id") this.id = value;
    return null;
  }

  end() {
    const message = this.data.length ? { event: this.event, data: this.data.join("\n") } : null;
    this.clear();
    return message;
  }
}
