// Moments of a page as the browser writes them; without JavaScript they stand there as they came.

import { dayAndTime } from "../../../web/texts.js";

for (const place of globalThis.document?.querySelectorAll("time[datetime]") ?? []) {
  place.textContent = dayAndTime(place.dateTime);
  place.title = place.dateTime;
}
