// The service's answer to an ask, in words.

import { capital, listed } from "../web/amounts.js";

const MOST_NAMED = 6;
const MOST_REFUSED = 12;

/** `fits`, one sentence as `head`, and `lines`, each whom or what it is about, the words, and Kubernetes' own where there are any. */
export function told(body) {
  const names = Object.keys(body.nodes);
  const fitting = names.filter((name) => body.nodes[name].fits);
  const refused = names.filter((name) => !body.nodes[name].fits);
  const advice = body.fits ? [] : (body.would_work?.sentences ?? []);
  return {
    fits: body.fits,
    head: body.refusals.length ? "The API server would refuse this." : fitWords(fitting, names.length),
    lines: [
      ...advice.map((sentence) => ["What would work", sentence]),
      ...body.refusals.map((refusal) => ["API server", refusal.text, refusal.message]),
      ...(body.prefilter?.reasons ?? []).map((reason) => ["Every node", words(reason), reason.message]),
      ...refused.slice(0, MOST_REFUSED).map((name) => [name, ...reasonWords(body.nodes[name].reasons)]),
      ...(refused.length > MOST_REFUSED ? [["", `and ${refused.length - MOST_REFUSED} more nodes`]] : []),
      ...(body.warnings ?? []).map((sentence) => ["Note", sentence]),
      ...(body.undecided ?? []).map((sentence) => ["Can't be checked", sentence]),
    ],
  };
}

function fitWords(fitting, total) {
  if (!fitting.length) return `Doesn't fit on any node right now (${total} checked).`;
  if (fitting.length === total && total > 1) return "Fits on every node right now.";
  const rest = fitting.length - MOST_NAMED;
  return `Fits on ${listed(rest > 0 ? [...fitting.slice(0, MOST_NAMED), `${rest} more`] : fitting)} right now.`;
}

function reasonWords(reasons) {
  return [reasons.map(words).join("; "), reasons.map((reason) => reason.message).join("; ")];
}

function words(reason) {
  return capital(reason.text || reason.message);
}
