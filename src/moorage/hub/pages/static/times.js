// Moments of a page as the browser writes them; without JavaScript they stand there as they came.

import { dayAndTime } from "../../../web/texts.js";

/** Write those of this part of the page. */
export function writeTimes(part) {
  for (const place of part.querySelectorAll("time[datetime]")) {
    place.textContent = dayAndTime(place.dateTime);
    place.title = place.dateTime;
  }
}

if (globalThis.document) writeTimes(document);
