"""One verdict as JSON bytes: the shape of `POST /api/v1/cluster/fit`, which stays put.

Nodes that are refused for the same reasons share one verdict, and so share its bytes here: the answer for 5,000 nodes
encodes a handful of texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from moorage import clock
from moorage.cluster.answers.held import Held, HolderPolicy, held_by
from moorage.cluster.answers.machines import NO_CANDIDATES, Candidates, MachineJson, Tried, hope_of, may_yet_fit, trying
from moorage.cluster.answers.made import Evict, answer, ends_help, evicts, words
from moorage.cluster.answers.reasons import image_problem, reasons_of
from moorage.cluster.answers.rules import UNKNOWN, Admitted, Rules, admitted
from moorage.objects import Taint
from moorage.scheduling.accounting.kubelet import may_turn_away
from moorage.scheduling.alternatives.advice import Advice, advising, has_several_makers
from moorage.scheduling.alternatives.evictions import Evictions, evicting
from moorage.scheduling.ask import Ask
from moorage.scheduling.claims.attaching import attached_elsewhere
from moorage.scheduling.claims.newclaims import of_volumes
from moorage.scheduling.cluster import Cluster
from moorage.scheduling.filters import tainttoleration
from moorage.scheduling.fit import Trial, fitting
from moorage.scheduling.preparing import Preparing, lacks, preparing
from moorage.scheduling.steps import Steps, at_once, in_parts
from moorage.scheduling.verdict import NodeVerdict, Verdict
from moorage.scheduling.words.amounts import amount_words
from moorage.texts import again, later

_encode = msgspec.json.Encoder().encode
# What no answer can take into account, whatever the pod.
_WEBHOOKS = later(
    "Admission webhooks, Pod Security and other policies may change or reject the pod when it is created. Creating it "
    "with dryRun=All asks them; moorage's spawner does this before each start."
)
_EXTENDERS = later("Scheduler extenders, custom plugins and custom scheduler settings may refuse more nodes.")
_MOST_CHOSEN = 20
NOT_CONSIDERED = (_WEBHOOKS, _EXTENDERS)


@dataclass(frozen=True)
class Images:
    """By node, whether it holds the pod's images, and what to say of its driver; and how much they are to load."""

    present: Mapping[str, bool | None] = field(default_factory=dict)
    drivers: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int | None = None


NOTHING_KNOWN = Images()


@dataclass(frozen=True)
class Judged:
    """All that an answer is made of, as values: they may be encoded while the cluster goes on."""

    verdict: Verdict
    admission: Admitted
    advice: Advice
    held: dict[str, list[Held]]
    revision: int
    afterwards: tuple[str, ...] = ()
    taints: dict[str, Taint] = field(default_factory=dict)
    unable: Mapping[str, str] = field(default_factory=dict)
    by_maker: bool = False  # whole cards are told apart by who makes them
    warnings: tuple[str, ...] = ()
    made: Evictions | None = None
    policy: HolderPolicy = "hidden"
    preparing: Mapping[str, Preparing] = field(default_factory=dict)
    machines: tuple[Tried, ...] = ()


def judge(
    cluster: Cluster,
    pod: dict[str, Any],
    *,
    revision: int,
    rules: Rules = UNKNOWN,
    policy: HolderPolicy = "hidden",
    unable: Mapping[str, str] = MappingProxyType({}),
    claims: Sequence[dict[str, Any]] = (),
    machines: Candidates = NO_CANDIDATES,
) -> Judged:
    """The verdict for this very pod as the API server would store it, and what would work instead.

    `claims` are created before the pod, and those of its ephemeral volumes with it; one that is there already stays as
    it is. `policy` says whose names a reader may see of those who hold what is short. `unable` says by node why an
    image of the pod can't run there: no verdict of the scheduler's, but nothing that would work. A pod that runs
    already, by its uid, does not take its own place away. `machines` are those that may come.
    """
    return at_once(
        judging(
            cluster,
            pod,
            revision=revision,
            rules=rules,
            policy=policy,
            unable=unable,
            claims=claims,
            machines=machines,
        )
    )


def judging(
    cluster: Cluster,
    pod: dict[str, Any],
    *,
    revision: int,
    rules: Rules = UNKNOWN,
    policy: HolderPolicy = "hidden",
    unable: Mapping[str, str] = MappingProxyType({}),
    claims: Sequence[dict[str, Any]] = (),
    machines: Candidates = NO_CANDIDATES,
) -> Steps[Judged]:
    """The same in steps, between which the cluster must stay as it is."""
    metadata = pod.get("metadata")
    if isinstance(metadata, dict) and isinstance(uid := metadata.get("uid"), str):
        cluster = cluster.without(uid)
    admission = admitted(pod, rules)
    yield
    coming = [*claims, *of_volumes(admission.pod)]
    if coming:
        cluster = cluster.with_claims(coming, namespace=admission.namespace)
        yield
    trial = Trial(cluster, admission.pod)
    verdict = yield from fitting(cluster, trial)
    made = None
    if not verdict.fits and not admission.refusals:
        made = yield from evicting(cluster, trial, verdict)
    tried = yield from trying(cluster, trial, machines)
    advice = yield from advising(cluster, admission.pod, verdict, without=unable.keys())
    turned_away = may_turn_away(admission.pod) if verdict.fits else None
    warnings = attached_elsewhere(cluster, admission.pod, verdict)
    yield
    held = held_by(cluster, verdict, policy=policy)
    yield
    taints = _untolerated(cluster, admission.pod, verdict)
    yield
    prepared = _prepared(cluster, verdict)
    yield
    short = {short.resource for node in verdict.nodes.values() for short in node.details}
    by_maker = has_several_makers(cluster, short)
    afterwards = (turned_away,) if turned_away else ()
    return Judged(
        verdict,
        admission,
        advice,
        held,
        revision,
        afterwards,
        taints,
        unable,
        by_maker,
        warnings,
        made,
        policy,
        prepared,
        tried,
    )


def _untolerated(cluster: Cluster, pod: dict[str, Any], verdict: Verdict) -> dict[str, Taint]:
    """By node, the taint that keeps the pod off: nodes share their verdicts, so that those can't tell it."""
    refused = [name for name, node in verdict.nodes.items() if node.plugin == tainttoleration.NAME]
    tolerations = Ask(pod).tolerations if refused else ()
    first: dict[tuple[Taint, ...], Taint | None] = {}
    found = {}
    for name in refused:
        taints = cluster.nodes[name].blocking_taints
        if taints not in first:
            first[taints] = tainttoleration.untolerated(taints, tolerations)
        if (taint := first[taints]) is not None:
            found[name] = taint
    return found


def _prepared(cluster: Cluster, verdict: Verdict) -> dict[str, Preparing]:
    """The nodes that lack nothing but the cards that are to come there."""
    found = {}
    now = clock.now()
    for name, node in verdict.nodes.items():
        if any(short.allocatable <= 0 for short in node.details) and cluster.promised(cluster.nodes[name]) is not None:
            state = preparing(cluster, cluster.nodes[name], now=now)
            if state is not None and lacks(state, node.details):
                found[name] = state
    return found


def encoded(judged: Judged, *, machines: MachineJson | None = None) -> bytes:
    """The answer's JSON. `machines` says how those are shown."""
    return at_once(encoding(judged, machines=machines))


def encoding(
    judged: Judged,
    *,
    machines: MachineJson | None = None,
    images: Images = NOTHING_KNOWN,
) -> Steps[bytes]:
    """The same in steps; the cluster may go on meanwhile. `images` says how nodes stand with the pod's images."""
    verdict, admission, advice, revision = judged.verdict, judged.admission, judged.advice, judged.revision
    evict = evicts(judged.made, policy=judged.policy) if judged.made is not None else {}
    yield
    known: dict[tuple[Any, ...], bytes] = {}
    nodes = []
    for part in in_parts(verdict.nodes.items()):
        for name, node in part:
            taint = judged.taints.get(name)
            image = judged.unable.get(name), images.present.get(name), images.drivers.get(name)
            key = node, taint, image, evict.get(name), judged.preparing.get(name)
            data = known.get(key)
            if data is None:
                data = known[key] = _encode(_node(*key, by_maker=judged.by_maker))
            nodes.append(_encode(name) + b":" + data)
        yield
    rooms: list[bytes] = []
    for several in in_parts(advice.nodes.items()):
        rooms += [_encode(name) + b":" + _encode(room) for name, room in several]
        yield
    chosen = tuple(name for name in (judged.made.chosen if judged.made else ()) if name not in judged.unable)
    hope = hope_of(judged.machines) if judged.machines else None
    refused, unable_on = bool(admission.refusals), judged.unable
    may_yet = may_yet_fit(judged.machines)
    found = answer(verdict, judged.made, refused=refused, unable=unable_on, hope=hope, may_yet_fit=may_yet)
    told = words(found, evict, chosen, tried=judged.machines, ends_help=ends_help(verdict, unable=unable_on))
    shown: list[bytes] = []
    for some in in_parts(judged.machines):
        describe = machines or MachineJson()
        shown += [_encode(describe.tried(each, by_maker=judged.by_maker)) for each in some]
        yield
    undecided = (*verdict.undecided, *admission.undecided, *judged.afterwards)
    if judged.made is not None:
        undecided += tuple(sentence for sentence in judged.made.undecided if sentence not in undecided)
    return (
        b'{"fits":%s,"answer":%s,"answer_text":%s,"evictions":%s,"revision":%d,"refusals":%s,"quota":%s,"prefilter":%s,"nodes":{%s},"image_bytes":%s,"machines":[%s],"would_work":%s,"held_by":%s,'
        b'"warnings":%s,"undecided":%s,"not_considered":%s}'
    ) % (
        b"true" if verdict.fits and not admission.refusals else b"false",
        _encode(found),
        _encode(told),
        _encode(_evictions(judged.made, chosen, evict)),
        revision,
        _encode(admission.refusals),
        _encode(admission.quota),
        _encode(_prefilter(verdict.prefilter)) if verdict.prefilter is not None else b"null",
        b",".join(nodes),
        _encode(images.size_bytes),
        b",".join(shown),
        _encode({**msgspec.structs.asdict(advice), "nodes": msgspec.Raw(b"{%s}" % b",".join(rooms))}),
        _encode({node: [_held(one, by_maker=judged.by_maker) for one in ones] for node, ones in judged.held.items()}),
        _encode(judged.warnings),
        _encode([again(sentence) for sentence in undecided]),
        _encode([again(sentence) for sentence in NOT_CONSIDERED]),
    )


def _evictions(made: Evictions | None, chosen: tuple[str, ...], evict: Mapping[str, Evict]) -> dict[str, Any]:
    """Where the scheduler would evict: on one node where that is determined, otherwise on one of these."""
    return {
        "not_eligible": made.not_eligible if made is not None else None,
        "nodes": chosen[:_MOST_CHOSEN],
        "at_once": bool(chosen) and all(evict[name].at_once for name in chosen),
    }


def _prefilter(verdict: NodeVerdict) -> dict[str, Any]:
    return {"plugin": verdict.plugin, "reasons": reasons_of(verdict)}


def _held(held: Held, *, by_maker: bool) -> dict[str, Any]:
    text = amount_words(held.resource, held.amount, by_maker=by_maker)
    return {**msgspec.structs.asdict(held), "text": text}


def _node(
    verdict: NodeVerdict,
    taint: Taint | None,
    image: tuple[str | None, bool | None, str | None],
    evict: Evict | None,
    state: Preparing | None,
    *,
    by_maker: bool,
) -> dict[str, Any]:
    unable, present, driver = image
    return {
        "fits": verdict.fits,
        "plugin": verdict.plugin,
        "reasons": reasons_of(verdict, taint=taint, state=state, by_maker=by_maker),
        "unresolvable": verdict.unresolvable,
        "evict": evict,
        "image_problem": image_problem(unable),
        "image_present": present,
        "driver_problem": driver,
    }
