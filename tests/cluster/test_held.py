"""Until when what is short is held."""

import pytest

from moorage import Cluster
from moorage.cluster.answers.held import held_by


@pytest.mark.parametrize(
    ("spec", "started", "until"),
    [
        ({"activeDeadlineSeconds": 600}, "2026-01-01T12:00:00Z", "2026-01-01T12:10:30+00:00"),
        (
            {"activeDeadlineSeconds": 600, "terminationGracePeriodSeconds": 60},
            "2026-01-01T12:00:00Z",
            "2026-01-01T12:11:00+00:00",
        ),
        ({"activeDeadlineSeconds": 600}, None, None),
        ({}, "2026-01-01T12:00:00Z", None),
        ({"activeDeadlineSeconds": 1 << 60}, "2026-01-01T12:00:00Z", None),
    ],
)
def test_a_holder_ends_by_its_own_deadline_and_a_stop(node, pod, spec, started, until):
    holder = pod("batch", on="n1", gpu=1, **spec)
    holder["status"] = {"phase": "Running", **({"startTime": started} if started else {})}
    cluster = Cluster.from_objects(nodes=[node("n1", gpu=1)], pods=[holder])

    held = held_by(cluster, cluster.fit(pod("ask", gpu=1)), policy="pod")

    assert [one.until for one in held["n1"]] == [until]
