// Kinds of GPU: a resource name and, behind an equals sign, one of its models; how many of each are free now.

import { say } from "../../../../web/elements.js";
import { t } from "../../../../web/texts.js";

/** Values with what they say of a kind as its field holds it. */
export function folded({ gpu_resource: resource, gpu_kind: model, ...values }) {
  if (resource === undefined && model === undefined) return values;
  return { ...values, gpu_kind: model ? `${resource ?? ""}=${model}` : (resource ?? "") };
}

/** The same the other way round. */
export function unfolded({ gpu_kind: kind, ...values }) {
  return kind === undefined ? values : { ...values, ...parted(kind) };
}

/** What a choice says of a kind in its field. */
export function parted(value) {
  const [resource, model = ""] = value.split("=");
  return { gpu_resource: resource, gpu_kind: model };
}

/** The value of the option for a kind; the kind itself where there is none, or where only its model is known. */
export function optionFor(select, kind) {
  const { gpu_resource: resource, gpu_kind: model } = parted(kind);
  const options = [...select.options];
  const known = options.find((option) => option.value === kind) ?? options.find((option) => isOf(option, resource, model));
  return known?.value ?? kind;
}

/** A model may have several labels, and a choice name any of them. */
function isOf({ value, dataset }, resource, model) {
  if (!model) return false;
  const own = parted(value);
  return (!resource || own.gpu_resource === resource) && (own.gpu_kind === model || namesOf(dataset).includes(model));
}

function namesOf({ names }) {
  return names ? names.split(" ") : [];
}

/** A function that finds what a node has of the kind of this option; undefined where it has none. */
export function finder(option) {
  if (!option) return () => undefined;
  const { gpu_resource: resource, gpu_kind: model } = parted(option.value);
  const names = [model, ...namesOf(option.dataset)];
  return (node) => node.gpus.find((units) => units.resource === resource && (!model || names.includes(units.model)));
}

/** "3 of 4 free" on all of these nodes together; empty where nobody knows. */
export function freeWords(nodes, option) {
  const open = nodes.filter((node) => !node.machine && !node.closed && !node.barred && !node.hidden);
  const units = open.map(finder(option)).filter(Boolean);
  if (!units.length || units.some(({ available }) => available === null)) return "";
  const sum = (name) => units.reduce((total, each) => total + each[name], 0);
  return t("{part} of {whole} free", { part: sum("available"), whole: sum("allocatable") });
}

/** Models of these nodes that none of the options is for, of resources that are told apart by model. */
export function unlisted(nodes, select) {
  const values = [...(select?.options ?? [])].map(({ value, dataset }) => ({ ...parted(value), names: namesOf(dataset) }));
  const known = new Set(values.flatMap(({ gpu_resource: resource, names }) => names.map((name) => `${resource}=${name}`)));
  const offered = new Set(values.map(({ gpu_resource: resource }) => resource).filter((resource) => resource.endsWith("/gpu")));
  const open = nodes.filter((node) => !node.barred && !node.hidden).flatMap((node) => node.gpus);
  const models = open.filter(({ resource, model, capacity }) => model && capacity && offered.has(resource));
  return models.map(({ resource, model }) => `${resource}=${model}`).filter((kind) => !known.has(kind));
}

/** Say in the options how many are free; options of what is gone keep their words. */
export function showKinds(select, nodes) {
  for (const option of select?.options ?? []) {
    const { words } = option.dataset;
    if (!words) continue;
    const free = freeWords(nodes, option);
    say(option, free ? t("{kind}: {free}", { kind: words, free }) : words);
  }
}

/** The options of the kinds that the hub offers. */
export function kindOptions(kinds) {
  return kinds.map(({ value, words, help, names, text }) => {
    const option = new Option(text, value);
    Object.assign(option.dataset, { words, help, names: names.join(" ") });
    return option;
  });
}
