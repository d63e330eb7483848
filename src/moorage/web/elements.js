// Elements made and kept in place. Whatever comes from elsewhere reaches the page as text, never as HTML.

/** A new element: `text` is its text, `cls` its class, all else its attributes. */
export function element(tag, { text, cls, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (cls) made.className = cls;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Give it this text, and leave it alone where it has it: a screen reader announces what is written anew. */
export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** The same for an attribute: to write one is to have the page's styles looked at again. */
export function put(place, name, value) {
  if (place.getAttribute(name) !== value) place.setAttribute(name, value);
}

/** Make these its children, in this order, moving only what moved: focus, selection and scrolling stay. */
export function arrange(parent, wanted) {
  const kept = new Set(wanted);
  // First, since otherwise all that stands behind a child that is gone would have to move.
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, at) => {
    const there = parent.children[at];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
}
