"""What a step leaves behind for jobs that come later: a change of columns that can be made again, or a model.

``save`` asks a component for it, and ``predict`` hands it back. Neither knows any component by name: whatever
implements one of these classes can be part of a saved pipeline.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape

__all__ = ["Repeats", "SavesModel"]


class Repeats(ABC):
    """A component that changes each owner's columns, and can do it again to other rows.

    A component that only leaves out columns need not be one: which columns are left is public, and written
    down of every step.
    """

    @abstractmethod
    def shape_again(self, shape: FrameShape, params: Any) -> FrameShape:
        """The public facts of a frame of these columns after the step."""

    @abstractmethod
    def kept_state(self, left: Any, owner: str) -> bytes:
        """What is to be stored of one owner: private to it.

        :param left: what the step left in ``RunContext.models``.
        """

    @abstractmethod
    def again(self, frame: VerticalFrame, params: Any, state: bytes) -> VerticalFrame:
        """A frame of that one owner's columns alone, changed as the training rows were.

        :param state: what :meth:`kept_state` gave. MUST be parsed strictly: any other bytes raise ValueError,
            which pydantic's errors are too.
        """


class SavesModel(ABC):
    """A component whose model can score rows of later jobs."""

    @abstractmethod
    def public_facts(self, facts: Any) -> Mapping[str, JsonValue]:
        """What is public of the model, beyond the step's parameters: equal at all participants.

        :param facts: what the step left in ``PlanContext.models``.
        """

    @abstractmethod
    def facts_again(self, params: Any, public: Mapping[str, JsonValue]) -> Any:
        """The facts of which :meth:`public_facts` told. MUST be parsed strictly: anything else raises
        ValueError."""

    @abstractmethod
    def kept_model(self, left: Any) -> bytes:
        """What is to be stored of a model that is here, whole or as a share.

        :param left: what the step left in ``RunContext.models``.
        """

    @abstractmethod
    def model_again(self, content: bytes, facts: Any) -> Any:
        """What :meth:`kept_model` stored, for ``RunContext.models``. MUST raise a coded error or ValueError
        for any other bytes, and where the model is not the one of these facts."""

    def scored_with(self, facts: Any) -> tuple[str, ...]:  # noqa: ARG002
        """Other steps whose models are needed to score with this one."""
        return ()
