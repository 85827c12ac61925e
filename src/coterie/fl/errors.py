"""Error codes of secure sums: 24xx."""

from __future__ import annotations

from coterie.errors import BadInput, Bug, define

NOT_A_NUMBER = define(
    "CT-2401",
    BadInput,
    "A value to be summed is no finite number",
    "Fill or drop missing values, and scale the column, before this step.",
)
OUT_OF_RANGE = define(
    "CT-2402",
    BadInput,
    "A value to be summed is beyond what its format holds",
    "Scale or clip the values before this step; nothing is clipped without being asked.",
)
BAD_CALL = define("CT-2403", Bug, "A secure sum was called with arguments of a wrong form", "Report it.")
