// Brings the spawn form to life: live numbers, a verdict on the choice, and one click to what would work. Without it the form works all the same.

import { offerLanguages } from "../../../web/languages.js";
import { Nodes } from "../../../web/nodes.js";
import { follow } from "../../../web/stream.js";
import { VerdictBox } from "./answers/box.js";
import { Fields } from "./fields/fields.js";
import { Finder } from "./nodes/finder.js";
import { Hints } from "./fields/hints.js";
import { Keeping } from "./keeping.js";
import { showKinds, unlisted } from "./fields/kinds.js";
import { Left } from "./left.js";
import { marked, NodeList, seen } from "./nodes/list.js";
import { Offered } from "./answers/offered.js";
import { showOptions } from "./nodes/options.js";
import { Presets } from "./answers/presets.js";
import { pickedIn, Profiles } from "./answers/profiles.js";
import { StatusLine } from "./status.js";
import { Verdict } from "./answers/verdict.js";

const QUEUES_EVERY = 5000;
const at = (name) => document.getElementById(`moorage-${name}`);
const data = JSON.parse(at("data").textContent);

const LEARN_AGAIN = 5000;

const nodes = new Nodes();
const fields = new Fields({ at, changed, presets: data.presets });
const form = fields.node.form;
const xsrf = { "X-XSRFToken": new URL(form.action, location.href).searchParams.get("_xsrf") ?? window.jhdata?.xsrf_token ?? "" };
const hints = new Hints({ at, nodes, fields, bounds: data.bounds });
const list = new NodeList({
  list: at("list"),
  more: at("more"),
  finder: new Finder({ place: at("finder"), at, changed: () => list.arrange() }),
  nodes,
  chosen: fields.value("node"),
  offered: data.resources,
  gpus: () => Number(fields.value("gpu")) > 0,
  choose: (name) => fields.use({ node: name === fields.value("node") ? "" : name }),
});
const status = new StatusLine(at("status"), `${data.base}login?next=${encodeURIComponent(location.pathname + location.search)}`);
const box = new VerdictBox(at("verdict"), { use: (values) => fields.use(values), mark: (name) => fields.mark(name), start: () => form.requestSubmit(), home: `${data.base}home` });
// To read a form with thousands of nodes takes a while, and few have profiles.
const picked = () => (at("profiles") ? pickedIn(new FormData(form)) : {});
const asked = () => ({ user: data.user, server: data.server, ...fields.values(), profile: picked(), shown: at("shown")?.value });
const verdict = new Verdict({
  url: `${data.base}moorage/fit`,
  headers: xsrf,
  body: asked,
  show(answer) {
    bar(answer?.barred);
    left.show(answer?.left);
    hints.take(answer?.understood ?? {});
    fields.tell(answer?.queues ?? {});
    list.judge(box.show(answer, fields.value("node")), fields.value("node"));
    presets?.begin();
  },
  ended: () => status.ended(),
});

const offered = new Offered({
  url: `${data.base}moorage/offer`,
  headers: xsrf,
  body: asked,
  place: at("limits"),
  show(answer) {
    if (answer.closed) {
      verdict.soon();
      return;
    }
    data.resources.splice(0, Infinity, ...answer.resources);
    data.gpus = answer.gpus;
    fields.renew(answer);
    list.know();
    hints.say(answer.help, answer.bounds);
    bar(answer.barred);
  },
});

const left = new Left(at("left"));

const told = new Set(); // models of nodes that the hub was asked about already
const questionNow = () => JSON.stringify({ ...fields.values(), node: null, profile: picked() });
let asking = questionNow(); // what the nodes were last asked about
let barred = data.barred; // nodes that this person's servers can never use, each with the reason
let image = null; // for which the nodes are shown

let presets = null;
let keeping = null; // once all is there that a choice from elsewhere changes

function changed() {
  keeping?.changed();
  hints.understood = {};
  presets?.describe();
  if (fields.value("image") === image) hints.show();
  else showNodes();
  const question = questionNow();
  list.ask(fields.value("node"), { same: question === asking });
  asking = question;
  verdict.soon();
}

function showNodes() {
  image = fields.value("image");
  list.suit(fields.image);
  showOptions(fields.node, nodes, { offered: data.resources, image: fields.image });
  showKinds(at("kind"), nodes.sorted());
  learn();
  hints.show();
}

/** Ask for the words for models that have come since the page was made: once each, but again where there was no answer. */
async function learn() {
  const fresh = unlisted(nodes.sorted(), at("kind")).filter((kind) => !told.has(kind));
  if (!fresh.length) return;
  for (const kind of fresh) told.add(kind);
  if (await offered.ask()) return;
  for (const kind of fresh) told.delete(kind);
  setTimeout(learn, LEARN_AGAIN);
}

/** Take other reasons, and bring those nodes up to date that are no longer barred as they were. */
function bar(fresh) {
  if (!fresh) return;
  barred = fresh;
  const other = nodes
    .sorted()
    .map((node) => [node, mark(node)])
    .filter(([node, now]) => node.barred !== now.barred || node.hidden !== now.hidden || node.gpus.length !== now.gpus.length)
    .map(([, now]) => now);
  if (!other.length) return;
  list.change(other, []);
  list.arrange();
  showNodes();
}

const mark = (node) => seen(marked(node, barred), data.gpus);

const heard = {
  snapshot({ nodes: all, status: state }) {
    if (all) {
      list.replace(all.map(mark));
      showNodes();
    }
    status.show(state);
  },
  nodes({ changed: fresh, removed }) {
    list.change(fresh.map(mark), removed);
    showNodes();
  },
  cards: (words) => list.tell(words),
  offer: () => offered.ask(),
  status: (state) => status.show(state),
};

offerLanguages(at("speak"), { cls: "btn btn-sm btn-link" });
status.show(data.status);
// On a narrow screen the list would push Start out of sight; it is one touch away.
if (matchMedia("(max-width: 47.9rem)").matches) at("list").closest("details").open = false;
follow(`${data.base}moorage/stream?user=${encodeURIComponent(data.user)}`, {
  headers: () => xsrf,
  on(event, message) {
    status.found();
    heard[event]?.(message);
    // A quota changes without a word from any node.
    if (event === "ping" && left.isShown) verdict.again();
    if (["ping", "cards", "offer"].includes(event)) return;
    verdict.later();
    presets?.later();
  },
  lost: (why, words) => status.lost(why, words),
  ended: () => status.ended(),
});
if (at("preset")) presets = new Presets({ at, fields, url: `${data.base}moorage/presets`, headers: xsrf, body: asked });
keeping = new Keeping({ at, fields, form, data });
verdict.ask();
// Who joins or leaves a queue changes no node, of which the hub would tell.
if (at("queue")) setInterval(() => verdict.later(), QUEUES_EVERY);
const refusal = document.querySelector(".spawn-error-msg");
if (refusal) {
  fields.refused(refusal);
  refusal.tabIndex = -1;
  refusal.focus(); // which says it, too
}
if (at("profiles")) {
  new Profiles({
    place: at("profiles"),
    url: `${data.base}moorage/profile`,
    headers: xsrf,
    body: asked,
    told: at("filled"),
    fill(answer) {
      at("shown").value = answer.shown;
      data.resources.splice(0, Infinity, ...answer.resources);
      const kept = fields.fill(answer);
      hints.say(answer.help, answer.bounds);
      bar(answer.barred);
      return kept;
    },
  });
}
