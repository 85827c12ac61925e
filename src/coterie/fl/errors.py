"""Error codes of secure sums: 24xx."""

from __future__ import annotations

from coterie.errors import BadInput, Bug, PeerIncompatible, PeerMisbehaved, Unavailable, define

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
BAD_RULES = define(
    "CT-2404",
    BadInput,
    "No secure sum can be had under these numbers",
    "At least three contributors are needed, and more than half of all must be the minimum.",
)
BAD_MESSAGE = define(
    "CT-2410",
    PeerMisbehaved,
    "A message of a secure sum is malformed or not due",
    "Ask the peer's operator: an honest node never sends it.",
)
OTHER_SUM = define(
    "CT-2411",
    PeerIncompatible,
    "A contributor means another sum",
    "Compare versions and what was heard so far: contributors who got different totals go no further.",
)
BAD_SIGNATURE = define(
    "CT-2412",
    PeerMisbehaved,
    "What a contributor is said to have signed does not fit",
    "Ask the operators of the coordinator and of this contributor; nothing was contributed.",
)
ALTERED = define(
    "CT-2413",
    PeerMisbehaved,
    "The coordinator does not pass on what it was given",
    "Ask the coordinator's operator; begin anew with another one.",
)
TOO_FEW = define(
    "CT-2414",
    Unavailable,
    "Fewer contributors than needed are there",
    "Bring the nodes of the parties that are lost back and submit the job again, or submit it without these "
    "parties, or with a smaller `minimum` where the agreement allows it.",
)
NOT_TWICE = define(
    "CT-2415",
    PeerMisbehaved,
    "A contributor is asked for what would show its values or another's",
    "Ask the coordinator's operator; begin anew with another one.",
)
WRONG_SHARES = define(
    "CT-2416",
    PeerMisbehaved,
    "Shares of a contributor are not those it had committed to",
    "Begin the sum anew without the contributor named.",
)
NOT_A_SUM = define(
    "CT-2417",
    PeerMisbehaved,
    "What came back is no total of what contributors may give",
    "Begin anew; if it happens again, with another coordinator.",
)
TOTALS_DIFFER = define(
    "CT-2418",
    PeerMisbehaved,
    "Contributors got different totals",
    "Ask the coordinator's operator: it told them different things. Do not use the result.",
)
ENDED = define("CT-2419", Bug, "A secure sum that has ended was asked to go on", "Report it.")
KEYS_DIFFER = define(
    "CT-2420",
    PeerMisbehaved,
    "Contributors were not all told the same keys when a run began",
    "Ask the operators of those named: one of the contributors told them something else than the others, or "
    "they say so wrongly. No value was sent; submit the job again, without them if it happens again.",
)

NO_ROOM_FOR_NOISE = define(
    "CT-2430",
    BadInput,
    "The ring of a sum has no room for the noise of differential privacy",
    "Use more bits for the sum, a smaller noise multiplier, or fewer values.",
)
NO_ACCOUNTANT = define(
    "CT-2431",
    BadInput,
    "The library that accounts for differential privacy is not installed",
    "Install the extra: `pip install coterie[privacy]`, at every party of the job.",
)
BAD_ACCOUNT = define(
    "CT-2432", Bug, "An entry of the privacy account is of a wrong form", "Report it, with the entry."
)
OUT_OF_REACH = define(
    "CT-2433",
    BadInput,
    "No noise is enough for so small an epsilon",
    "Choose a larger epsilon or delta, or fewer totals.",
)
