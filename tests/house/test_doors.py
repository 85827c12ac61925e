"""What a room's door exports exists and says what it is."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

import pytest

from coterie import errors
from tests.house.imports import PACKAGE, SOURCE

ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
DOORS = [*ROOMS, *(f"learn.{path.parent.name}" for path in sorted(SOURCE.glob("learn/*/__init__.py")))]


def undocumented(door: ModuleType) -> list[str]:
    """Functions and classes that a door exports, and the public methods of these, that have no docstring."""
    missing = []
    for name in door.__all__:
        value = getattr(door, name)
        if inspect.isfunction(value):
            missing += [] if value.__doc__ else [name]
        elif inspect.isclass(value) and value.__module__.startswith(PACKAGE):
            # Data classes get their signature as docstring, which says nothing new.
            said = value.__dict__.get("__doc__")
            if not said or said.startswith(f"{value.__name__}("):
                missing.append(name)
    return missing


@pytest.mark.parametrize("room", DOORS)
def test_the_door_lists_what_it_exports(room: str) -> None:
    door = importlib.import_module(f"{PACKAGE}.{room}")
    assert door.__doc__, "a door says what the room is for"
    assert sorted(door.__all__) == sorted(set(door.__all__))
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize("room", DOORS)
def test_every_function_and_class_at_a_door_has_a_docstring(room: str) -> None:
    assert undocumented(importlib.import_module(f"{PACKAGE}.{room}")) == []


def test_the_search_finds_what_has_no_docstring() -> None:
    door = ModuleType("door")

    def bare() -> None: ...

    bare.__module__ = errors.__name__
    door.__dict__.update({"__all__": ["bare", "define"], "bare": bare, "define": errors.define})
    assert undocumented(door) == ["bare"]
