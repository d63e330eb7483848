// Queues in front of the scheduler: what each has left of its quota, who runs and who waits.

import { cpuWords, memoryWords, shortResource } from "../web/amounts.js";
import { again, t } from "../web/texts.js";

/** A line for each queue, or why they can't be told; none where there are no queues. */
export function queueLines({ kueue, reason, queues }) {
  if (queues.length) return queues.map(queueWords);
  return reason && kueue !== "absent" ? [again(reason)] : [];
}

export function queueWords({ namespace, name, closed, resources, running, pending }) {
  const counts = t("{running} run, {pending} wait", { running, pending });
  const state = closed ? again(closed) : leftWords(resources);
  return [`${namespace}/${name}: ${state}`, counts].filter(Boolean).join("; ");
}

/** "rtx4090: 1 of 4 GPU left, 12 of 64 CPU left". */
function leftWords(resources) {
  return [...grouped(resources)].map(([flavor, shares]) => `${flavor}: ${shares.map(shareWords).join(", ")}`).join("; ");
}

function grouped(resources) {
  const found = new Map();
  for (const share of resources) found.set(share.flavor, [...(found.get(share.flavor) ?? []), share]);
  return found;
}

function shareWords({ resource, left, quota }) {
  if (left === null || quota === null) return t("{what}: unknown", { what: shortResource(resource) });
  if (resource === "memory") return t("{left} of {quota} left", { left: memoryWords(left), quota: memoryWords(quota) });
  const [what, show] = resource === "cpu" ? [t("CPU"), cpuWords] : [shortResource(resource), String];
  return t("{left} of {quota} {what} left", { left: show(left), quota: show(quota), what });
}
