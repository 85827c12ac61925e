"""Parameters of training a user's network."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue, StringConstraints, field_validator, model_validator

from coterie.agreement import MODULE_NAME
from coterie.crypto import canonical
from coterie.learn.modules.layout import MOST_LINES, buffers_of, layout_of
from coterie.learn.neural import FederatedParams, Layout

__all__ = ["ModuleParams"]

SETTINGS_BYTES = 16 * 1024


class ModuleParams(FederatedParams):
    """Those of training by rounds, and which network is trained."""

    kind: ClassVar[str] = "module"

    module: Annotated[str, StringConstraints(pattern=MODULE_NAME)]
    """The agreement's name of the program."""
    weights: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=300)], ...],
        Field(min_length=1, max_length=MOST_LINES),
    ]
    """Name and shape of each array of weights, in the network's order, as ``coterie module try`` prints them:
    plans are made of them, and a network that has others is refused before it sees a row."""
    settings: dict[str, JsonValue] = Field(default_factory=dict, max_length=100)
    """What ``build`` is given, beside the numbers of inputs and outputs."""
    most_seconds: int = Field(3600, ge=1, le=7 * 86400)
    """Of building, training and scoring in one step at one party, the others' work not counted."""
    most_memory: int = Field(4, ge=1, le=1024)
    """GiB of private memory of the sandbox; PyTorch alone takes the better part of one."""

    @field_validator("weights")
    @classmethod
    def _are_weights(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        layout_of(lines)
        return lines

    @model_validator(mode="after")
    def _fits(self) -> ModuleParams:
        if len(canonical(self.settings)) > SETTINGS_BYTES:
            raise ValueError(f"settings are more than {SETTINGS_BYTES} bytes")
        if self.strategy in ("fedadam", "scaffold") and (names := buffers_of(self.weights)):
            # Steps of Adam could make a variance negative, and no gradient is there to correct.
            raise ValueError(f"strategy {self.strategy} is for networks without buffers such as {names[0]!r}")
        return self

    @property
    def layout(self) -> Layout:
        """The arrays of weights."""
        return layout_of(self.weights)
