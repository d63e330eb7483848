// How far the page's numbers can be trusted: a word for the pill, and a notice where they can't.

import { sentence } from "../web/amounts.js";
import { again, t } from "../web/texts.js";

const lost = () => ({
  unreachable: t("The service can't be reached."),
  silent: t("The service is silent."),
  closed: t("The service closed the connection."),
  away: t("This page was in the background."),
  crowded: t("Stopped, because newer pages of yours are open. This one goes on when you come back to it."),
});

/**
 * `picture` is what the service says of its view of the cluster, `broken` since when and why it can't be heard itself
 * (each null where there is nothing to tell), `known` whether any node is shown.
 */
export function statusOf({ picture, broken, known }) {
  const last = t("The numbers below are the last known ones.");
  if (broken) {
    const why = lost()[broken.why] ?? (broken.why === "refused" ? t("The service refused: {why}", { why: sentence(broken.words) }) : "");
    const sentences = [why, known ? last : "", t("Trying again.")];
    return { state: "no connection", words: t("no connection"), since: broken.since, notice: sentences.filter(Boolean).join(" ") };
  }
  if (picture?.stale) {
    const reason = picture.reason ? again(picture.reason) : t("no reason known");
    const notice = t("The service has lost contact with the cluster: {reason}.", { reason });
    return { state: "stale", words: t("stale"), since: picture.since, notice: `${notice} ${last}` };
  }
  return { state: picture ? "live" : "connecting", words: picture ? t("live") : t("connecting"), since: null, notice: "" };
}
