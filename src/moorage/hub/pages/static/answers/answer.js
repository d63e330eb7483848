// The hub's answer in the words of the page.

import { listed, loadWords, sentence } from "../../../../web/amounts.js";
import { again, t } from "../../../../web/texts.js";

const MOST_NAMED = 4;
const MOST_HOLDERS = 2;

/**
 * What to tell of an answer (null: there is none to be had) where `chosen` is the node that was asked for, or empty:
 * `kind` (ok, no, unknown), `text`, the verdicts `judged` by node, sentences on who `held` what is lacking, the `ways`
 * that would work, Kubernetes' own words as `upstream`, the `field` to change where it is one, what kind of `no` it is
 * (change, wait, never, null), and whether one may `start` and wait.
 */
export function told(answer, chosen) {
  const nothing = { kind: "unknown", text: "", judged: {}, held: [], ways: [], upstream: "", field: null, no: null, start: false };
  if (answer === null) return { ...nothing, text: t("Can't tell right now whether this fits.") };
  if (answer.refusal) return { ...nothing, kind: "no", text: answer.refusal, ways: answer.would_work ?? [], field: answer.field ?? null, no: answer.no ?? null };
  if (answer.unknown) return { ...nothing, text: answer.unknown };
  const kinds = answer.kinds.map((kind) => (kind.here === false && answer.image_bytes ? { ...kind, bytes: answer.image_bytes } : kind));
  const all = {};
  for (const name in answer.nodes) all[name] = kinds[answer.nodes[name]];
  const reasons = answer.fits ? [] : [...answer.refused, ...((chosen && all[chosen]?.reasons) || answer.reasons)];
  const words = wordsOf(answer, { judged: all, chosen: isMachine(chosen) ? "" : chosen, reasons });
  return {
    kind: kindOf(answer),
    text: (answer.broken ? [answer.broken, ...words] : words).join(" "),
    // A row that fits would be no truth where the cluster takes no such pod at all.
    judged: answer.refused.length ? {} : all,
    held: heldWords(answer.held, chosen),
    ways: answer.after_eviction?.at_once ? [] : answer.would_work,
    upstream: reasons.map((reason) => reason.message).filter(Boolean).join("; "),
    field: answer.broken ? "image" : (answer.field ?? null),
    no: answer.no ?? null,
    start: !answer.fits && answer.can_wait,
  };
}

/** Whether this is a machine that is not there yet; see moorage/hub/view/machines.py. */
function isMachine(name) {
  return name.startsWith("~");
}

function kindOf({ fits, after_eviction: room, machine, broken }) {
  if (fits || room?.at_once) return broken ? "unknown" : "ok";
  return room || machine ? "unknown" : "no";
}

function wordsOf(answer, { judged, chosen, reasons }) {
  if (answer.fits) return [fitWords(judged, chosen), ...imageWords(judged[chosen]), ...answer.warnings];
  const { after_eviction: room, warnings } = answer;
  if (room) return [room.at_once ? t("Fits after an eviction.") : headWords(answer, chosen), room.text, ...warnings];
  if (answer.machine) return [answer.machine.text, t("You can start anyway and wait for it."), ...warnings];
  return [headWords(answer, chosen), ...reasons.map((reason) => sentence(reason.text)), ...endWords(answer)];
}

/** What the image means for a start on the chosen node. */
function imageWords({ here, bytes, driver } = {}) {
  const found = driver ? [again(driver)] : [];
  if (here === false) found.push(bytes ? t("First, {size} of image are loaded.", { size: loadWords(bytes) }) : t("First, the image is loaded."));
  return found;
}

function fitWords(judged, chosen) {
  const nodes = Object.keys(judged).filter((name) => !isMachine(name));
  const total = nodes.length;
  const fitting = nodes.filter((name) => judged[name].fits).sort();
  if (chosen) return t("Fits on {nodes} right now.", { nodes: chosen });
  if (!fitting.length) return t("Fits right now.");
  if (fitting.length <= MOST_NAMED) return t("Fits on {nodes} right now.", { nodes: listed(fitting) });
  if (fitting.length === total) return t("Fits on every node right now.");
  return t("Fits on {fitting} of {total} nodes right now.", { fitting: fitting.length, total });
}

function headWords(answer, chosen) {
  if (answer.refused.length) return t("The cluster would refuse this server.");
  return chosen ? t("Doesn't fit on {node} right now.", { node: chosen }) : t("Doesn't fit on any node right now.");
}

/** Only room comes by itself: a taint, a selector or a volume elsewhere stays in the way however long one waits. */
function endWords(answer) {
  return answer.can_wait ? [t("You can start anyway and wait for room.")] : [];
}

/** Who holds what is lacking on the chosen node, or where somebody's own servers do. */
function heldWords(held, chosen) {
  const lines = Object.entries(held).map(([name, ones]) => [name, chosen ? ones : ones.filter((one) => one.own)]);
  return lines
    .filter(([name, ones]) => ones.length && (!chosen || name === chosen))
    .slice(0, MOST_HOLDERS)
    .map(([name, ones]) => t("Held on {node} by {holders}.", { node: name, holders: ones.map((one) => one.text).join(", ") }));
}
