// Numbers as people read them. Everything that reaches the page goes through textContent.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(value) {
  if (value === null || value === undefined) return "unknown";
  let unit = 0;
  let amount = Math.abs(value);
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  // Down, so that nobody is promised what is not there.
  const shown = amount >= 100 || unit === 0 ? Math.floor(amount) : Math.floor(amount * 10) / 10;
  return `${value < 0 ? "−" : ""}${shown} ${UNITS[unit]}`;
}

export function cores(milli) {
  return String(Math.floor(milli / 10) / 100);
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

export function ago(iso) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
  if (Number.isNaN(seconds)) return "for a while";
  if (seconds < 90) return `for ${seconds} s`;
  if (seconds < 5400) return `for ${Math.round(seconds / 60)} min`;
  return `for ${Math.round(seconds / 3600)} h`;
}

export function element(tag, { text, cls, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (cls) made.className = cls;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
