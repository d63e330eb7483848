"""Ages are right whatever anyone does to the clock of the machine."""

import time
from datetime import timedelta

import pytest

from moorage import clock

_real = time.time


def set_clock(monkeypatch, *, by):
    monkeypatch.setattr(time, "time", lambda: _real() + by)


@pytest.mark.parametrize("by", [3600.0, -7200.0])
def test_a_clock_that_is_set_makes_nothing_older_or_younger(monkeypatch, by):
    moment = clock.moment()

    set_clock(monkeypatch, by=by)

    assert clock.age(moment) < 5
    assert clock.age(moment - timedelta(seconds=60)) >= 60


@pytest.mark.parametrize("by", [3600.0, -7200.0])
def test_a_moment_is_shown_as_the_machines_clock_has_it_now(monkeypatch, by):
    moment = clock.moment()

    set_clock(monkeypatch, by=by)

    assert abs(clock.shown(moment).timestamp() - time.time()) < 5


@pytest.mark.parametrize("by", [3600.0, -7200.0])
def test_what_others_have_noted_is_as_old_as_it_is(monkeypatch, by):
    set_clock(monkeypatch, by=by)

    assert abs(clock.now() - clock.noted(time.time() - 60) - 60) < 5


def test_a_moment_keeps_its_name_while_nobody_sets_the_clock(monkeypatch):
    moment = clock.moment()

    set_clock(monkeypatch, by=0.3)

    assert clock.shown(moment) == moment
