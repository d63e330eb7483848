"""What befalls the service in one storm: a script made from a seed, so that a storm can be had again."""

import random
from dataclasses import dataclass

from storms import wire as wires

HTML = "<!doctype html><title>Sign in</title><p>Please sign in."
RETRY_AFTER = ("-3", "0", "1", "7", "120", "1e9", "nan", "inf", "soon", "Wed, 21 Oct 2099 07:28:00 GMT", "")
KINDS = ("pods", "nodes", "persistentvolumeclaims", "resourceclaims")
SERVER = (
    "truncated",
    "garbage",
    "duplicated",
    "shuffled",
    "gone",
    "gone_in_stream",
    "too_many",
    "server_error",
    "unauthorized",
    "forbidden",
    "redirect",
    "html",
    "restart",
    "clock",
)


@dataclass(frozen=True)
class Gust:
    """One mishap: `after` seconds of calm, then `kind` for so many seconds. `detail` is what is particular to it."""

    after: float
    kind: str
    seconds: float
    detail: str = ""

    @property
    def is_total(self):
        return self.kind in wires.TOTAL or (self.kind in ("unauthorized", "server_error") and not self.detail)

    def __str__(self):
        return f"{self.after:.1f} s calm, {self.seconds:.1f} s {self.kind}" + (
            f" ({self.detail})" if self.detail else ""
        )


def script(seed):
    """Three or four gusts. One storm in three is one kind again and again."""
    chance = random.Random(seed)
    kinds = (*wires.KINDS, *SERVER)
    if chance.random() < 0.33:
        kinds = (chance.choice(kinds), *chance.sample(kinds, 1))
    made = []
    for _ in range(chance.randint(3, 4)):
        kind = chance.choice(kinds)
        made.append(
            Gust(
                after=chance.choice((0.0, 0.2, 1.0, 2.0)),
                kind=kind,
                seconds=round(chance.choice((0.1, 0.5, 1.5, 1.5, 3.5, 6.5)) * chance.uniform(0.8, 1.2), 2),
                detail=_detail(kind, chance),
            )
        )
    return made


def _detail(kind, chance):
    if kind == "too_many":
        return chance.choice(RETRY_AFTER)
    if kind == "clock":
        return chance.choice(("forwards", "back"))
    if kind == "forbidden":
        return chance.choice(KINDS)
    if kind in ("server_error", "unauthorized", "html", "redirect", "garbage", "truncated"):
        return chance.choice(("", *KINDS))
    return ""


async def begin(gust, station):
    """Let it happen. What is returned is awaited to end it."""
    simulator, wire = station.simulator, station.wire
    where = {"path": f"*/{gust.detail}"} if gust.detail in KINDS else {}
    faults = simulator.faults
    if gust.kind in wires.KINDS:
        wire.breaks(gust.kind)
        return _later(wire.mends)
    match gust.kind:
        case "truncated":
            made = [faults.truncate(**where)]
        case "garbage":
            made = [faults.garbage(**where)]
        case "duplicated":
            made = [faults.duplicate()]
        case "shuffled":
            made = [faults.shuffle(), faults.gone(verb="watch", times=5)]
        case "gone":
            made = [faults.gone(times=8)]
        case "gone_in_stream":
            made = [faults.gone(in_stream=True, verb="watch", times=8)]
        case "too_many":
            made = [faults.answer(429, headers={"Retry-After": gust.detail}), _cuts(faults)]
        case "server_error":
            made = [faults.answer(503, headers={"Retry-After": "30"}, body="upstream connect error", **where)]
            made.append(_cuts(faults, **where))
        case "unauthorized":
            made = [faults.answer(401, body='{"kind":"Status","code":401}', **where), _cuts(faults, **where)]
        case "forbidden":
            made = [faults.revoke_right(gust.detail), _cuts(faults, path=f"*/{gust.detail}")]
        case "redirect":
            made = [faults.answer(302, headers={"Location": "https://sign.in/"}, **where), _cuts(faults, **where)]
        case "html":
            made = [faults.answer(200, headers={"Content-Type": "text/html"}, body=HTML, **where)]
            made.append(_cuts(faults, **where))
        case "clock":
            station.set_clock(gust.detail)
            return _later(lambda: None)
        case "restart":
            port = simulator.port
            await simulator.stop()
            simulator.compact()

            async def back():
                await simulator.start(port)

            return back
    return _later(lambda: [faults.remove(fault) for fault in made])


def _later(call):
    async def end():
        call()

    return end


def _cuts(faults, **where):
    """Open watches end, so that the other fault meets new ones."""
    return faults.drop(new_requests=False, **where)
