// Machines that are not there yet and may come: a short list below the nodes.

import { cpuWords, memoryWords } from "../web/amounts.js";
import { arrange, element } from "../web/elements.js";

const MOST = 20;
const EVERY = 10_000;
const STATES = { on_its_way: "on its way", can_be_added: "can be added", at_maximum: "at its maximum", backing_off: "the cloud refuses for now", unknown: "unknown" };

/** Ask the service now and then; where it has no answer, what was known stays. */
export function keep(place, url, authorization) {
  const look = async () => {
    const response = await fetch(url, { headers: authorization() }).catch(() => null);
    if (response?.ok) drawMachines(place, await response.json());
  };
  look();
  return setInterval(look, EVERY);
}

export function drawMachines(place, machines) {
  const words = machines.slice(0, MOST).map(machineWords);
  if (machines.length > MOST) words.push(`and ${machines.length - MOST} more`);
  place.hidden = !words.length;
  if (place.dataset.shown === words.join("\n")) return;
  place.dataset.shown = words.join("\n");
  arrange(place, words.map((text) => element("li", { text })));
}

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
