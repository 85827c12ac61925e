"""What holds of every result, whoever computes it."""

from __future__ import annotations

from collections.abc import Mapping

from coterie.agreement import Terms
from coterie.data import VerticalFrame
from coterie.learn import FrameShape

from .errors import TOO_FEW_COMMON

__all__ = ["check_common_rows"]


def check_common_rows(
    terms: Terms, planned: Mapping[str, FrameShape], frames: Mapping[str, VerticalFrame]
) -> None:
    """The agreement's minimum holds for what the datasets have in common, too. Of hidden rows ``align`` sees
    to it, on shares.

    :param planned: shapes by frame, as far as they are known; :param frames: as they are.
    :raises CoterieError: CT-4015.
    """
    for frame in (planned.get("all"), frames.get("all")):
        if frame is not None and frame.common_rows < terms.min_rows:
            raise TOO_FEW_COMMON(f"{frame.common_rows}, and the agreement asks for {terms.min_rows}")
