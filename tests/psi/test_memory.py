"""What an intersection sets for its process holds as long as any runs, and no longer."""

from __future__ import annotations

import ctypes

import pytest

from coterie.psi import memory

HUGE_OFF = 42
"""Of ``prctl``: whether this process goes without huge pages."""


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_settings_are_as_before_when_the_last_one_ends(first_ends_first: bool) -> None:
    control = ctypes.CDLL(None).prctl
    before = control(HUGE_OFF, 0, 0, 0, 0)
    assert before in (0, 1)
    one, other = memory.kept(), memory.kept()
    one.__enter__()
    assert control(HUGE_OFF, 0, 0, 0, 0) == 1
    other.__enter__()
    ending = (one, other) if first_ends_first else (other, one)
    ending[0].__exit__(None, None, None)
    assert control(HUGE_OFF, 0, 0, 0, 0) == 1
    ending[1].__exit__(None, None, None)
    assert control(HUGE_OFF, 0, 0, 0, 0) == before
