// The service's answer to an ask, in words.

import { capital, listed } from "../web/amounts.js";
import { machineName, stateWords } from "./machines.js";

const MOST_NAMED = 6;
const MOST_REFUSED = 12;
const MOST_MACHINES = 6;
const COMING = new Set(["on_its_way", "new_machine"]);

/** `fits`, one sentence as `head`, and `lines`, each whom or what it is about, the words, and Kubernetes' own where there are any. */
export function told(body) {
  const names = Object.keys(body.nodes);
  const fitting = names.filter((name) => body.nodes[name].fits);
  const refused = names.filter((name) => !body.nodes[name].fits);
  const advice = body.fits ? [] : (body.would_work?.sentences ?? []);
  return {
    fits: body.fits,
    head: body.refusals.length ? "The API server would refuse this." : COMING.has(body.answer) ? body.answer_text : fitWords(fitting, names.length),
    lines: [
      ...advice.map((sentence) => ["What would work", sentence]),
      ...body.refusals.map((refusal) => ["API server", refusal.text, refusal.message]),
      ...(body.prefilter?.reasons ?? []).map((reason) => ["Every node", words(reason), reason.message]),
      ...refused.slice(0, MOST_REFUSED).map((name) => [name, ...reasonWords(body.nodes[name].reasons)]),
      ...(refused.length > MOST_REFUSED ? [["", `and ${refused.length - MOST_REFUSED} more nodes`]] : []),
      ...(body.machines ?? []).slice(0, MOST_MACHINES).map((machine) => [machineName(machine), machineWords(machine)]),
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

function machineWords(machine) {
  const problem = machine.image_problem ? [machine.image_problem] : [];
  const why = [...problem, ...machine.reasons].map(words).join("; ");
  const fits = machine.fits === null ? "Not known whether it fits" : machine.fits ? "Fits" : `Doesn't fit: ${why}`;
  return `${fits}; ${stateWords(machine)}`;
}

function reasonWords(reasons) {
  return [reasons.map(words).join("; "), reasons.map((reason) => reason.message).join("; ")];
}

function words(reason) {
  return capital(reason.text || reason.message);
}
