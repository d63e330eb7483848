// A choice of the language of the pages, which the browser remembers. Whatever stands in the page is its own to keep.

import { element } from "./elements.js";
import { COOKIE, spoken } from "./texts.js";

const A_YEAR = 365 * 24 * 60 * 60;

/** A button for each other language. */
export function offerLanguages(place, { cls = "" } = {}) {
  const { language, languages } = spoken();
  const others = Object.entries(languages).filter(([other]) => other !== language);
  place.hidden = !others.length;
  place.replaceChildren(...others.map(([other, text]) => button(other, text, cls)));
}

function button(language, text, cls) {
  const made = element("button", { type: "button", lang: language, cls, text });
  made.addEventListener("click", () => {
    document.cookie = `${COOKIE}=${language}; path=/; max-age=${A_YEAR}; samesite=lax`;
    location.assign(location.pathname + onward(location.search));
  });
  return made;
}

/** Where to go on afterwards is all that a new page has to know. */
export function onward(search) {
  const next = new URLSearchParams(search).get("next");
  return next === null ? "" : `?${new URLSearchParams({ next })}`;
}
