"""Volumes of in-tree kinds as the CSI drivers that took over from them see them: by which id, and reachable from where.

Two plugins ask. NodeVolumeLimits counts such a volume for its driver on every node with a CSINode. VolumeBinding reads
its zones under the driver's own label where the node's CSINode says that the in-tree plugin was replaced there.
VolumeZone knows nothing of this, and neither do claims that are still to be bound.

Source: kubernetes v1.36 csi-translation-lib translate.go and plugins/, and pkg/scheduler/framework/plugins/
volumebinding/binder.go (tryTranslatePVToCSI)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from moorage.objects import NodeSelector, NodeSelectorTerm, Requirement
from moorage.scheduling.selectors import NodeTerms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.objects import CSINode, PersistentVolume, Volume, VolumeSpec

ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
OLD_ZONE, OLD_REGION = "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"
_MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins"
_EBS_ID = re.compile(r"vol-[^/]*")
_NO_LABELS: Mapping[str, str | None] = {}


class Untranslatable(ValueError):
    """A volume that the scheduler's code can't translate; it says why in its own words."""


class Driver(NamedTuple):
    plugin: str
    name: str
    # The label of nodes by which the driver tells zones; None where the volume's affinity stays as it is.
    zone: str | None


EBS = Driver("kubernetes.io/aws-ebs", "ebs.csi.aws.com", "topology.ebs.csi.aws.com/zone")
GCE = Driver("kubernetes.io/gce-pd", "pd.csi.storage.gke.io", "topology.gke.io/zone")
CINDER = Driver("kubernetes.io/cinder", "cinder.csi.openstack.org", "topology.cinder.csi.openstack.org/zone")
AZURE = Driver("kubernetes.io/azure-disk", "disk.csi.azure.com", None)
PORTWORX = Driver("kubernetes.io/portworx-volume", "pxd.portworx.com", None)
DRIVERS = {driver.plugin: driver for driver in (EBS, GCE, CINDER, AZURE, PORTWORX)}


def driver_of(source: Volume | VolumeSpec) -> Driver | None:
    """The driver that serves this in-tree disk nowadays."""
    if source.aws_elastic_block_store is not None:
        return EBS
    if source.gce_persistent_disk is not None:
        return GCE
    if source.cinder is not None:
        return CINDER
    if source.azure_disk is not None:
        return AZURE
    return PORTWORX if source.portworx_volume is not None else None


def handle_of(source: Volume | VolumeSpec, *, labels: Mapping[str, str | None] | None = None) -> str:
    """The driver's id of an in-tree disk. `labels` are those of its volume; a disk that a pod names itself has none."""
    if source.aws_elastic_block_store is not None:
        return _ebs_id(source.aws_elastic_block_store.volume_id)
    if source.gce_persistent_disk is not None:
        return _gce_id(source.gce_persistent_disk.pd_name, labels or _NO_LABELS)
    if source.cinder is not None:
        return source.cinder.volume_id
    if source.azure_disk is not None:
        if source.azure_disk.kind is not None and source.azure_disk.kind.lower() != "managed":
            raise Untranslatable(f"kind({source.azure_disk.kind}) is not supported in csi migration")
        return source.azure_disk.disk_uri
    return source.portworx_volume.volume_id if source.portworx_volume is not None else ""


def _ebs_id(told: str) -> str:
    if not told.startswith("aws://"):
        return told
    try:
        found = urlsplit(told).path.strip("/")
        wrong = "" if _EBS_ID.fullmatch(found) else f"Invalid format for AWS volume ({told})"
    except ValueError as error:
        wrong = f"Invalid disk name ({told}): {error}"
    if wrong:
        raise Untranslatable(f"failed to translate Kubernetes ID to EBS Volume ID {wrong}")
    return found


def _gce_id(disk: str, labels: Mapping[str, str | None]) -> str:
    zones = (labels.get(OLD_ZONE) or labels.get(ZONE) or "").split("__")
    if len(zones) == 1:
        return f"projects/UNSPECIFIED/zones/{zones[0] or 'UNSPECIFIED'}/disks/{disk}"
    regions = set()
    for zone in zones:
        if zone.count("-") != 2:
            wrong = f"zone in unexpected format, expected: {{locale}}-{{region}}-{{zone}}, got: {zone}"
            raise Untranslatable(f"failed to get region from zones: {wrong}")
        regions.add(zone.rpartition("-")[0])
    if len(regions) != 1:
        wrong = f"multiple or no regions gotten from zones, got: map[{' '.join(f'{r}:{{}}' for r in sorted(regions))}]"
        raise Untranslatable(f"failed to get region from zones: {wrong}")
    return f"projects/UNSPECIFIED/regions/{regions.pop()}/disks/{disk}"


class Reach:
    """From which nodes one volume can be reached."""

    def __init__(self, volume: PersistentVolume) -> None:
        spec = volume.spec
        self._driver = driver_of(spec) if spec is not None and spec.csi is None else None
        affinity = spec.node_affinity if spec is not None else None
        required = affinity.required if affinity is not None else None
        self._own = NodeTerms(required) if required is not None else None
        self._translated = self._own
        self._problem: Untranslatable | None = None
        if self._driver is not None and spec is not None:
            labels = volume.metadata.labels or _NO_LABELS
            try:
                handle_of(spec, labels=labels)
            except Untranslatable as problem:
                self._problem = problem
            if self._driver.zone is not None:
                required = translated(required, labels, zone=self._driver.zone)
                self._translated = NodeTerms(required) if required is not None else None

    @property
    def is_in_tree(self) -> bool:
        return self._driver is not None

    def includes(self, labels: Mapping[str, str], *, csi_node: CSINode | None = None) -> bool:
        """Whether a node with these labels reaches it. Raises `Untranslatable` where the scheduler stumbles over it."""
        terms = self._own
        if self._driver is not None and self._driver.plugin in _replaced(csi_node):
            if self._problem is not None:
                raise self._problem
            terms = self._translated
        return terms is None or terms.matches(labels)


def _replaced(csi_node: CSINode | None) -> list[str]:
    annotations = csi_node.metadata.annotations if csi_node is not None else None
    return ((annotations or {}).get(_MIGRATED) or "").split(",")


def translated(required: NodeSelector | None, labels: Mapping[str, str | None], *, zone: str) -> NodeSelector | None:
    """A volume's node affinity with its zones under the driver's own label; its zone label counts where it has none."""
    terms = (required.node_selector_terms if required is not None else None) or ()
    zone_key, region_key = _keys(terms, labels)
    if _values(terms, zone_key):
        terms = _renamed(terms, zone_key, zone)
    elif zones := sorted({part.strip() for part in (labels.get(zone_key) or "").split("__")} - {""}):
        more = Requirement(key=zone, operator="In", values=tuple(zones))
        terms = tuple(
            replace(term, match_expressions=(*(term.match_expressions or ()), more))
            for term in terms or (NodeSelectorTerm(),)
        )
    if region_key == OLD_REGION and _values(terms, OLD_REGION):
        terms = _renamed(terms, OLD_REGION, REGION)
    return None if required is None and not terms else NodeSelector(node_selector_terms=terms)


_Terms = tuple[NodeSelectorTerm, ...]


def _keys(terms: _Terms, labels: Mapping[str, str | None]) -> tuple[str, str]:
    """By which labels, today's or the old ones, this volume tells its zone and region."""
    named = {e.key for term in terms for e in term.match_expressions or ()}
    old = ZONE not in named and (OLD_ZONE in named or (ZONE not in labels and OLD_ZONE in labels))
    return (OLD_ZONE, OLD_REGION) if old else (ZONE, REGION)


def _values(terms: _Terms, key: str) -> bool:
    return any(e.values for term in terms for e in term.match_expressions or () if e.key == key)


def _renamed(terms: _Terms, old: str, new: str) -> _Terms:
    return tuple(
        replace(
            term,
            match_expressions=tuple(replace(e, key=new) if e.key == old else e for e in term.match_expressions or ()),
        )
        for term in terms
    )
