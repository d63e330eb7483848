// The keyboard in the list of nodes: it is one stop on the way through the page, and arrow keys lead through its rows.
// The focus stays on the list itself, so that no change of its rows can take it away. Source: ARIA Authoring Practices, Listbox

const STEPS = { ArrowDown: () => 1, ArrowUp: () => -1, PageDown: (page) => page, PageUp: (page) => -page, Home: () => -Infinity, End: () => Infinity };

/** Where a key leads from a place among so many rows, -1 being none of them; null where it is none of ours. */
export function placeAfter(key, at, { rows, page }) {
  if (!Object.hasOwn(STEPS, key) || !rows) return null;
  if (at < 0 && Number.isFinite(STEPS[key](page))) return key === "ArrowUp" || key === "PageUp" ? rows - 1 : 0;
  return Math.min(rows - 1, Math.max(0, at + STEPS[key](page)));
}
