"""What pods count while they are resized, beside the code of this release and of the next one, whose rule is another."""

import itertools
import random

import pytest
from test_oracle import CASES, SEED, theirs

from moorage import effective_requests
from rig.resize import Resize

pytestmark = pytest.mark.e2e


def by_name(requests):
    """All that is not zero, whoever counted it."""
    plain = {"cpu": requests.cpu_milli, "memory": requests.memory, "ephemeral-storage": requests.ephemeral_storage}
    return {name: units for name, units in (plain | requests.scalars).items() if units}


def flat(answer):
    plain = {"cpu": answer["cpu_milli"], "memory": answer["memory"], "ephemeral-storage": answer["ephemeral_storage"]}
    return {name: units for name, units in (plain | answer["scalars"]).items() if units}


@pytest.fixture(scope="module")
def pods():
    return [{"pod": pod} for pod in itertools.islice(Resize(random.Random(SEED)).pods(), 3 * CASES)]


def test_a_pod_that_is_resized_counts_what_the_scheduler_counts(programs, pods):
    answers = theirs(programs / "oracle", pods, "-requests")

    wrong = [
        line["pod"]
        for line, answer in zip(pods, answers, strict=True)
        if by_name(effective_requests(line["pod"])) != flat(answer)
    ]
    assert wrong[:3] == []


def test_from_1_37_on_it_counts_what_that_release_counts(programs, pods):
    answers = theirs(programs / "next", pods)

    wrong = [
        line["pod"]
        for line, answer in zip(pods, answers, strict=True)
        if by_name(effective_requests(line["pod"], server_version=(1, 37)))
        != {name: units for name, units in answer.items() if units}
    ]
    assert wrong[:3] == []
    both = [effective_requests(line["pod"], server_version=version) for line in pods for version in ((1, 36), (1, 37))]
    assert sum(old != new for old, new in zip(both[::2], both[1::2], strict=True)) > len(pods) / 10
