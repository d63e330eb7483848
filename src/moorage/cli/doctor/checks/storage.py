"""Where a new person's files go: the class of the claim that KubeSpawner makes at the first start."""

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, Unknown, attention, failed, ok, unknown
from moorage.cli.doctor.reading import Json, at, mapping, text
from moorage.cli.doctor.values import Values

_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def claims(facts: Facts, values: Values) -> Finding:
    storage = mapping(values.all, "singleuser.storage")
    match text(storage, "type") or "dynamic":
        case "none":
            return ok("storage", "None: files are gone when a server stops.")
        case "static":
            return _static(facts, text(storage, "static.pvcName"))
        case "dynamic":
            return _dynamic(facts, storage)
        case other:
            return attention(
                "storage", f"singleuser.storage.type is {other!r}.", next="set it to dynamic, static or none"
            )


def _static(facts: Facts, name: str) -> Finding:
    where = f"in the namespace {facts.hub.namespace}"
    if not name:
        return failed(
            "storage", "The type is static, but no claim is named.", next="set singleuser.storage.static.pvcName"
        )
    if isinstance(facts.claim, Unknown):
        return unknown("storage", facts.claim)
    if facts.claim is None:
        return failed("storage", f"The claim {name} is not {where}.", next="create it, or name another one")
    modes = at(facts.claim, "spec.accessModes")
    if isinstance(modes, list) and "ReadWriteMany" not in modes:
        return attention(
            "storage",
            f"Everybody shares the claim {name}, which only one node can mount at a time.",
            next="use a claim with the access mode ReadWriteMany",
        )
    return ok("storage", f"Everybody shares the claim {name}.")


def _dynamic(facts: Facts, storage: Json) -> Finding:
    """The class exists, and a volume is made where the chosen node can reach it."""
    if isinstance(facts.classes, Unknown):
        return unknown("storage", facts.classes)
    named = text(storage, "dynamic.storageClass")
    found = _class(facts.classes, named)
    if found is None:
        known = ", ".join(sorted(text(one, "metadata.name") for one in facts.classes)) or "none"
        says = f"has no StorageClass {named}" if named else "has no default StorageClass, and the values name none"
        return failed(
            "storage",
            f"The cluster {says}: no new person's server can start. There are: {known}.",
            next="set singleuser.storage.dynamic.storageClass, or mark a class as the default",
        )
    name = text(found, "metadata.name")
    told = f"{text(storage, 'capacity') or 'A volume'} for each person from the class {name}"
    if not named:
        told += ", the cluster's default"
    if text(found, "volumeBindingMode") == "WaitForFirstConsumer":
        return ok("storage", f"{told}, made where the first server starts.")
    if isinstance(facts.zones, set) and len(facts.zones) > 1:
        return attention(
            "storage",
            f"{told}, made before a node is chosen: in a cluster of {len(facts.zones)} zones it may lie out of reach.",
            next="use a class with volumeBindingMode WaitForFirstConsumer",
        )
    return ok("storage", f"{told}, made before a node is chosen.")


def _class(classes: list[Json], named: str) -> Json | None:
    """The class of this name; without one the default, and of several defaults the newest, as the API server does."""
    if named:
        return next((one for one in classes if text(one, "metadata.name") == named), None)
    defaults = [
        one for one in classes if any(mapping(one, "metadata.annotations").get(key) == "true" for key in _DEFAULT)
    ]
    return max(defaults, key=lambda one: text(one, "metadata.creationTimestamp"), default=None)
