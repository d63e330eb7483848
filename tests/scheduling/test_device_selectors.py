"""Selectors of devices: the part of CEL that is evaluated, and what is left to the scheduler."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.objects import DeviceBody, decode
from moorage.scheduling.devices.cel import matches
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.facts import Facts

CARD = {
    "attributes": {
        "model": {"string": "a100"},
        "index": {"int": 2},
        "virtual": {"bool": False},
        "driverVersion": {"version": "550.54.15"},
        "pcie.example.com/root": {"string": "0000:00"},
    },
    "capacity": {"memory": {"value": "80Gi"}},
}


def device(body: dict | None = None, driver: str = "gpu.example.com") -> Facts:
    return Facts(driver, decode(DeviceBody, CARD if body is None else body))


OWN = "device.attributes['gpu.example.com']"
MEMORY = "device.capacity['gpu.example.com'].memory"


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "device.driver == 'gpu.example.com'",
        '"gpu.example.com" == device.driver',
        f"{OWN}.model == 'a100'",
        f"{OWN}['model'] != 't4'",
        "device.attributes['pcie.example.com'].root == '0000:00'",
        f"{OWN}.model in ['t4', 'a100']",
        f"!({OWN}.model in ['t4'])",
        f"{OWN}.index >= 2 && {OWN}.index < 3 && {OWN}.index > -1",
        f"!{OWN}.virtual",
        f"{OWN}.virtual || {OWN}.index == 2",
        f"has({OWN}.model) && !has({OWN}.missing)",
        f"'model' in {OWN} && !('missing' in {OWN})",
        "!('x' in device.attributes['elsewhere.example.com'])",
        f"{MEMORY}.compareTo(quantity('40Gi')) > 0",
        f"{MEMORY}.isGreaterThan(quantity('79.5Gi')) && {MEMORY}.isLessThan(quantity('1Ti'))",
        f"{MEMORY} == quantity('81920Mi')",
        f"{OWN}.driverVersion.compareTo(semver('550.54.14')) == 1",
        f"{OWN}.driverVersion.isLessThan(semver('550.100.0'))",
        "semver('1.0.0-rc.1').isLessThan(semver('1.0.0')) && semver('1.0.0-2').isLessThan(semver('1.0.0-10'))",
        "semver('1.0.0+a') == semver('1.0.0+b')",
        f"{OWN}.model.startsWith('a') && {OWN}.model.endsWith('100') && {OWN}.model.contains('10')",
        f"{OWN}.model.upperAscii() == 'A100'",
        # Unlike kinds are not equal, and that is no mistake.
        f"{OWN}.index != '2' && {OWN}.virtual != 0",
        # One side alone decides, whatever becomes of the other.
        f"{OWN}.missing == 1 || device.driver == 'gpu.example.com'",
        f"!({OWN}.model.matches('a.*') && device.driver == 'other')",
        "device.allowMultipleAllocations == false",
        "cel.bind(own, device.attributes['gpu.example.com'], own.model == 'a100' && !own.virtual)",
    ],
)
def test_what_selects_this_card(expression):
    assert matches(expression, device())


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "device.driver ==",
        "device.driver == 'a\\'b'",
        "device.driver == r'a'",
        "1.5 == 1.5",
        "{'a': 1} == {}",
        "device.driver == 'x' ? true : false",
        f"{OWN}.model.matches('a.*')",
        f"{OWN}.exists(name, name == 'model')",
        "cel.bind(model, device.attributes['gpu.example.com'].missing, true)",
        f"{OWN}.?model.orValue('x') == 'a100'",
        f"{OWN}.missing == 'x'",
        f"{OWN}.missing == 'x' && device.driver == 'gpu.example.com'",
        f"{OWN}.model",
        f"!{OWN}.model",
        f"{OWN}.model < 3",
        f"{MEMORY}.compareTo(quantity('much')) > 0",
        f"{OWN}.model.compareTo(quantity('1')) > 0",
        "semver('1.0').isLessThan(semver('2.0.0'))",
        "'gpu.example.com' in device.attributes",
        "unknown == 1",
        "99999999999999999999 == 1",
        "1" * 6000 + " == 1",
        f"semver('{'1' * 6000}.0.0') == semver('1.0.0')",
        "(" * 3000 + "true" + ")" * 3000,
        "!" * 20000 + "true",
    ],
)
def test_what_is_left_to_the_scheduler_or_makes_it_fail(expression):
    with pytest.raises(Doubt):
        matches(expression, device())


@pytest.mark.parametrize("odd", [{"ints": [1]}, {}, {"version": "v1"}])
def test_an_attribute_of_an_unknown_kind_leaves_every_selector_in_doubt(odd):
    with pytest.raises(Doubt, match="strange"):
        matches("true", device({"attributes": {"strange": odd}}))


_PIECES = [
    "device",
    ".",
    "driver",
    "attributes",
    "[",
    "]",
    "'x'",
    "==",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "in",
    "1",
    "-",
    "has",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join)))
def test_no_text_makes_a_selector_do_anything_but_answer_or_doubt(expression):
    try:
        assert matches(expression, device()) in (True, False)
    except Doubt as doubt:
        assert doubt.message
