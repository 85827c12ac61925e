"""The coordinator's part of a secure sum: passing messages on, adding up, taking masks off."""

from __future__ import annotations

from coterie.errors import CoterieError
from coterie.fl import masking
from coterie.fl.errors import BAD_MESSAGE, BAD_SIGNATURE, ENDED, OTHER_SUM, TOO_FEW, WRONG_SHARES
from coterie.fl.fixed import Ring
from coterie.fl.graph import neighbours
from coterie.fl.messages import (
    COIN,
    COMMITMENT,
    KEYS_ENTRY,
    SEALED,
    Keys,
    Kind,
    Reader,
    committed,
    keys_message,
    listed,
    share_commitment,
    write,
)
from coterie.fl.session import DIGEST, SEED, SIGNATURE, Session, bitmap, extended, went_on
from coterie.fl.sums import added_to

_NEXT = {
    Kind.KEYS: Kind.COIN,
    Kind.COIN: Kind.SHARES,
    Kind.SHARES: Kind.MASKED,
    Kind.MASKED: Kind.SIGNATURE,
    Kind.SIGNATURE: Kind.ANSWER,
    Kind.ANSWER: None,
}


class Coordinator:
    """One sum, stage by stage: :meth:`receive` what contributors send, in any order, then :meth:`advance`.

    Who has sent nothing until then, or what cannot be used, has dropped out of the sum; who sent what no
    honest contributor sends is named in :attr:`faults`. It holds one vector, however many contribute.

    It keeps no secret and is trusted with none: see :class:`coterie.fl.Client` for what contributors insist
    on. In its hands are whether there is a total, and what the contributors take for it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._names = session.roster.names
        self._due: Kind | None = Kind.KEYS
        self._there = tuple(range(len(session.roster)))
        self._given: dict[int, bytes] = {}
        self._keys: dict[int, Keys] = {}
        self._known: set[bytes] = set()
        self._said = self._sharers = self._agreed = session.digest
        self._around: dict[int, tuple[int, ...]] = {}
        self._commitments: dict[int, dict[int, bytes]] = {}
        self._sealed: dict[int, dict[int, bytes]] = {}
        self._total: Ring | None = None
        self._unmasked_total = b""
        self._survivors: tuple[int, ...] = ()
        self._signers: tuple[int, ...] = ()
        self._shares: dict[int, list[tuple[int, bytes]]] = {}
        self._doubts: dict[int, list[int]] = {}
        self._history: bytes | None = None
        self._out: set[int] = set()
        self.faults: dict[str, CoterieError] = {}
        """What contributors sent that no honest one sends, by name."""

    @property
    def due(self) -> tuple[str, ...]:
        """Whose message of this stage has not come; empty at the end."""
        return tuple(
            self._names[place]
            for place in (self._there if self._due else ())
            if place not in self._given and place not in self._out
        )

    @property
    def survivors(self) -> tuple[str, ...]:
        """Whose values are in the total."""
        return tuple(self._names[place] for place in self._survivors)

    @property
    def history(self) -> bytes:
        """Digest of all that was said, for the next sum. Errors: CT-2419 before the end."""
        if self._history is None:
            raise ENDED("no total is there")
        return self._history

    @property
    def heard(self) -> bytes:
        """For contributors of the run that give nothing to this sum: see :class:`coterie.fl.heard.Heard`.
        Errors: CT-2419 before the end.
        """
        if self._history is None:
            raise ENDED("no total is there")
        return listed(Kind.HEARD, self._survivors, len(self._names), self._sharers, self._unmasked_total)

    def receive(self, name: str, data: bytes) -> None:
        """A contributor's message. What no honest one sends is noted in :attr:`faults`, and who sent it has
        dropped out; of two messages in a stage the first counts.

        Errors: CT-2419 after the end.
        """
        if self._due is None:
            raise ENDED("this sum has ended")
        place = self.session.roster.places.get(name)
        if place is None or place not in self._there or place in self._out:
            return  # late: it comes back in the next sum
        if place in self._given:
            self.faults[name] = BAD_MESSAGE(f"a second message where {self._due.name} is due", party=name)
            return
        try:
            self._take(place, Reader(data, self._due, name))
        except CoterieError as error:
            self.faults[name] = error
            self._out.add(place)

    def advance(self) -> dict[str, bytes]:
        """End the stage with those who are there; gives the message for each of them.

        Errors: CT-2414 (too few are there), CT-2416 (a contributor shared other secrets than it used: named),
        after which nothing goes on; CT-2419 after the end.
        """
        due, self._due = self._due, None
        if due is None:
            raise ENDED("this sum has ended")
        there = tuple(place for place in self._there if place in self._given)
        rules = self.session.rules
        least = {Kind.SIGNATURE: rules.agreeing, Kind.ANSWER: rules.threshold}.get(due, rules.minimum)
        if len(there) < least:
            lacking = ", ".join(self._names[place] for place in self._there if place not in self._given)
            raise TOO_FEW(f"{len(there)} of {len(self._names)}, {least} are needed; lacking: {lacking[:200]}")
        given, self._given = self._given, {}
        self._there = there
        answers = self._answers(due, given)
        self._due = _NEXT[due]
        if self._due is Kind.COIN and rules.complete:
            self._due = Kind.SHARES
        return {self._names[place]: data for place, data in answers.items()}

    def _take(self, place: int, message: Reader) -> None:
        match self._due:
            case Kind.KEYS:
                self._given[place] = self._take_keys(place, message)
            case Kind.COIN:
                coin = message.take(COIN)
                message.end()
                if committed(self.session.digest, "coin", place, coin) != self._keys[place].coin:
                    raise BAD_SIGNATURE(
                        "its coin is not the one it had committed to", party=self._names[place]
                    )
                self._given[place] = coin
            case Kind.SHARES:
                self._take_shares(place, message)
            case Kind.MASKED:
                self._take_masked(place, message)
            case Kind.SIGNATURE:
                signature = message.take(SIGNATURE)
                message.end()
                if not self.session.roster.signed(place, "survivors", self._agreed, signature):
                    raise BAD_SIGNATURE("who is there, after all that was said", party=self._names[place])
                self._given[place] = signature
            case _:
                self._take_answer(place, message)

    def _take_keys(self, place: int, message: Reader) -> bytes:
        name, digest = self._names[place], message.take(DIGEST)
        entry = message.take(KEYS_ENTRY)
        message.end()
        if digest != self.session.digest:
            raise OTHER_SUM(f"number {self.session.number}", party=name)
        keys = Keys.read(entry)
        said = keys_message(digest, place, keys)
        if not self.session.roster.signed(place, "keys", said, keys.signature):
            raise BAD_SIGNATURE("its keys for this sum", party=name)
        if not (masking.usable(keys.sealing) and masking.usable(keys.masking)):
            raise BAD_MESSAGE("a key that agrees on nothing", party=name)
        pair = {keys.sealing, keys.masking}
        if len(pair) < 2 or pair & self._known:
            # All the others would refuse the list.
            raise BAD_MESSAGE("a key that is there already", party=name)
        self._known |= pair
        self._keys[place] = keys
        return entry

    def _take_shares(self, place: int, message: Reader) -> None:
        around = self._around[place]
        holders = sorted((*around, place))
        commitments = message.many(len(holders), 2 * COMMITMENT)
        sealed = message.many(len(around), SEALED)
        message.end()
        self._commitments[place] = dict(zip(holders, commitments, strict=True))
        self._sealed[place] = dict(zip(around, sealed, strict=True))
        self._given[place] = b""

    def _take_masked(self, place: int, message: Reader) -> None:
        view = message.view(self.session.payload)
        signature = b"" if self.session.rules.complete else message.take(SIGNATURE)
        message.end()
        if signature and not self.session.roster.signed(place, "sharers", self._sharers, signature):
            raise BAD_SIGNATURE("who has shared, after all that was said", party=self._names[place])
        values = self.session.form.read(view)
        if self._total is None:
            self._total = values.copy()
        else:
            added_to(self._total, values)
        self._given[place] = signature

    def _take_answer(self, place: int, message: Reader) -> None:
        asked = self._asked(place)
        lacking = set(message.places(len(asked)))
        survivors = set(self._survivors)
        for at, owner in enumerate(asked):
            if at in lacking:
                self._doubts.setdefault(owner, []).append(place)
                continue
            share = message.take(SEED)
            what = "own" if owner in survivors else "key"
            known = self._commitments[owner][place]
            known = known[:COMMITMENT] if what == "own" else known[COMMITMENT:]
            if share_commitment(self._said, what, owner, place, share) == known:
                self._shares.setdefault(owner, []).append((place, share))
            else:
                # One of the two is wrong. Enough others may be right.
                self._doubts.setdefault(owner, []).append(place)
        message.end()
        self._given[place] = b""

    def _asked(self, place: int) -> list[int]:
        """Whose shares a contributor is asked for, ascending."""
        return sorted((*self._around[place], place))

    def _answers(self, due: Kind, given: dict[int, bytes]) -> dict[int, bytes]:
        """The message that ends a stage, for each."""
        there, count = self._there, len(self._names)
        match due:
            case Kind.KEYS:
                data = listed(Kind.ALL_KEYS, there, count, *(given[place] for place in there))
                self._said = extended(self._said, "keys", data)
                if self.session.rules.complete:
                    self._around = {place: tuple(one for one in there if one != place) for place in there}
            case Kind.COIN:
                data = listed(Kind.COINS, there, count, *(given[place] for place in there))
                rules = self.session.rules
                self._around = {place: neighbours(place, rules, self._said, given) for place in there}
                self._said = extended(self._said, "coins", data)
            case Kind.SHARES:
                return self._pass_on_shares()
            case Kind.MASKED:
                self._survivors = there
                self._agreed = extended(self._sharers, "survivors", bitmap(there, count))
                return {
                    place: listed(
                        Kind.SURVIVORS, there, count, *(given.get(one, b"") for one in self._around[place])
                    )
                    for place in there
                }
            case Kind.SIGNATURE:
                data = listed(Kind.SIGNATURES, there, count, *(given[place] for place in there))
                self._signers = there
            case _:
                total = self._unmasked_total = self._unmasked().tobytes()
                self._history = went_on(self.session, self._sharers, self._survivors, total)
                data = write(Kind.TOTAL, total)
                return dict.fromkeys(self._signers, data)
        return dict.fromkeys(there, data)

    def _pass_on_shares(self) -> dict[int, bytes]:
        there = set(self._there)
        self._around = {
            place: tuple(one for one in self._around[place] if one in there) for place in self._there
        }
        self._sharers = extended(self._said, "sharers", bitmap(self._there, len(self._names)))
        sealed, self._sealed = self._sealed, {}
        return {
            place: listed(
                Kind.SEALED,
                self._there,
                len(self._names),
                *(sealed[owner][place] for owner in self._around[place]),
            )
            for place in self._there
        }

    def _unmasked(self) -> Ring:
        """The total without the survivors' own masks and those that they had with others who are gone."""
        plus: list[bytes] = []
        minus: list[bytes] = []
        survivors = set(self._survivors)
        for place in self._survivors:
            secret = self._joined(place)
            if committed(self.session.digest, "own mask", place, secret) != self._keys[place].self_mask:
                raise WRONG_SHARES("the seed of its own mask", party=self._names[place])
            minus.append(masking.own_seed(self._sharers, secret, place))
        for place, around in self._around.items():
            left = [one for one in around if one in survivors]
            if place in survivors or not left:
                continue
            key = masking.agreement_key(self._joined(place))
            if masking.raw(key) != self._keys[place].masking:
                raise WRONG_SHARES("the seed of its masking key", party=self._names[place])
            for other in left:
                agreed = masking.agreed(key, self._keys[other].masking)
                assert agreed is not None, "keys were checked when they came"
                seed = masking.pair_seed(self._sharers, agreed, place, other)
                (minus if other < place else plus).append(seed)
        assert self._total is not None
        return masking.masked(self._total, self.session.form.bits, plus, minus)

    def _joined(self, owner: int) -> bytes:
        """A contributor's secret, of the shares that came."""
        shares, needed = self._shares.get(owner, []), self.session.rules.threshold
        if len(shares) < needed:
            name, doubts = self._names[owner], self._doubts.get(owner, [])
            if doubts:
                holders = ", ".join(self._names[one] for one in doubts)
                raise WRONG_SHARES(f"it, or those who hold them: {holders[:200]}", party=name)
            raise TOO_FEW(f"{len(shares)} shares of {name}, {needed} are needed")
        return masking.joined(shares[:needed])
