"""What secure sums assume and show, to be read by people and programs."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.fl.bounds import SECURITY_BITS
from coterie.fl.rules import Rules


@dataclass(frozen=True)
class ProtocolStatement:
    """What a protocol assumes and shows."""

    protocol: str
    adversary: str
    threshold: str
    helper: str | None
    computational_bits: int
    statistical_bits: int | None
    """None where nothing rests on a statistical bound."""
    leaks: str
    """What each party learns, in a sentence that a lawyer can read."""


_BOTH = "sums under pairwise and own masks (Bonawitz et al. 2017; Bell et al. 2020)"
_PAIRS = "sums under pairwise masks, of secrets told directly; all contributors must be there"


def statement(rules: Rules, *, hidden: bool, contributes: bool) -> ProtocolStatement:
    """Of sums under these rules.

    :param hidden: whether totals are hidden from the coordinator.
    :param contributes: whether the coordinator is a contributor.
    """
    learns = "Each contributor learns the total"
    if contributes:
        learns += "; so does the coordinator, which is one of them"
    elif hidden:
        learns += "; the coordinator learns nothing but who contributed, unless a contributor tells it"
    else:
        learns += ", and so does the coordinator"
    return ProtocolStatement(
        protocol=_PAIRS if rules.unanimous else _BOTH,
        adversary="malicious, for what is learnt of values; a total may be wrong unnoticed",
        threshold=_threshold(rules, contributes),
        helper=None if contributes else "a coordinator that is trusted with no value",
        # X25519 of links and of keys (psi/statement.py); AES-128 and 16-byte seeds are not weaker.
        computational_bits=125,
        statistical_bits=None if rules.complete else SECURITY_BITS,
        leaks=(
            f"{learns}. Contributors who pool what they saw learn the sum of all the others, of whom at "
            f"least {rules.least_sum} are in every total. A contributor can give any values "
            "it likes, and a coordinator can add to a total what it likes, the same for all contributors"
        ),
    )


def _threshold(rules: Rules, contributes: bool) -> str:
    colluding, count = rules.colluding, rules.contributors
    if not contributes:
        return f"the coordinator and up to {colluding} of {count} contributors together"
    if colluding < 2:
        return f"the coordinator, which is one of {count} contributors, and no other together with it"
    return f"up to {colluding} of {count} contributors together, the coordinator among them"
