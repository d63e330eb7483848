// What people read, in their language: `t("Fits on {node} right now.", { node })`. The English text is its own key; the
// page brings the texts of another language along (moorage/texts/).

export const COOKIE = "moorage-language";
const CATEGORIES = ["zero", "one", "two", "few", "many", "other"];
const LEAST_LETTERS = 5;
// A text about somebody may be what another says.
const MOST_NAMES = 4;

let catalogue, plural, format, patterns, seen;

/** Speak this language: its `texts` by the English ones, those with a plural as a list of their forms. */
export function speak({ language = "en", languages = {}, texts = {}, manies = {} } = {}) {
  const rules = new Intl.PluralRules(language);
  const used = CATEGORIES.filter((category) => rules.resolvedOptions().pluralCategories.includes(category));
  catalogue = { language, languages, texts, manies };
  plural = (count) => used.indexOf(rules.select(count));
  // Digits are as everywhere in Kubernetes.
  format = new Intl.NumberFormat(`${language}-u-nu-latn`, { maximumFractionDigits: 3, useGrouping: false });
  patterns = null;
  seen = new Map();
}

speak(read());

function read() {
  const place = globalThis.document?.getElementById("moorage-texts");
  return place ? JSON.parse(place.textContent) : {};
}

/** This text with its values, in the language of who reads. */
export function t(text, values = {}) {
  return put(catalogue.texts[text] ?? text, values);
}

/** The text for so many, which is the value `count`. */
export function tn(one, many, count, values = {}) {
  const forms = catalogue.texts[one];
  const text = forms ? forms[Math.min(plural(count), forms.length - 1)] : count === 1 ? one : many;
  return put(text, { count, ...values });
}

/** A number with the decimal mark of who reads: "1.5". */
export function number(value) {
  return format.format(value);
}

/** The decimal mark of who reads. */
export function mark() {
  return number(0.5).replace(/\d/g, "");
}

/** A moment's time of day, as the browser writes it. */
export function time(moment) {
  const wanted = catalogue.language === "en" ? undefined : catalogue.language;
  return new Date(moment).toLocaleTimeString(wanted);
}

/** Day and time, as the browser writes them. */
export function dayAndTime(text) {
  const wanted = catalogue.language === "en" ? undefined : catalogue.language;
  return new Date(text).toLocaleString(wanted, { dateStyle: "medium", timeStyle: "short" });
}

/** The language of who reads, and the names of all by their own. */
export function spoken() {
  return { language: catalogue.language, languages: catalogue.languages };
}

/** Recognises a text with its values in; by a regular expression, one that somebody made for that would take seconds. */
class Pattern {
  constructor(text) {
    const parts = text.split(/\{(\w+)\}/);
    this.said = parts.filter((_, place) => place % 2 === 0);
    this.names = parts.filter((_, place) => place % 2 === 1);
  }

  /** Each field's value, where earlier ones take all they can; null for a text that is another. */
  values(text) {
    const { said, names } = this;
    const start = said[0].length;
    let end = text.length - said.at(-1).length;
    if (start >= end || !text.startsWith(said[0]) || !text.endsWith(said.at(-1))) return null;
    const found = new Map();
    for (let field = names.length - 1; field > 0; field--) {
      const place = text.lastIndexOf(said[field], end - 1 - said[field].length);
      if (place <= start || !fits(found, names[field], text.slice(place + said[field].length, end))) return null;
      end = place;
    }
    return fits(found, names[0], text.slice(start, end)) ? Object.fromEntries(found) : null;
  }
}

/** A name that comes twice has one value, and a count is a number. */
function fits(found, name, value) {
  if (name === "count" && !/^\d+$/.test(value)) return false;
  if (!found.has(name)) found.set(name, value);
  return found.get(name) === value;
}

/** A text that was made in English, before anybody knew who reads it, in the language of who does. What is none of ours stays as it is, what is joined by "; " is several, and "name: text" is a text about somebody. */
export function again(text) {
  if (!text || !Object.keys(catalogue.texts).length) return text;
  if (!seen.has(text)) seen.set(text, recognised(text));
  return seen.get(text);
}

function recognised(text) {
  const known = catalogue.texts[text];
  if (typeof known === "string") return known;
  if (text.includes("; ")) {
    const several = byPattern(text, "; ") ?? text.split("; ").map(again).join("; ");
    if (several !== text) return several;
  }
  const [who, ...more] = text.split(": ");
  if (more.length && more.length <= MOST_NAMES && !who.includes(" ")) return byPattern(text, ": ") ?? `${who}: ${again(more.join(": "))}`;
  return byPattern(text) ?? text;
}

/** By the first text that fits it, of those that have these letters themselves; null where none does. */
function byPattern(text, has = "") {
  patterns ??= patternsOf(catalogue);
  for (const { pattern, text: key, one, many } of patterns) {
    const found = key.includes(has) && pattern.values(text);
    if (!found) continue;
    const values = Object.fromEntries(Object.entries(found).map(([name, value]) => [name, name === "count" ? value : again(value)]));
    return many ? tn(one, many, Number(values.count), values) : t(one, values);
  }
  return null;
}

/** The more they say, the earlier. */
function patternsOf({ texts, manies }) {
  const all = Object.entries(texts).flatMap(([one, words]) =>
    Array.isArray(words) ? [{ text: one, one, many: manies[one] }, { text: manies[one], one, many: manies[one] }] : [{ text: one, one, many: null }],
  );
  return all
    .map((each) => ({ ...each, letters: each.text.replace(/\{\w+\}|\s/g, "").length }))
    .filter(({ text, letters }) => text.includes("{") && letters >= LEAST_LETTERS)
    .sort((one, other) => other.letters - one.letters)
    .map((each) => ({ ...each, pattern: new Pattern(each.text) }));
}

function put(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? values[name] : whole));
}
