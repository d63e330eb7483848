"""What a kubelet may refuse after the scheduler."""

from __future__ import annotations

import pytest

from moorage.scheduling.accounting.kubelet import ALIGNED, may_turn_away
from moorage.scheduling.accounting.quality import quality_of

WHOLE = {"cpu": "4", "memory": "8Gi"}
HALF = {"cpu": "1500m", "memory": "8Gi"}


def _spec(*resources: dict, **spec) -> dict:
    return {"containers": [{"name": f"c{i}", "resources": held} for i, held in enumerate(resources)], **spec}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        pytest.param(_spec({"requests": WHOLE, "limits": WHOLE}), True, id="whole CPUs, Guaranteed"),
        pytest.param(_spec({"requests": HALF, "limits": HALF}), False, id="a part of a CPU"),
        pytest.param(_spec({"requests": {"cpu": "2"}, "limits": WHOLE}), False, id="Burstable"),
        pytest.param(_spec({"requests": {"cpu": "4"}}), False, id="no limits"),
        pytest.param(_spec({"limits": {"nvidia.com/gpu": "1"}}), False, id="one device"),
        pytest.param(_spec({"limits": {"nvidia.com/gpu": "2"}}), True, id="two of one kind"),
        pytest.param(_spec({"limits": {"nvidia.com/gpu": "1", "example.com/nic": "1"}}), True, id="two kinds"),
        pytest.param(
            _spec({"limits": {"nvidia.com/gpu": "1"}}, {"limits": {"nvidia.com/gpu": "1"}}), False, id="apart"
        ),
        pytest.param(_spec({}), False, id="nothing"),
        pytest.param(_spec({"limits": {"nvidia.com/gpu": "many"}}), False, id="garbage"),
    ],
)
def test_only_pods_that_a_kubelet_may_turn_away_are_told_so(spec, told):
    assert may_turn_away({"spec": spec}) == (ALIGNED if told else None)


@pytest.mark.parametrize(
    ("spec", "quality"),
    [
        (_spec({}), "BestEffort"),
        (_spec({"requests": {"cpu": "0"}}), "BestEffort"),
        (_spec({"requests": {"nvidia.com/gpu": "1"}}), "BestEffort"),
        (_spec({"requests": {"cpu": "1"}}), "Burstable"),
        (_spec({"requests": WHOLE, "limits": WHOLE}, {}), "Burstable"),
        (
            _spec({"requests": {"cpu": "1000m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1024Mi"}}),
            "Guaranteed",
        ),
        (_spec({}, resources={"requests": WHOLE, "limits": WHOLE}), "Guaranteed"),
        (_spec({"requests": {"cpu": "1"}}, resources={"requests": {"hugepages-2Mi": "2Mi"}}), "BestEffort"),
    ],
)
def test_quality_of_service(spec, quality):
    assert quality_of(spec) == quality
