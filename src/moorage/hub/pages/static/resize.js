// The page of a server that runs: what it has, and whether it could have more, live.

import "./times.js";
import { element, say } from "../../../web/elements.js";
import { follow } from "../../../web/stream.js";
import { t } from "../../../web/texts.js";
import { Verdict } from "./answers/verdict.js";

const LOOK_MS = 3000;
const SOON_MS = 400;

/** What to show of a verdict: its `words`, its `cls`, what the button says (null: nothing can be done), and the field that is wrong. */
export function seen(answer) {
  if (!answer) return { words: t("Can't tell right now whether this fits."), cls: "moorage-unknown", button: t("Resize"), wrong: null };
  if (answer.refusal) return { words: answer.refusal, cls: "moorage-no", button: null, wrong: answer.field ?? null };
  if (answer.waits) return { words: answer.text, cls: "moorage-no", button: t("Resize and wait for room"), wrong: null };
  const cls = answer.fits ? "moorage-ok" : "moorage-unknown";
  return { words: answer.text, cls, button: answer.changes ? t("Resize") : null, wrong: null };
}

function begin(page) {
  const { base, user, server, token } = page.dataset;
  const part = (id) => document.getElementById(`server-${id}`);
  const headers = { "X-XSRFToken": token };
  const url = `${base}moorage/server`;
  const form = part("form");
  const fields = () => ({ cpu: part("cpu").value, memory: part("memory").value });
  let due = null;

  const verdict = form && new Verdict({
    url,
    headers,
    method: "PATCH",
    body: () => ({ user, server, typed: true, dry_run: true, ...fields() }),
    show,
    ended: () => location.reload(),
  });

  function show(answer) {
    const { words, cls, button, wrong } = seen(answer);
    const place = part("verdict");
    place.className = `moorage-verdict ${cls}`;
    const notes = answer?.changes ? (answer.notes ?? []) : [];
    const ways = (answer?.would_work ?? []).map(({ text, use }) => {
      const made = element("button", { type: "button", cls: "btn btn-sm btn-outline-secondary", text });
      made.addEventListener("click", () => {
        for (const [name, value] of Object.entries(use)) part(name).value = value;
        verdict.soon();
        part("cpu").focus();
      });
      return made;
    });
    // A button of it that has the focus is about to be used.
    if (!place.contains(document.activeElement)) {
      const lines = [words, ...notes].map((text, at) => element("p", at ? { text, cls: "form-text" } : { text }));
      const text = [words, ...notes, ...ways.map((way) => way.textContent)].join("\n");
      if (place.dataset.said !== text) {
        place.dataset.said = text;
        place.replaceChildren(...lines, ...(ways.length ? [element("p", {}, ...ways)] : []));
      }
    }
    for (const name of ["cpu", "memory"]) part(name).toggleAttribute("aria-invalid", wrong === name);
    if (wrong) part(wrong)?.setAttribute("aria-invalid", "true");
    part("go").disabled = button === null;
    say(part("go"), button ?? t("Resize"));
  }

  async function look() {
    clearTimeout(due);
    due = setTimeout(look, LOOK_MS);
    if (document.hidden) return;
    const query = new URLSearchParams({ user, server });
    const response = await fetch(`${url}?${query}`, { headers }).catch(() => null);
    if (!response?.ok) return;
    take(await response.json());
  }

  function take(has) {
    if (!has.running) {
      location.reload();
      return;
    }
    say(part("size"), has.text);
    say(part("uses"), has.uses?.text ?? has.uses_reason);
    const most = part("most");
    if (most) say(most, has.could_grow_to?.text ?? has.could_grow_to_reason);
    const state = part("resize");
    if (has.resize) say(state, has.resize.text);
    else if (state.dataset.state) say(state, t("Done. The server has {size}.", { size: has.text }));
    if (has.resize) state.dataset.state = has.resize.state;
    else delete state.dataset.state;
  }

  async function go() {
    part("go").disabled = true;
    const body = JSON.stringify({ user, server, typed: true, ...fields() });
    const sent = { method: "PATCH", headers: { ...headers, "Content-Type": "application/json" }, body };
    const response = await fetch(url, sent).catch(() => null);
    const answer = await response?.json().catch(() => null);
    if (!response?.ok) {
      show({ refusal: answer?.message ?? t("The hub does not answer right now. Nothing was changed.") });
      part("go").disabled = false;
      return;
    }
    part("cpu").value = answer.understood.cpu;
    part("memory").value = answer.understood.memory;
    part("resize").dataset.state = "asked";
    take(answer.server);
    verdict.soon();
    clearTimeout(due);
    due = setTimeout(look, SOON_MS);
  }

  if (!part("has")) return;
  due = setTimeout(look, LOOK_MS);
  if (!form) return;
  form.addEventListener("input", () => verdict.soon());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  follow(`${base}moorage/stream`, {
    headers: () => headers,
    on: (event) => {
      if (event !== "ping" && event !== "cards") verdict.later();
    },
    lost: () => verdict.later(),
    ended: () => {
      location.reload();
      return new Promise(() => {});
    },
  });
  verdict.soon();
}

if (globalThis.document) {
  const page = document.getElementById("moorage-server");
  if (page) begin(page);
}
