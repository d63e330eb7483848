// Machines that are not there yet and may come: a short list below the nodes.

import { cpuWords, memoryWords } from "../web/amounts.js";

const STATES = { on_its_way: "on its way", can_be_added: "can be added", at_maximum: "at its maximum", backing_off: "the cloud refuses for now", unknown: "unknown" };

/** One machine in a line: what it is, what it has, whether it can come. */
export function machineWords(machine) {
  return `${machineName(machine)}: ${sizeWords(machine)}; ${stateWords(machine)}`;
}

export function machineName({ pool, kind }) {
  return kind ? `Pool ${pool} (${kind})` : `Pool ${pool}`;
}

function sizeWords({ allocatable, gpu }) {
  if (!allocatable) return "size unknown";
  const cards = gpu ? [`${gpu.count} × ${gpu.model ?? "GPU"}`] : [];
  return [`${cpuWords(allocatable.cpu_millicores)} CPU`, memoryWords(allocatable.memory_bytes), ...cards].join(", ");
}

export function stateWords({ state, left, about_seconds: about, why }) {
  const more = state === "can_be_added" && left !== null ? `, ${left} more` : "";
  const time = about === null || about === undefined ? "" : `, about ${durationWords(about)}`;
  return `${STATES[state] ?? state}${more}${time}${why ? ` (${why.replace(/\.$/, "")})` : ""}`;
}

function durationWords(seconds) {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
