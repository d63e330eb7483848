"""What people may choose: profiles, caps, and the room that is kept for them."""

from typing import Any

from moorage.cli.doctor.facts import Facts
from moorage.cli.doctor.findings import Finding, attention, ok
from moorage.cli.doctor.reading import at, mapping, rows, text
from moorage.cli.doctor.values import Values

_LIFT = "`c.MoorageSpawner.lift_configured_limits = True` lets people choose more"


def profiles(_facts: Facts, values: Values) -> Finding:
    """A list of profiles, or a form of the hub's own, beside moorage's form."""
    forms = values.lines_with("options_form")
    if forms or at(values.all, "hub.config.KubeSpawner.options_form"):
        where = f"hub.extraConfig.{forms[0]}" if forms else "hub.config.KubeSpawner"
        return attention(
            "profiles",
            f"{where} sets options_form, which takes the place of moorage's form.",
            next="remove it",
        )
    found = rows(values.all, "singleuser.profileList")
    where = "singleuser.profileList"
    coded = values.lines_with("profile_list")
    if not found and at(values.all, "hub.config.KubeSpawner.profile_list"):
        found, where = rows(values.all, "hub.config.KubeSpawner.profile_list"), "hub.config.KubeSpawner.profile_list"
    if not found and coded:
        says = f"hub.extraConfig.{coded[0]} sets profile_list: moorage shows its profiles as presets."
        return (ok if values.has_moorage else attention)("profiles", says)
    if not found:
        return ok("profiles", "No profiles: people choose by moorage's form alone.")
    count = f"{len(found)} profile{'s' * (len(found) != 1)}"
    told = ", ".join(text(one, "display_name") or "without a name" for one in found[:4])
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    says = f"{where} has {count}: {told}{more}. moorage shows them as presets that fill its fields."
    if values.has_moorage:
        return ok("profiles", says)
    return attention("profiles", says, next="keep them for that, or remove the list when you install moorage")


def caps(_facts: Facts, values: Values) -> Finding:
    """What KubeSpawner is configured to give is the default and the most, unless an option says otherwise."""
    configured: dict[str, tuple[Any, tuple[str, ...]]] = {
        "CPU": (_set(values, "singleuser.cpu.limit", "cpu_limit"), ("cpu_max", "cpu_choices")),
        "memory": (_set(values, "singleuser.memory.limit", "mem_limit"), ("memory_max", "memory_choices")),
    }
    extended = mapping(values.all, "singleuser.extraResource.limits")
    configured |= {str(name): (amount, ("gpu_max",)) for name, amount in extended.items()}
    lifted = str(values.option("lift_configured_limits")) == "True"
    told = [_cap(values, what, amount, by, lifted=lifted) for what, (amount, by) in configured.items()]
    capped = [one for one in told if one]
    if not capped:
        return ok(
            "caps",
            "No limit is set, so people may choose up to the largest node. "
            "`c.MoorageSpawner.cpu_max` and `memory_max` set a maximum.",
        )
    is_most = any(one.endswith("at most") for one in capped)
    return ok("caps", f"{'; '.join(capped)}.{f' {_LIFT}.' if is_most else ''}")


def _cap(values: Values, what: str, amount: Any, by: tuple[str, ...], *, lifted: bool) -> str:
    given = f"{str(amount)[:40]} {what} by default" if amount not in (None, "") else ""
    option = next((name for name in by if values.option(name) not in (None, "")), None)
    if option is not None:
        return f"{given}, at most what {option} says" if given else f"{what} at most what {option} says"
    return given if not given or lifted else f"{given} and at most"


def placeholders(_facts: Facts, values: Values) -> Finding:
    """Room that placeholder pods keep is for users only where pods have priorities."""
    asked = mapping(values.all, "scheduling.userPlaceholder")
    replicas = asked.get("replicas") if asked.get("enabled") is not False else 0
    count = replicas if isinstance(replicas, int) and not isinstance(replicas, bool) else 0
    priority = at(values.all, "scheduling.podPriority.enabled") is True
    if not count:
        return ok("placeholders", f"None; pod priority is {'on' if priority else 'off'}.")
    pods = f"{count} placeholder pod{'s' * (count != 1)}"
    if priority:
        return ok("placeholders", f"{pods}; pod priority is on, so that users' pods take their room.")
    return attention(
        "placeholders",
        f"{pods}, but pod priority is off: they hold room that no user can get.",
        next="set `scheduling.podPriority.enabled: true`",
    )


def _set(values: Values, path: str, option: str) -> Any:
    found = values.option(option)
    return found if found is not None else at(values.all, path)
