"""The components that a job can name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from coterie.learn import COMPONENTS, Component, Params

from .errors import SPEC_INVALID, UNKNOWN_COMPONENT
from .spec import JobSpec, Step

__all__ = ["component", "components", "default_parameters", "parameters", "used_modules", "used_pipelines"]

_BY_NAME: dict[str, Component[Any]] = {one.name: one for one in COMPONENTS}


def components() -> Mapping[str, Component[Any]]:
    """All components by name."""
    return MappingProxyType(_BY_NAME)


def component(name: str) -> Component[Any]:
    """:raises CoterieError: CT-4002 where there is none of that name."""
    if name not in _BY_NAME:
        raise UNKNOWN_COMPONENT(f"{name!r}; there are: {', '.join(sorted(_BY_NAME))}")
    return _BY_NAME[name]


def default_parameters(name: str) -> dict[str, Any]:
    """The value of each of a component's parameters that has a default, as JSON has it. Errors: CT-4002."""
    return {
        field: to_jsonable_python(known.get_default(call_default_factory=True))
        for field, known in component(name).Parameters.model_fields.items()
        if not known.is_required()
    }


def parameters(step: Step) -> Params:
    """A step's checked parameters, defaults filled in.

    :raises CoterieError: CT-4001 for an unknown or wrong parameter, CT-4002.
    """
    known = component(step.component).Parameters
    try:
        return known.model_validate(step.params)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        parameter = f", parameter {where!r}" if where else ""
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            names = ", ".join(known.model_fields) or "none"
            problem = f"there is no such parameter; there are: {names}"
        raise SPEC_INVALID(f"step {step.name!r}{parameter}: {problem}") from error


def used_pipelines(spec: JobSpec) -> tuple[str, ...]:
    """References of the saved pipelines that a job's steps use, each once. Errors: CT-4001, CT-4002."""
    named = (one for step in spec.steps for one in component(step.component).uses_pipelines(parameters(step)))
    return tuple(dict.fromkeys(named))


def used_modules(spec: JobSpec) -> tuple[str, ...]:
    """Names of the users' modules that a job's steps run, each once. Errors: CT-4001, CT-4002."""
    named = (one for step in spec.steps for one in component(step.component).uses_modules(parameters(step)))
    return tuple(dict.fromkeys(named))
