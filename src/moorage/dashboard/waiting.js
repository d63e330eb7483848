// Who waits for a place: for what, for how long, and why.

import { ago, cpuWords, memoryWords, shortResource } from "../web/amounts.js";

/** One pod in a line, named as far as the service tells names. */
export function waitingWords(pod) {
  return `${whose(pod)}: ${askWords(pod.asks)}; waits ${ago(pod.since)}. ${pod.text}`;
}

function whose({ namespace, pod, user, component }) {
  const kind = component === "singleuser-server" ? "A server" : "A pod";
  if (user) return `Server of ${user} (${namespace}/${pod})`;
  if (pod) return `${namespace}/${pod}`;
  return namespace ? `${kind} in ${namespace}` : kind;
}

function askWords({ cpu_millicores: cpu, memory_bytes: memory, extended }) {
  const more = Object.entries(extended).map(([name, amount]) => `${amount} ${shortResource(name)}`);
  const words = [...(cpu ? [`${cpuWords(cpu)} CPU`] : []), ...(memory ? [memoryWords(memory)] : []), ...more];
  return words.join(", ") || "asks for nothing";
}
