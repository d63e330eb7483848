"""Clusters and asks made up from nothing, seeded, so that every rule about volumes and other pods is met often.

The recorded answers hold few of these: claims that wait, volumes promised or attached, ephemeral volumes, disks of
in-tree kinds, volume limits, selectors over namespaces, several constraints at once.

    python tests/e2e/rig/invent.py SEED COUNT      writes cases as JSON lines, for the testbed's oracle to answer
"""

import json
import random
import sys
from collections.abc import Iterator
from typing import Any

HOST, ZONE, OLD_ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
GONE = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}
DRIVER_ZONES = ("topology.ebs.csi.aws.com/zone", "topology.gke.io/zone", "topology.cinder.csi.openstack.org/zone")
REGION, OLD_REGION = "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"
MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins"
IN_TREE = ("kubernetes.io/aws-ebs", "kubernetes.io/gce-pd", "kubernetes.io/cinder", "kubernetes.io/azure-disk")
DRIVERS = ("csi.a", "ebs.csi.aws.com", "pd.csi.storage.gke.io", "disk.csi.azure.com", "cinder.csi.openstack.org")
DRIVERS += ("pxd.portworx.com",)
# What a case is mostly about: (mounts, disks, spread, affinity, node rules, pods with a claim)
THEMES = {
    "everything": {"claims": 0.4, "disks": 0.12, "spread": 0.35, "affinity": 0.3, "nodes": 0.25},
    "volumes": {"claims": 0.95, "disks": 0.5, "spread": 0.02, "affinity": 0.05, "nodes": 0.03},
    "migrated": {"claims": 0.95, "disks": 0.3, "spread": 0.0, "affinity": 0.0, "nodes": 0.0},
    "others": {"claims": 0.02, "disks": 0.01, "spread": 0.7, "affinity": 0.5, "nodes": 0.1},
}


class Invent:
    """An endless source of cases."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def cases(self) -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            number += 1
            yield self._case(number, THEMES[self.pick(sorted(THEMES))])

    def _case(self, number: int, theme: dict[str, float]) -> dict[str, Any]:
        self.number, self.theme = number, theme
        self.claims: list[dict] = []
        self.volumes: list[dict] = []
        size = self.random.randint(2, 5)
        self.names = [f"n{index}" for index in range(size)]
        for index in range(self.random.randint(0, 4)):
            self._claim(f"c{index}", namespace=self.pick(["default"] * 3 + ["other"]))
        pods = [self._pod(f"p{index}") for index in range(self.random.randint(0, 10))]
        ask = self._pod("ask", asks=True)
        return {
            "nodes": [self._node(name) for name in self.names],
            "pods": pods,
            "persistentvolumeclaims": self.claims,
            "persistentvolumes": self.volumes,
            "storageclasses": self._classes(),
            "csinodes": [self._csi_node(name) for name in self.names if self._may(0.8)],
            "volumeattachments": self._attachments(),
            "namespaces": [_named("default", team="a"), _named("other", team="b"), _named("third")],
            "ask": ask,
        }

    def _may(self, chance: float) -> bool:
        return self.random.random() < chance

    def _some(self, items: Any, most: int) -> list[Any]:
        return self.random.sample(list(items), self.random.randint(1, most))

    # --- nodes --------------------------------------------------------------------------------------------------

    def _node(self, name: str) -> dict[str, Any]:
        wanted = {
            ZONE: (0.85, ["r-1-a", "r-1-b", "r-1-c"]),
            OLD_ZONE: (0.2, ["r-1-a", "r-1-b"]),
            "rack": (0.6, ["r", "s"]),
        }
        wanted |= {key: (0.4, ["r-1-a", "r-1-b"]) for key in DRIVER_ZONES} | {REGION: (0.3, ["r-1", "r-2"])}
        wanted |= {"pool": (0.5, ["a", "b"]), "n": (0.4, ["3", "5", "9", "x", "-7"])}
        labels = {HOST: name} | {
            key: self.pick(values) for key, (chance, values) in wanted.items() if self._may(chance)
        }
        there = {"cpu": self.pick("248"), "memory": self.pick(["4Gi", "8Gi"]), "ephemeral-storage": "10Gi"}
        there["pods"] = self.pick(["2", "3", "110", "110", "110"])
        if self._may(0.3):
            there["nvidia.com/gpu"] = self.pick("12")
        effects = ["NoSchedule", "NoExecute", "PreferNoSchedule"]
        taint = {"key": self.pick("kl"), "value": self.pick(["", "v"]), "effect": self.pick(effects)}
        spec: dict[str, Any] = {"taints": [taint]} if self._may(0.15) else {}
        if self._may(0.05):
            spec["unschedulable"] = True
        meta = {"name": name, "uid": f"{self.number}-{name}", "labels": labels}
        return {"metadata": meta, "spec": spec, "status": {"allocatable": there, "capacity": there}}

    def _csi_node(self, name: str) -> dict[str, Any]:
        drivers = [{"name": driver, "nodeID": name, "topologyKeys": None} for driver in DRIVERS]
        for driver in drivers:
            if self._may(0.8):
                driver["allocatable"] = {
                    "count": self.pick([1, 1, 2] if self.theme is THEMES["migrated"] else [1, 2, 3])
                }
        replaced = {MIGRATED: ",".join(self._some(IN_TREE, 4))} if self._may(0.6) else {}
        return {"metadata": {"name": name, "annotations": replaced}, "spec": {"drivers": drivers}}

    # --- storage ------------------------------------------------------------------------------------------------

    def _classes(self) -> list[dict[str, Any]]:
        waiting: dict[str, Any] = {"volumeBindingMode": "WaitForFirstConsumer"}
        makers = ["csi.a", "csi.a", "kubernetes.io/no-provisioner", "kubernetes.io/aws-ebs"]
        wait = {"metadata": {"name": "wait"}, "provisioner": self.pick(makers), **waiting}
        if self._may(0.3):
            zones = {"key": ZONE, "values": self._some(["r-1-a", "r-1-b", "r-1-c"], 2)}
            wait["allowedTopologies"] = [{"matchLabelExpressions": [zones]}]
        static = {"metadata": {"name": "static"}, "provisioner": "kubernetes.io/no-provisioner", **waiting}
        return [wait, static, {"metadata": {"name": "now"}, "provisioner": "csi.a", "volumeBindingMode": "Immediate"}]

    def _claim(self, name: str, *, namespace: str = "default", owner: str | None = None) -> None:
        kind = self.pick(["bound"] * 5 + ["wait", "wait", "static", "static", "now", "odd"])
        meta: dict[str, Any] = {"name": name, "namespace": namespace, "uid": f"claim-{namespace}-{name}"}
        if owner:
            meta["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": True}
            ]
        spec: dict[str, Any] = {"resources": {"requests": {"storage": self.pick(["5Gi", "10Gi"])}}}
        spec["accessModes"] = [self.pick(["ReadWriteOnce"] * 3 + ["ReadWriteOncePod", "ReadWriteMany"])]
        phase = "Pending"
        if kind == "bound":
            spec |= {"volumeName": f"pv-{namespace}-{name}", "storageClassName": "wait"}
            meta["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
            phase = self.pick(["Bound"] * 30 + ["Lost"])
            if self._may(0.95):
                self._volume(spec["volumeName"], "wait", promised=_ref(meta), phase="Bound")
        elif kind == "odd":
            spec["storageClassName"] = self.pick(["gone", "", "wait"])
            if self._may(0.4):
                spec["volumeName"] = "elsewhere"
        else:
            spec["storageClassName"] = kind
            if self._may(0.2):
                meta["annotations"] = {"volume.kubernetes.io/selected-node": self.pick(self.names)}
            if self._may(0.2):
                spec["selector"] = self.pick([{"matchLabels": {"tier": "a"}}, {}])
            if self._may(0.1):
                spec["volumeMode"] = "Block"
            for _ in range(self.random.randint(0, 2)):
                mine = _ref(meta)
                others = [None, None, None, {**mine, "uid": ""}, mine, {**mine, "uid": "x"}, {**mine, "name": "other"}]
                self._volume(f"free-{len(self.volumes)}", kind, promised=self.pick(others))
        if self._may(0.02):
            meta |= GONE
        self.claims.append({"metadata": meta, "spec": spec, "status": {"phase": phase}})

    def _volume(self, name: str, storage_class: str, *, promised: Any = None, phase: str | None = None) -> None:
        zones = {ZONE: ["r-1-a", "r-1-b", "r-1-a__r-1-b", "r-1-a__"], OLD_ZONE: ["r-1-a", "r-1-b"], "tier": ["a", "b"]}
        often = 0.5 if self.theme is THEMES["migrated"] else 0.2
        labels = {key: self.pick(values) for key, values in zones.items() if self._may(often)}
        modes = [["ReadWriteOnce"], ["ReadWriteOnce", "ReadOnlyMany"], ["ReadWriteMany"], ["ReadWriteOncePod"]]
        csi = {"csi": {"driver": "csi.a", "volumeHandle": self.pick([name, name, "shared"])}}
        in_tree = self._in_tree()
        sources = (
            [csi] * 4
            + [in_tree] * (40 if self.theme is THEMES["migrated"] else 1)
            + [{"nfs": {"server": "s", "path": "/"}}]
        )
        spec = {"capacity": {"storage": self.pick(["5Gi", "10Gi", "20Gi"])}, "accessModes": self.pick(modes)}
        spec |= {"storageClassName": storage_class, **(source := self.pick(sources))}
        if source is in_tree and labels.get(ZONE) == "r-1-a__":
            labels[ZONE] = "r-1-b__r-1-c"  # the other one can't be translated, on which upstream gives up
        if self._may(0.1):
            spec["volumeMode"] = self.pick(["Block", "Filesystem"])
        if self._may(0.4):
            terms = [self._reach() for _ in range(self.pick([1, 1, 1, 2]))]
            spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
        if promised:
            spec["claimRef"] = promised
        meta = {"name": name, "labels": labels, **(GONE if self._may(0.04) else {})}
        status = {"phase": phase or self.pick(["Available"] * 3 + ["Released"])}
        self.volumes.append({"metadata": meta, "spec": spec, "status": status})

    def _in_tree(self) -> dict[str, Any]:
        kinds = [
            {"awsElasticBlockStore": {"volumeID": self.pick(["vol-1", "vol-2", "aws://z/vol-1", "aws:///vol-3"])}},
            {"gcePersistentDisk": {"pdName": self.pick("de")}},
            {"cinder": {"volumeID": self.pick("cde")}},
            {"azureDisk": {"diskName": "d", "diskURI": self.pick("uvw"), "kind": "Managed"}},
            {"portworxVolume": {"volumeID": self.pick("xy")}},
        ]
        return self.pick(kinds)

    def _reach(self) -> dict[str, Any]:
        """One term of a volume's node affinity."""
        expressions = []
        for _ in range(self.pick([1, 1, 2])):
            key = self.pick([ZONE, ZONE, HOST, OLD_ZONE, REGION, OLD_REGION])
            values = {HOST: ["n0", "n1", "n2"], REGION: ["r-1", "r-2"], OLD_REGION: ["r-1", "r-2"]}
            among = values.get(key, ["r-1-a", "r-1-b", "r-1-c"])
            operator = self.pick(["In", "In", "In", "NotIn", "Exists"])
            more = {"values": self._some(among, 2)} if operator != "Exists" else {}
            expressions.append({"key": key, "operator": operator, **more})
        return {"matchExpressions": expressions}

    def _attachments(self) -> list[dict[str, Any]]:
        names = [volume["metadata"]["name"] for volume in self.volumes]
        return [
            {
                "metadata": {"name": f"attachment-{index}"},
                "spec": {
                    "attacher": self.pick(["csi.a", "csi.a", "another"]),
                    "nodeName": self.pick(self.names),
                    "source": {"persistentVolumeName": self.pick(names)},
                },
            }
            for index in range(self.random.randint(0, 2) if names else 0)
        ]

    def _mounts(self, pod: str, uid: str) -> list[dict[str, Any]]:
        usable = [held["metadata"]["name"] for held in self.claims if held["metadata"]["namespace"] == "default"]
        sources: list[dict[str, Any]] = []
        if usable and self._may(self.theme["claims"]):
            sources += [
                {"persistentVolumeClaim": {"claimName": self.pick(usable)}} for _ in range(self.pick([1, 1, 2]))
            ]
        if pod == "ask" and self._may(0.02):
            sources.append({"persistentVolumeClaim": {"claimName": "gone"}})
        if self._may(self.theme["disks"]):
            sources.append(self._disk())
        mounts = [{"name": f"v{index}", **source} for index, source in enumerate(sources)]
        if self._may(0.05):
            template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
            mounts.append({"name": "own", "ephemeral": {"volumeClaimTemplate": template}})
            if pod != "ask" or self._may(0.8):
                self._claim(f"{pod}-own", owner=uid if pod != "ask" or self._may(0.8) else "a stranger")
        return mounts

    def _disk(self) -> dict[str, Any]:
        shared = {"readOnly": self._may(0.5)}
        kinds = [
            {"gcePersistentDisk": {"pdName": self.pick("de"), **shared}},
            {"awsElasticBlockStore": {"volumeID": self.pick(["vol-1", "vol-2", "aws://z/vol-1"])}},
            self._in_tree(),
            {"iscsi": {"targetPortal": "p", "iqn": self.pick("ij"), "lun": 0, **shared}},
            {"rbd": {"monitors": self._some("ab", 2), "image": self.pick("pq"), "pool": "rbd", **shared}},
            {"azureDisk": {"diskName": "d", "diskURI": self.pick("uv")}},
            {"cinder": {"volumeID": self.pick("cd")}},
            {"emptyDir": {}},
        ]
        return self.pick(kinds)

    # --- pods ---------------------------------------------------------------------------------------------------

    def _pod(self, name: str, *, asks: bool = False) -> dict[str, Any]:
        namespace = "default" if asks else self.pick(["default"] * 3 + ["other", "third"])
        uid = f"{self.number}-{name}"
        spec: dict[str, Any] = {"containers": [self._container("c")], "priority": self.pick([0, 0, 5, 10])}
        if namespace == "default":
            spec["volumes"] = self._mounts(name, uid)
        if self._may(0.15):
            spec["initContainers"] = [self._container("i", **({"restartPolicy": "Always"} if self._may(0.5) else {}))]
        affinity: dict[str, Any] = {}
        if self._may(self.theme["affinity"] * (1 if asks else 0.6)):
            affinity["podAntiAffinity"] = {REQUIRED: [self._term() for _ in range(self.pick([1, 1, 2]))]}
        if asks and self._may(self.theme["affinity"]):
            affinity["podAffinity"] = {REQUIRED: [self._term() for _ in range(self.pick([1, 1, 2]))]}
        if asks:
            self._add_node_rules(spec, affinity)
            if self._may(self.theme["spread"]):
                spec["topologySpreadConstraints"] = [self._constraint() for _ in range(self.pick([1, 1, 2]))]
        if affinity:
            spec["affinity"] = affinity
        meta: dict[str, Any] = {"name": name, "namespace": namespace, "uid": uid, "labels": self._labels()}
        status = {"phase": "Pending"}
        if not asks:
            if self._may(0.75):
                spec["nodeName"] = self.pick(self.names)
                status["phase"] = self.pick(["Running"] * 8 + ["Pending", "Unknown", "Succeeded", "Failed"])
            elif self._may(0.8):
                status["nominatedNodeName"] = self.pick(self.names)
            if self._may(0.08):
                meta |= GONE
        return {"metadata": meta, "spec": spec, "status": status}

    def _container(self, name: str, **more: Any) -> dict[str, Any]:
        amounts = {"cpu": (0.6, ["100m", "500m", "1", "2"]), "memory": (0.5, ["128Mi", "1Gi", "1500M"])}
        amounts["nvidia.com/gpu"] = (0.15, ["0", "1", "2"])
        requests = {key: self.pick(values) for key, (chance, values) in amounts.items() if self._may(chance)}
        ports = []
        if self._may(0.12):
            address = {"hostIP": self.pick(["0.0.0.0", "127.0.0.1", "10.0.0.1"])} if self._may(0.5) else {}
            ports = [
                {"containerPort": 80, "hostPort": self.pick([80, 81]), "protocol": self.pick(["TCP", "UDP"]), **address}
            ]
        return {"name": name, "image": "x", "resources": {"requests": requests}, "ports": ports, **more}

    def _labels(self) -> dict[str, str]:
        return {key: self.pick(values) for key, values in (("app", "xyz"), ("tier", "ab")) if self._may(0.7)}

    def _selector(self) -> Any:
        among = {
            "key": self.pick(["app", "tier"]),
            "operator": self.pick(["In", "NotIn"]),
            "values": self._some("xyzab", 2),
        }
        present = {"key": "tier", "operator": self.pick(["Exists", "DoesNotExist"])}
        by_label = {"matchLabels": {"app": self.pick("xyz")}}
        return self.pick([None, {}, by_label, by_label, {"matchExpressions": [among]}, {"matchExpressions": [present]}])

    def _term(self) -> dict[str, Any]:
        term = {"topologyKey": self.pick([HOST, ZONE, "rack"]), "labelSelector": self._selector()}
        if self._may(0.3):
            term["namespaces"] = self._some(["default", "other", "third"], 2)
        if self._may(0.3):
            team = {"key": "team", "operator": self.pick(["Exists", "DoesNotExist"])}
            term["namespaceSelector"] = self.pick([{}, {"matchLabels": {"team": "b"}}, {"matchExpressions": [team]}])
        return term

    def _constraint(self) -> dict[str, Any]:
        constraint = {"maxSkew": self.pick([1, 1, 2]), "topologyKey": self.pick([HOST, ZONE, "rack"])}
        constraint |= {"whenUnsatisfiable": "DoNotSchedule", "labelSelector": self._selector()}
        if self._may(0.1):
            return {**constraint, "whenUnsatisfiable": "ScheduleAnyway"}
        more = {"minDomains": [1, 2, 3, 5], "nodeAffinityPolicy": ["Honor", "Ignore"], "matchLabelKeys": [["tier"]]}
        more["nodeTaintsPolicy"] = ["Honor", "Ignore"]
        return constraint | {key: self.pick(values) for key, values in more.items() if self._may(0.3)}

    def _add_node_rules(self, spec: dict[str, Any], affinity: dict[str, Any]) -> None:
        chance = self.theme["nodes"]
        if self._may(chance):
            terms = [self._node_term() for _ in range(self.pick([1, 1, 2]))]
            affinity["nodeAffinity"] = {REQUIRED: {"nodeSelectorTerms": terms}}
        if self._may(chance / 2):
            spec["nodeSelector"] = {self.pick(["pool", HOST, ZONE]): self.pick(["a", "b", "n0", "r-1-a"])}
        if self._may(0.4):
            key = {"key": self.pick("kl")}
            spec["tolerations"] = [
                self.pick([{"operator": "Exists"}, {**key, "operator": "Exists"}, {**key, "value": "v"}])
            ]
        if self._may(0.02):
            spec["nodeName"] = self.pick(self.names)

    def _node_term(self) -> dict[str, Any]:
        term: dict[str, Any] = {}
        if self._may(0.7):
            operator = self.pick(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
            values = {
                "In": ["a", "r-1-a", "5"],
                "NotIn": ["b", "r-1-b"],
                "Gt": [self.pick("159x")],
                "Lt": [self.pick("159x")],
            }
            more = {"values": values[operator]} if operator in values else {}
            term["matchExpressions"] = [{"key": self.pick(["pool", "n", ZONE, "none"]), "operator": operator, **more}]
        if self._may(0.3):
            field = {"key": "metadata.name", "operator": self.pick(["In", "In", "NotIn"])}
            term["matchFields"] = [
                {**field, "values": [self.pick(["n0", "n1", "gone"])]} for _ in range(self.pick([1, 1, 2]))
            ]
        return term


def _named(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


def _ref(meta: dict[str, Any]) -> dict[str, Any]:
    return {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}


if __name__ == "__main__":
    seed, count = map(int, sys.argv[1:])
    for _, case in zip(range(count), Invent(seed).cases(), strict=False):
        print(json.dumps(case))
