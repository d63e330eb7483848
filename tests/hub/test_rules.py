"""What the rules of a namespace leave of a choice, from the API server's own words."""

from fractions import Fraction

import pytest

from moorage.hub.choice.offered.offer import Bounds, Choice, Offer
from moorage.hub.choice.rules import broken

GI = 1 << 30
OFFER = Offer(nodes=None, cpu=Bounds(least=100), memory=Bounds(least=128 << 20), cpu_guarantee_ratio=Fraction(1, 2))
CHOICE = Choice(8000, 16 * GI, 2, "nvidia.com/gpu", cpu_request_milli=4000)


def quota(asked, used, hard):
    return f'pods "jupyter-ada" is forbidden: exceeded quota: team, requested: {asked}, used: {used}, limited: {hard}'


@pytest.mark.parametrize(
    ("message", "text", "use"),
    [
        (quota("limits.cpu=8", "limits.cpu=0", "limits.cpu=6"), "Your team has 6 CPU left.", {"cpu": "6"}),
        (quota("requests.cpu=4", "requests.cpu=1500m", "requests.cpu=4"), "Your team has 5 CPU left.", {"cpu": "5"}),
        (quota("cpu=4100m", "cpu=1", "cpu=4"), "Your team has 5.8 CPU left.", {"cpu": "5.8"}),
        (
            quota("limits.cpu=8,limits.memory=16Gi", "limits.cpu=4,limits.memory=0", "limits.cpu=10,limits.memory=8Gi"),
            "Your team has 6 CPU and 8 GiB left.",
            {"cpu": "6", "memory": "8 GiB"},
        ),
        (
            quota("limits.cpu=8,requests.cpu=4", "limits.cpu=0,requests.cpu=1", "limits.cpu=6,requests.cpu=2"),
            "Your team has 2 CPU left.",
            {"cpu": "2"},
        ),
        (
            quota("requests.nvidia.com/gpu=2", "requests.nvidia.com/gpu=3", "requests.nvidia.com/gpu=4"),
            "Your team has 1 GPU left.",
            {"gpu": "1"},
        ),
        (
            "maximum cpu usage per Container is 4, but limit is 8",
            "Your team may have at most 4 CPU for one server.",
            {"cpu": "4"},
        ),
        (
            'pods "x" is forbidden: [maximum cpu usage per Pod is 6, but limit is 8, maximum memory usage per Pod is 8Gi, but limit is 17Gi]',
            "Your team may have at most 6 CPU and 7 GiB for one server.",
            {"cpu": "6", "memory": "7 GiB"},
        ),
        (
            "minimum memory usage per Container is 20Gi, but request is 16Gi",
            "Your team needs at least 20 GiB.",
            {"memory": "20 GiB"},
        ),
    ],
)
def test_what_is_left_is_told_and_can_be_taken(message, text, use):
    found = broken(message, CHOICE, OFFER)

    assert (found.text, [dict(each) for _, each in found.ways], found.waits) == (text, [use], False)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (quota("limits.cpu=8", "limits.cpu=6", "limits.cpu=6"), "Your team has no CPU left."),
        (quota("limits.memory=16Gi", "limits.memory=8Gi", "limits.memory=8Gi"), "Your team has no memory left."),
        (quota("pods=1", "pods=10", "pods=10"), "Your team may run 10 pods at a time, and all are in use."),
    ],
)
def test_where_nothing_is_left_somebody_holds_it(message, text):
    found = broken(message, CHOICE, OFFER)

    assert (found.text, found.ways, found.waits) == (text, (), True)


@pytest.mark.parametrize(
    "message",
    [
        "",
        'violates PodSecurity "restricted:latest": runAsNonRoot != true',
        "failed quota: team: must specify limits.cpu for: notebook",
        "exceeded quota: team, requested: limits.cpu=8, used: nonsense, limited: limits.cpu=6",
        "exceeded quota: team, requested: requests.storage=10Gi, used: requests.storage=0, limited: requests.storage=5Gi",
        "exceeded quota: team, requested: a=b, used: a=c, limited: a=d",
        "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
    ],
)
def test_other_words_say_nothing_of_the_choice(message):
    assert broken(message, CHOICE, OFFER) is None
