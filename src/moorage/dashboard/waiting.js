// Who waits for a place: for what, for how long, and why.

import { ago, cpuWords, memoryWords, shortResource } from "../web/amounts.js";
import { again, t } from "../web/texts.js";

/** One pod in a line, named as far as the service tells names. */
export function waitingWords(pod) {
  return t("{whose}: {amounts}; waits {time}. {why}", { whose: whose(pod), amounts: askWords(pod.asks), time: ago(pod.since), why: again(pod.text) });
}

function whose({ namespace, pod, user, component }) {
  const kind = component === "singleuser-server" ? t("A server") : t("A pod");
  if (user) return t("Server of {user} ({pod})", { user, pod: `${namespace}/${pod}` });
  if (pod) return `${namespace}/${pod}`;
  return namespace ? t("{kind} in {namespace}", { kind, namespace }) : kind;
}

function askWords({ cpu_millicores: cpu, memory_bytes: memory, extended }) {
  const more = Object.entries(extended).map(([name, amount]) => `${amount} ${shortResource(name)}`);
  const words = [...(cpu ? [t("{amount} CPU", { amount: cpuWords(cpu) })] : []), ...(memory ? [memoryWords(memory)] : []), ...more];
  return words.join(", ") || t("asks for nothing");
}
