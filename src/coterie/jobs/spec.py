"""The job file: what an analyst asks for, as YAML or through the SDK.

::

    name: joint credit score
    agreement: credit-2026
    engine: mpc
    datasets: {lender: customers, payments: behaviour}
    steps:
      - align
      - split: {test: 0.3}
      - {component: fill, name: fill, params: {method: median}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from coterie.learn import EACH, Engine
from coterie.mpc import Correlations

from .errors import SPEC_INVALID

__all__ = ["JobSpec", "Step", "parse_spec"]

MAX_DEPTH = 32
MAX_SPEC_BYTES = 256 * 1024
"""A job file of a hundred steps is a few kilobytes."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]


class Step(BaseModel):
    """One use of a component. ``name`` tells two uses apart; it is the component's by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    component: Name
    name: Name
    params: dict[str, JsonValue] = Field(default_factory=dict)


def _read_step(value: Any) -> Any:
    """Accept ``align``, ``{align: {...}}`` and the long form."""
    if isinstance(value, str):
        return {"component": value, "name": value}
    if isinstance(value, Mapping) and "component" in value:
        return {"name": value["component"], **value}
    if isinstance(value, Mapping) and len(value) == 1:
        component, params = next(iter(value.items()))
        return {"component": component, "name": component, "params": params or {}}
    return value


class JobSpec(BaseModel):
    """A pipeline of components under an agreement."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    agreement: str = Field(min_length=1, max_length=100)
    """The agreement's digest, or its name where the node knows just one of that name."""
    engine: Engine
    frame: Annotated[
        Literal["vertical", "horizontal"], Field(exclude_if=lambda frame: frame == "vertical")
    ] = "vertical"
    """``vertical``: the parties have different columns of the same rows. ``horizontal``: the same columns, of
    different rows."""
    coordinator: Annotated[
        Annotated[str, Field(max_length=64)] | None, Field(exclude_if=lambda name: name is None)
    ] = None
    """Of engine fl: who adds up what the parties have masked; see :func:`coterie.jobs.roles_of`."""
    minimum: Annotated[
        Annotated[int, Field(ge=3, le=16)] | None, Field(exclude_if=lambda minimum: minimum is None)
    ] = None
    """Of engine fl: parties that every sum must have; the job goes on without the others when they are gone,
    or late. All of them where it is not given. The agreement must allow it."""
    patience: Annotated[
        Annotated[float, Field(gt=0, le=86_400)] | None, Field(exclude_if=lambda patience: patience is None)
    ] = None
    """With ``minimum``: seconds that a stage of a sum waits for parties that are late, once as many are there
    as must be. Where it is not given nobody is late: parties are waited for until their link is gone."""
    correlations: Correlations = "stream"
    """Of engine mpc: whether its dealer takes part in the run, or deals each stage before it into tape
    files."""
    datasets: dict[str, str] = Field(min_length=1, max_length=64)
    """Party to the name of its dataset."""
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Party to the features to use; all granted ones where a party is not listed. Of horizontal jobs ``each``
    to the features that all have."""
    receivers: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=8)
    """Of engines mpc and tee: parties without a dataset in the job that take part to receive what the
    agreement grants them. The dealer may be one of them."""
    kept: Annotated[
        tuple[Annotated[str, Field(max_length=64)], ...],
        Field(max_length=16, exclude_if=lambda kept: not kept),
    ] = ()
    """Of engine tee: parties with a dataset in the job that are offline. A key keeper at the host has their
    keys; they take no part, and receive nothing."""
    steps: tuple[Annotated[Step, BeforeValidator(_read_step)], ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _names_are_unique(self) -> JobSpec:
        names = [step.name for step in self.steps]
        if reserved := [name for name in names if name.startswith("stage-")]:
            raise ValueError(f"a step is named {reserved[0]!r}: such names are for the comparisons of plans")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two steps are named {repeated[0]!r}; give one another `name`")
        if self.correlations == "tape" and self.engine != "mpc":
            raise ValueError(f"correlations come in tape files to engine mpc, not to {self.engine}")
        self._check_frame()
        self._check_receivers()
        self._check_kept()
        return self

    def _check_frame(self) -> None:
        horizontal = self.frame == "horizontal"
        if horizontal and self.engine == "mpc":
            raise ValueError("frame: engine mpc is for vertical ones; use fl for horizontal ones")
        if not horizontal and self.engine == "fl":
            raise ValueError("frame: engine fl is for horizontal ones: say `frame: horizontal`, or use mpc")
        if self.coordinator is not None and self.engine != "fl":
            raise ValueError(f"coordinator: engine {self.engine} has none")
        if self.minimum is not None and self.engine != "fl":
            raise ValueError(f"minimum: in engine {self.engine} nobody can drop out")
        if self.patience is not None and self.minimum is None:
            raise ValueError("patience: it is for jobs with a `minimum`, that go on without who is late")
        strangers = sorted(set(self.columns) - ({EACH} if horizontal else set(self.datasets)))
        if strangers and horizontal:
            raise ValueError(f"columns are given for {strangers[0]!r}, and not for {EACH!r}")
        if strangers:
            raise ValueError(f"columns are given for {strangers[0]!r}, which has no dataset in this job")

    def _check_kept(self) -> None:
        if self.kept and self.engine != "tee":
            raise ValueError(
                f"kept: in engine {self.engine} whoever has data computes, and cannot be offline"
            )
        for name in self.kept:
            if name not in self.datasets:
                raise ValueError(f"kept: {name!r} has no dataset in this job")
            if self.kept.count(name) > 1:
                raise ValueError(f"kept: {name!r} is named twice")

    def _check_receivers(self) -> None:
        if self.receivers and self.engine not in ("mpc", "tee"):
            raise ValueError(f"receivers: engine {self.engine} has none beside the owner of the data")
        for name in self.receivers:
            if name in self.datasets:
                raise ValueError(
                    f"receivers: {name!r} has a dataset here, and receives what it is granted anyway"
                )
            if self.receivers.count(name) > 1:
                raise ValueError(f"receivers: {name!r} is named twice")


class _Loader(yaml.SafeLoader):
    """Dates are texts, as in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_spec(text: str) -> JobSpec:
    """Read a job file.

    :raises CoterieError: CT-4001, naming the field.
    """
    if len(text.encode()) > MAX_SPEC_BYTES:
        raise SPEC_INVALID(f"it is larger than {MAX_SPEC_BYTES} bytes")
    try:
        _check_events(text)
        value = _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError) as error:  # the latter of numbers without digits, such as 0x_
        mark = getattr(error, "problem_mark", None)
        raise SPEC_INVALID(f"not YAML{f' at line {mark.line + 1}' if mark else ''}") from error
    if not isinstance(value, dict):
        raise SPEC_INVALID("it is not a mapping of fields")
    return validate_spec(value)


def _check_events(text: str) -> None:
    """Refuse what harms the reader: a few hundred bytes of aliases stand for gigabytes, and brackets without
    end for its whole stack.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise SPEC_INVALID("aliases are not used here")
        if getattr(event, "tag", None) is not None:
            raise SPEC_INVALID("tags are not used here")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise SPEC_INVALID(f"nested deeper than {MAX_DEPTH}")


def validate_spec(value: Mapping[str, Any]) -> JobSpec:
    """The same from plain values."""
    try:
        return JobSpec.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            problem = "there is no such field"
        raise SPEC_INVALID(f"{where}: {problem}") from error
