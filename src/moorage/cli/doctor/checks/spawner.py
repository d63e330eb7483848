"""Whether moorage is in the hub, and whether its variables got there."""

from moorage.cli.doctor.checks.chart import hub_image
from moorage.cli.doctor.facts import VARIABLE, Facts
from moorage.cli.doctor.findings import Finding, attention, failed, ok
from moorage.cli.doctor.reading import Json, at, rows, text
from moorage.cli.doctor.release import Release
from moorage.cli.doctor.values import Values, is_moorage
from moorage.errors import quoted

_ADVICE = "put your values and moorage's together with `moorage hub-values`: docs/install.md, “The hub”"


def installed(facts: Facts, values: Values) -> Finding:
    """The spawner that wins, and that Python finds it in the hub's pod."""
    told = values.spawner_classes
    mine = [where for where, what in told if is_moorage(what)]
    if not mine:
        return attention(
            "moorage", "This hub does not use moorage yet.", next=_ADVICE, commands=_upgrade(values.release)
        )
    if not values.has_moorage:
        where, what = told[-1]
        return failed(
            "moorage",
            f"{mine[-1]} sets moorage as the spawner, but {where} is read later and sets {quoted(what)}.",
            next=f"remove spawner_class from {where}: moorage is a KubeSpawner and takes all its options",
        )
    copies = _copies(facts, values)
    if not copies:
        image = hub_image(facts, values) or "the hub's image"
        return ok("moorage", f"{told[-1][0]} sets it as the spawner; it has to be in {image} itself.")
    if "PYTHONPATH" not in _environment(facts, values):
        return failed(
            "moorage",
            "moorage is copied into the hub's pod, but PYTHONPATH is missing there: the hub can't import it.",
            next=_ADVICE,
            commands=_upgrade(values.release),
        )
    theirs = _service_image(facts)
    if theirs and _version(theirs) != _version(copies[0]):
        return attention(
            "moorage",
            f"The hub has moorage from {copies[0]}, the service runs {theirs}.",
            next="use the same image in both, so that form and service agree",
        )
    return ok("moorage", f"{told[-1][0]} sets it as the spawner, from {copies[0]}.")


def extra_env(facts: Facts, values: Values) -> Finding:
    """A list in one values file and a map in another: Helm takes one and drops the other without a word."""
    given = at(values.own, "hub.extraEnv")
    live = _environment(facts, values)
    lost = [name for name in ("PYTHONPATH", VARIABLE) if name not in live]
    if isinstance(given, list):
        if values.has_moorage and not lost:
            return ok("extraEnv", "hub.extraEnv is a list, and moorage's variables are in it.")
        return (failed if values.has_moorage else attention)(
            "extraEnv",
            "hub.extraEnv is a list; moorage's values have a map, and Helm would keep only one of the two.",
            next=_ADVICE,
            commands=_upgrade(values.release),
        )
    if values.has_moorage and VARIABLE in lost:
        return attention(
            "extraEnv",
            f"The hub's pod has no {VARIABLE}: without a token the service tells it nothing.",
            next=_ADVICE,
            commands=_upgrade(values.release),
        )
    return ok("extraEnv", "hub.extraEnv is a map, so that several files add up.")


def _upgrade(release: Release) -> tuple[str, ...]:
    """The commands that put moorage's values beside theirs, with this release's own names."""
    if release.revision is None or release.within is not None:
        return ()
    named = f"{release.name} --namespace {release.namespace}"
    chart = f"jupyterhub/jupyterhub --namespace {release.namespace} --version {release.chart_version}"
    return (
        f"helm get values {named} --output yaml | moorage hub-values - > hub-values.yaml",
        f"helm upgrade {release.name} {chart} --values hub-values.yaml",
    )


def _copies(facts: Facts, values: Values) -> list[str]:
    """Images of the init containers that bring moorage."""
    live = rows(facts.hub.deployment, "spec.template.spec.initContainers")
    found = live or rows(values.all, "hub.initContainers")
    return [text(one, "image") for one in found if _brings_moorage(one)]


def _brings_moorage(container: Json) -> bool:
    return "moorage" in text(container, "name") or "moorage-hub" in str(at(container, "command"))


def _environment(facts: Facts, values: Values) -> set[str]:
    """Names of the variables of the hub's container: the running one's, otherwise the values'."""
    for container in rows(facts.hub.deployment, "spec.template.spec.containers"):
        if text(container, "name") == "hub":
            return {text(one, "name") for one in rows(container, "env")}
    return set(values.extra_env)


def _service_image(facts: Facts) -> str:
    return next((text(one, "image") for one in rows(facts.service.deployment, "spec.template.spec.containers")), "")


def _version(image: str) -> str:
    """What tells two versions apart: the digest or the tag, wherever the image lies."""
    return image.rpartition("/")[2].partition(":")[2] or image.rpartition("@")[2]
