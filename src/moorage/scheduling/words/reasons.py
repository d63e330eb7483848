"""What each reason of the scheduler is called in plain words: what is wrong, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling import filters
from moorage.scheduling.claims import newclaims
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.scheduling.preparing import Reason

TAINTED = later("Has the taint {taint}, which the pod does not tolerate.")
PASSING: dict[Reason, str] = {
    "being_added": later("Being added: takes pods once it is ready."),
    "starting": later("Still starting: takes pods once its taint {taint} is gone."),
    "leaving": later("About to be removed: takes no new pods."),
}
_NO_CLAIM = later("The storage claim {claim} does not exist. Create it or use another one.")
_NO_CLASS = later("The storage claim has no storage class, and the cluster has no default. Set one on the claim.")

# (plugin, upstream's reason with its variable parts in braces, the sentence)
TABLE: tuple[tuple[str, str, str], ...] = (
    (
        filters.schedulinggates.NAME,
        filters.schedulinggates.REASON,
        later("The pod is held back by its scheduling gates: {gates}."),
    ),
    (
        filters.nodeunschedulable.NAME,
        filters.nodeunschedulable.REASON,
        later("Cordoned: takes no new pods for now."),
    ),
    (filters.nodename.NAME, filters.nodename.REASON, later("The pod is bound to another node by name.")),
    (
        filters.tainttoleration.NAME,
        filters.tainttoleration.REASON,
        later("Has a taint that the pod does not tolerate."),
    ),
    (
        filters.tainttoleration.NAME,
        filters.tainttoleration.REASON_NAMED,
        TAINTED,
    ),
    (filters.nodeaffinity.NAME, filters.nodeaffinity.REASON, later("Not one of the nodes that the pod may use.")),
    (filters.nodeaffinity.NAME, filters.nodeaffinity.REASON_NOT_NAMED, later("The pod names other nodes.")),
    (
        filters.nodeaffinity.NAME,
        filters.nodeaffinity.REASON_CONFLICT,
        later("The pod requires several different node names at once, so no node can match."),
    ),
    (
        filters.nodeaffinity.NAME,
        "node(s) didn't match scheduler-enforced node affinity",
        later("The cluster's scheduler is configured to keep such pods off this node."),
    ),
    (
        filters.nodeports.NAME,
        filters.nodeports.REASON,
        later("A host port that the pod needs is already in use on this node."),
    ),
    (filters.noderesourcesfit.NAME, filters.noderesourcesfit.REASON_PODS, later("The node's pod limit is reached.")),
    (filters.noderesourcesfit.NAME, filters.noderesourcesfit.REASON, later("Not enough {resource} free.")),
    (
        filters.volumerestrictions.NAME,
        filters.volumerestrictions.REASON_DISK,
        later("A disk that the pod needs is already in use on this node."),
    ),
    (
        filters.volumerestrictions.NAME,
        filters.volumerestrictions.REASON_IN_USE,
        later("The storage can be used by only one pod at a time, and another pod is using it. Stop that one first."),
    ),
    (filters.volumerestrictions.NAME, filters.volumerestrictions.REASON_NOT_FOUND, _NO_CLAIM),
    (
        filters.nodevolumelimits.NAME,
        filters.nodevolumelimits.REASON,
        later("No more volumes can be attached to this node."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_AFFINITY,
        later("The storage can't be reached from this node; it may be on another node or in another zone."),
    ),
    (
        filters.volumebinding.NAME,
        "node(s) had volume node affinity conflict",
        later("The storage can't be reached from this node; it may be on another node or in another zone."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_NO_VOLUMES,
        later("No volume for the storage claim here: none is free, and none can be provisioned."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_NO_SPACE,
        later("Not enough storage left to provision the volume here."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_VOLUME_GONE,
        later("The volume behind the storage claim is gone. An administrator must restore it or delete the claim."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_UNTRANSLATABLE,
        later("The volume behind the storage claim is misconfigured: {problem}. An administrator must repair it."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_UNBOUND,
        later("A storage claim has no volume yet. If this takes more than a moment, check the claim's events."),
    ),
    (
        filters.volumebinding.NAME,
        newclaims.REASON_NO_CLASS,
        later(
            "The storage claim will get no volume: it names no storage class and the cluster has no default. Set one."
        ),
    ),
    (
        filters.volumebinding.NAME,
        newclaims.REASON_CLASS_NOT_FOUND,
        later("The storage claim will get no volume: the storage class {name} does not exist. Set another one."),
    ),
    (
        filters.volumebinding.NAME,
        newclaims.REASON_NO_PROVISIONER,
        later(
            "The storage claim will get no volume: none is free, and its class makes none. "
            "Ask an administrator for one."
        ),
    ),
    (
        filters.volumebinding.NAME,
        newclaims.REASON_NOT_THERE,
        later("The storage claim names the volume {volume}, which is not available for it."),
    ),
    (filters.volumebinding.NAME, filters.volumebinding.REASON_NO_CLAIM, _NO_CLAIM),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_LOST,
        later(
            "The storage claim {claim} lost its volume {volume}. An administrator must restore it or delete the claim."
        ),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_DELETED,
        later("The storage claim {claim} is being deleted. Wait until it is gone, then create it again."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_EPHEMERAL,
        later("The storage claim {claim} is still being created for the pod."),
    ),
    (
        filters.volumebinding.NAME,
        filters.volumebinding.REASON_NOT_OWNER,
        later(
            "A storage claim named {claim} already exists and belongs to something else. Delete it or rename the pod."
        ),
    ),
    (filters.volumezone.NAME, filters.volumezone.REASON, later("The storage is in a different zone from this node.")),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_NO_CLAIM,
        later("The storage claim {name} does not exist. Create it first."),
    ),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_NO_VOLUME,
        later(
            "The volume {name} behind the storage claim is gone. An administrator must restore it or delete the claim."
        ),
    ),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_CLASS_NOT_FOUND,
        later("The storage class {name} does not exist. Set another one on the claim."),
    ),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_CLAIM_NAMELESS,
        later("The pod mounts a storage claim without naming it."),
    ),
    (filters.volumezone.NAME, filters.volumezone.REASON_NO_CLASS, _NO_CLASS),
    (filters.volumezone.NAME, filters.volumezone.REASON_VOLUME_NAMELESS, later("A storage claim has no volume yet.")),
    (
        filters.volumezone.NAME,
        filters.volumezone.REASON_NO_MODE,
        later("The storage class {name} has no volume binding mode. An administrator must repair it."),
    ),
    (
        filters.podtopologyspread.NAME,
        filters.podtopologyspread.REASON,
        later("Pods of this kind must be spread evenly, and there are already too many here."),
    ),
    (
        filters.podtopologyspread.NAME,
        filters.podtopologyspread.REASON_LABEL,
        later("Pods of this kind are spread by a label that this node lacks."),
    ),
    (
        filters.interpodaffinity.NAME,
        filters.interpodaffinity.REASON_AFFINITY,
        later("The pod must run near certain other pods, and none of them runs here."),
    ),
    (
        filters.interpodaffinity.NAME,
        filters.interpodaffinity.REASON_ANTI_AFFINITY,
        later("The pod must not run near certain other pods, and one of them runs here."),
    ),
    (
        filters.interpodaffinity.NAME,
        filters.interpodaffinity.REASON_EXISTING,
        later("A pod that runs here does not allow such pods beside it."),
    ),
    (
        filters.interpodaffinity.NAME,
        "parsing pod: {problem}",
        later("The pod's affinity rules are invalid: {problem}."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON,
        later("The devices that the pod claims are not available here: in use, out of service, or not present."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_INVALID,
        later(
            "The device driver reports contradictory information about this node. "
            "An administrator must check the driver."
        ),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_ELSEWHERE,
        later("The claimed device is not on this node."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_LEFTOVER,
        later("A claim left by an earlier attempt is being removed; the scheduler will try again by itself."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NO_CLASS,
        later("The pod asks for devices of the class {name}, which does not exist."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NOTHING_ASKED,
        later("The device claim {claim} uses a kind of request that this scheduler does not support."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NO_CLAIM,
        later("The device claim {claim} does not exist. Create it or use another one."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NOT_MADE,
        later("The pod's device claim is still being created. If this takes long, its template may not exist."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NAMELESS,
        later("The pod's resource claim {name} names neither a claim nor a template."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_DELETED,
        later("The device claim {claim} is being deleted. Wait until it is gone, then create it again."),
    ),
    (
        filters.dynamicresources.NAME,
        filters.dynamicresources.REASON_NOT_OWNER,
        later(
            "A device claim named {claim} already exists and belongs to something else. Delete it or rename the pod."
        ),
    ),
    (
        filters.dynamicresources.NAME,
        "resourceclaim in use",
        later("The claimed device is in use by other pods."),
    ),
    (
        filters.dynamicresources.NAME,
        "cannot fit resource",
        later("The device that the pod requests is not free on this node."),
    ),
    (
        filters.dynamicresources.NAME,
        "node {node}: timed out trying to allocate devices",
        later("The scheduler ran out of time looking for free devices on this node."),
    ),
    (
        filters.dynamicresources.NAME,
        "resource claim {claim} is in the process of being allocated",
        later("The claimed device is being allocated right now."),
    ),
    (
        filters.nodedeclaredfeatures.NAME,
        filters.nodedeclaredfeatures.REASON,
        later("This node's kubelet lacks a feature that the pod needs: it is too old, or the feature is off."),
    ),
    (
        filters.nodedeclaredfeatures.NAME,
        "node declared features check failed - unsatisfied requirements: {features}",
        later("This node lacks features that the pod needs: {features}."),
    ),
    ("", "node(s) didn't satisfy plugin(s) [{plugins}]", later("The pod names other nodes.")),
    ("", "node(s) didn't satisfy plugin {plugins}", later("The pod names other nodes.")),
    ("", "no nodes available to schedule pods", later("The cluster has no nodes that take pods.")),
    ("", "no new claims to deallocate", later("No device could be freed for the pod.")),
    ("", "still not schedulable", later("No device could be freed for the pod.")),
    (
        "",
        "deallocation of ResourceClaim completed",
        later("A device was released so that another can be allocated; the scheduler will try again."),
    ),
    (
        "",
        "deletion of ResourceClaim completed",
        later("A claim left by an earlier attempt was removed; the scheduler will try again."),
    ),
    ("", "Preemption is not helpful for scheduling", later("Evicting other pods would not help.")),
    ("", "No preemption victims found for incoming pod", later("No lower-priority pods can make room.")),
)
