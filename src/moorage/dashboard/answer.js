// The service's answer to an ask, in words.

import { capital, listed } from "../web/amounts.js";
import { t, tn } from "../web/texts.js";
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
    head: body.refusals.length ? t("The API server would refuse this.") : COMING.has(body.answer) ? body.answer_text : fitWords(fitting, names.length),
    lines: [
      ...advice.map((sentence) => [t("What would work"), sentence]),
      ...body.refusals.map((refusal) => [t("API server"), refusal.text, refusal.message]),
      ...(body.prefilter?.reasons ?? []).map((reason) => [t("Every node"), words(reason), reason.message]),
      ...refused.slice(0, MOST_REFUSED).map((name) => [name, ...reasonWords(body.nodes[name].reasons)]),
      ...(refused.length > MOST_REFUSED ? [["", tn("and {count} more node", "and {count} more nodes", refused.length - MOST_REFUSED)]] : []),
      ...(body.machines ?? []).slice(0, MOST_MACHINES).map((machine) => [machineName(machine), machineWords(machine)]),
      ...(body.warnings ?? []).map((sentence) => [t("Note"), sentence]),
      ...(body.undecided ?? []).map((sentence) => [t("Can't be checked"), sentence]),
    ],
  };
}

function fitWords(fitting, total) {
  if (!fitting.length) return t("Doesn't fit on any node right now ({total} checked).", { total });
  if (fitting.length === total && total > 1) return t("Fits on every node right now.");
  const rest = fitting.length - MOST_NAMED;
  const nodes = listed(rest > 0 ? [...fitting.slice(0, MOST_NAMED), tn("{count} more", "{count} more", rest)] : fitting);
  return t("Fits on {nodes} right now.", { nodes });
}

function machineWords(machine) {
  const problem = machine.image_problem ? [machine.image_problem] : [];
  const why = [...problem, ...machine.reasons].map(words).join("; ");
  const fits = machine.fits === null ? t("Not known whether it fits") : machine.fits ? t("Fits") : t("Doesn't fit: {reasons}", { reasons: why });
  return `${fits}; ${stateWords(machine)}`;
}

function reasonWords(reasons) {
  return [reasons.map(words).join("; "), reasons.map((reason) => reason.message).join("; ")];
}

function words(reason) {
  return capital(reason.text || reason.message);
}
