// Machines that are not there yet and may come: a short list below the nodes.

import { cpuWords, memoryWords } from "../web/amounts.js";
import { again, t, tn } from "../web/texts.js";

/** One machine in a line: what it is, what it has, whether it can come. */
export function machineWords(machine) {
  return `${machineName(machine)}: ${sizeWords(machine)}; ${stateWords(machine)}`;
}

export function machineName({ pool, kind }) {
  return kind ? t("Pool {pool} ({kind})", { pool, kind }) : t("Pool {pool}", { pool });
}

function sizeWords({ allocatable, gpu }) {
  if (!allocatable) return t("size unknown");
  const cards = gpu ? [`${gpu.count} × ${gpu.model ?? "GPU"}`] : [];
  return [t("{amount} CPU", { amount: cpuWords(allocatable.cpu_millicores) }), memoryWords(allocatable.memory_bytes), ...cards].join(", ");
}

export function stateWords({ state, left, about_seconds: about, why }) {
  const words = [stateWord(state)];
  if (state === "can_be_added" && left !== null) words.push(tn("{count} more", "{count} more", left));
  if (about !== null && about !== undefined) words.push(t("about {time}", { time: durationWords(about) }));
  return words.join(", ") + (why ? ` (${again(why).replace(/\.$/, "")})` : "");
}

function stateWord(state) {
  const words = {
    on_its_way: t("on its way"),
    can_be_added: t("can be added"),
    at_maximum: t("at its maximum"),
    backing_off: t("the cloud refuses for now"),
    unknown: t("unknown"),
  };
  return words[state] ?? state;
}

function durationWords(seconds) {
  return seconds < 90 ? t("{seconds} s", { seconds }) : t("{minutes} min", { minutes: Math.round(seconds / 60) });
}
