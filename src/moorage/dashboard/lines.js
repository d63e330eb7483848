// A short list that is asked for now and then: one line for each entry.

import { arrange, element } from "../web/elements.js";
import { tn } from "../web/texts.js";

/** Ask the service every so many milliseconds; where it has no answer, what was known stays. */
export function keep(url, { headers, every, draw }) {
  const look = async () => {
    const response = await fetch(url, { headers: headers() }).catch(() => null);
    if (response?.ok) draw(await response.json());
  };
  look();
  return setInterval(look, every);
}

/** Show the lines in a list: at most `most`, and how many more. Where there are none it is hidden, or what is there for it alone. */
export function drawLines(place, lines, { most }) {
  const shown = lines.slice(0, most);
  if (lines.length > most) shown.push(tn("and {count} more", "and {count} more", lines.length - most));
  (place.closest("[data-optional]") ?? place).hidden = !shown.length;
  if (place.dataset.shown === shown.join("\n")) return;
  place.dataset.shown = shown.join("\n");
  arrange(place, shown.map((text) => element("li", { text })));
}
