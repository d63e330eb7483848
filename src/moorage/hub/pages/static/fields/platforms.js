// Whether an image runs on a node, by the rule of moorage/hub/choice/offered/platforms.py: what is unknown speaks against nothing.

import { t } from "../../../../web/texts.js";

const NAMES = { linux: "Linux", windows: "Windows" };
const ALSO = { amd64: ["386"], arm64: ["arm"] };

/** What the option of an image says that it is built for. */
export function imageOf(option) {
  const names = (text) => (text ? text.split(" ") : []);
  return { os: names(option?.dataset.os), arch: names(option?.dataset.arch) };
}

/** Why an image can't run on a node, or null where it may. */
export function misfit(image, node) {
  if (!image) return null;
  if (image.os.length && node.os && !image.os.includes(node.os)) return t("Runs {system}; the image is for {others}.", { system: NAMES[node.os] ?? node.os, others: listed(image.os) });
  const runs = [node.arch, ...(ALSO[node.arch] ?? [])];
  if (image.arch.length && node.arch && !image.arch.some((arch) => runs.includes(arch))) return t("Its architecture is {arch}; the image is for {others}.", { arch: node.arch, others: listed(image.arch) });
  return null;
}

function listed(names) {
  return names.map((name) => NAMES[name] ?? name).reduce((first, last) => t("{first} or {last}", { first, last }));
}
