// How far the page's numbers can be trusted: a word for the pill, and a notice where they can't.

import { sentence } from "../web/amounts.js";

const LOST = {
  unreachable: "The service can't be reached.",
  silent: "The service is silent.",
  closed: "The service closed the connection.",
  away: "This page was in the background.",
};
const LAST = "The numbers below are the last known ones.";

/**
 * `picture` is what the service says of its view of the cluster, `broken` since when and why it can't be heard itself
 * (each null where there is nothing to tell), `known` whether any node is shown.
 */
export function statusOf({ picture, broken, known }) {
  if (broken) {
    const sentences = [LOST[broken.why] ?? (broken.why === "refused" ? `The service refused: ${sentence(broken.words)}` : ""), known ? LAST : "", "Trying again."];
    return { state: "no connection", since: broken.since, notice: sentences.filter(Boolean).join(" ") };
  }
  if (picture?.stale) {
    return { state: "stale", since: picture.since, notice: `The service has lost contact with the cluster: ${picture.reason ?? "no reason known"}. ${LAST}` };
  }
  return { state: picture ? "live" : "connecting", since: null, notice: "" };
}
