"""A contributor's part of a secure sum: messages in, messages out, and no input or output of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl import masking
from coterie.fl.errors import (
    ALTERED,
    BAD_CALL,
    BAD_SIGNATURE,
    ENDED,
    NOT_TWICE,
    TOO_FEW,
)
from coterie.fl.fixed import Ring, with_count
from coterie.fl.graph import neighbours
from coterie.fl.heard import total_of
from coterie.fl.masking import RandomBytes
from coterie.fl.messages import (
    COIN,
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
from coterie.fl.session import SEED, SIGNATURE, Session, bitmap, extended, hidden_by, to_sign, went_on

Sign = Callable[[bytes], bytes]
"""An Ed25519 signature by the key of the run, 64 bytes."""


class Client:
    """One contributor in one sum, from which it cannot be used again.

    :meth:`start` gives the first message; each message of the coordinator goes into :meth:`receive`, which
    gives the answer, or None when the total is there. After an error it answers nothing any more: it has
    shown nothing but masked values, and the sum can be begun anew under another number.

    What it insists on, whatever the coordinator says: that all of its neighbours' keys are signed for this
    very sum; that at least the minimum is there at each stage, itself included; that so many have signed the
    same list of survivors, after all the same messages, that no other list can have as many; and that it is
    asked once. Of each other contributor it gives out either the share of its own mask, if that is among the
    survivors, or of its masking key, never both.
    """

    def __init__(
        self,
        me: str,
        session: Session,
        values: NDArray[np.float64],
        sign: Sign,
        group_key: bytes | None = None,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """:param values: shape (session.count,).
        :param sign: by the key that the roster has for ``me``.
        :param group_key: of all contributors, which the coordinator lacks: 16 bytes or more, where the
            session is hidden.
        :param random: bytes that nobody can guess.

        Errors: CT-2401, CT-2402 (values), CT-2403.
        """
        if me not in session.roster.places or values.shape != (session.count,):
            raise BAD_CALL(f"{me} with values of shape {values.shape}")
        if session.hidden != (group_key is not None) or len(group_key or bytes(16)) < 16:
            raise BAD_CALL("a group key, of 16 bytes at least, is for hidden sums and all of them")
        self._session, self._sign, self._random = session, sign, random
        self._group_key = group_key
        self._place = session.roster.places[me]
        most, form = len(session.roster), session.form
        self._values: Ring = with_count(form.encode(values, most), form.bits, most)
        self._own_seed, self._key_seed = random(SEED), random(SEED)
        self._coin = random(COIN)
        self._sealing = X25519PrivateKey.from_private_bytes(random(32))
        self._masking = masking.agreement_key(self._key_seed)
        self._said = self._sharers = session.digest
        self._due: Kind | None = None
        self._keys: dict[int, Keys] = {}
        self._sealed_with: dict[int, bytes] = {}
        self._around: tuple[int, ...] = ()
        self._held: dict[int, tuple[bytes, bytes]] = {}
        self._there: tuple[int, ...] = ()
        self._survivors: tuple[int, ...] = ()
        self._result: NDArray[np.float64] | None = None
        self._history: bytes | None = None
        self._answered = False

    @property
    def result(self) -> NDArray[np.float64]:
        """The total, shape (count,), when it is there. Errors: CT-2419 before."""
        if self._result is None:
            raise ENDED("no total is there")
        return self._result

    @property
    def answered(self) -> bool:
        """Whether shares were given out that take masks off: the total may be known, though it is not here.

        Who then gives the same values to a sum of other contributors shows what the two totals differ by.
        """
        return self._answered

    @property
    def survivors(self) -> tuple[str, ...]:
        """Whose values are in the total."""
        return tuple(self._session.roster.names[place] for place in self._survivors)

    @property
    def history(self) -> bytes:
        """Digest of all that was said, with the total: for the next sum. Errors: CT-2419 before."""
        if self._history is None:
            raise ENDED("no total is there")
        return self._history

    def start(self) -> bytes:
        """The first message. Errors: CT-2419 the second time."""
        if self._due is not None or self._history is not None:
            raise ENDED("this contributor has started")
        own = Keys(
            masking.raw(self._sealing),
            masking.raw(self._masking),
            committed(self._said, "coin", self._place, self._coin),
            committed(self._said, "own mask", self._place, self._own_seed),
        )
        signed = to_sign("keys", keys_message(self._said, self._place, own))
        self._keys[self._place] = Keys(own.sealing, own.masking, own.coin, own.self_mask, self._sign(signed))
        self._due = Kind.ALL_KEYS
        return write(Kind.KEYS, self._said, own.body, self._keys[self._place].signature)

    def receive(self, data: bytes) -> bytes | None:
        """The answer to a message of the coordinator; None after the last.

        Errors: CT-2410 (malformed, not due), CT-2412 (signatures), CT-2413 (the coordinator altered what it
        passes on), CT-2414 (fewer than the minimum), CT-2415 (asked twice), CT-2417 (no total of anything),
        CT-2419 (after an error).
        """
        due, self._due = self._due, None
        if due is None:
            raise ENDED("this contributor takes no message")
        try:
            if self._survivors and data[:1] == bytes([Kind.SURVIVORS]):
                raise NOT_TWICE("a second list of survivors")
            if due is Kind.TOTAL and data[:1] == bytes([Kind.SIGNATURES]):
                raise NOT_TWICE("shares of its neighbours once more")
            return self._answer(due, Reader(data, due, "coordinator"), data)
        except CoterieError:
            self._forget()
            raise

    def _answer(self, due: Kind, message: Reader, data: bytes) -> bytes | None:
        match due:
            case Kind.ALL_KEYS:
                return self._take_keys(message, data)
            case Kind.COINS:
                return self._take_coins(message, data)
            case Kind.SEALED:
                return self._take_shares(message)
            case Kind.SURVIVORS:
                return self._take_survivors(message)
            case Kind.SIGNATURES:
                return self._take_signatures(message)
            case _:
                self._take_total(message)
                return None

    def _listed(self, message: Reader, among: tuple[int, ...]) -> tuple[int, ...]:
        """Who is still there: some of those who were, the minimum at least, and this contributor."""
        there = message.places(len(self._session.roster))
        if self._place not in there or not set(there) <= set(among):
            raise ALTERED("its list of who is there leaves this contributor out, or brings others in")
        least = self._session.rules.minimum
        if len(there) < least:
            raise TOO_FEW(f"{len(there)} of {len(self._session.roster)}, the minimum is {least}")
        return there

    def _take_keys(self, message: Reader, data: bytes) -> bytes:
        there = self._listed(message, tuple(range(len(self._session.roster))))
        entries = [Keys.read(one) for one in message.many(len(there), KEYS_ENTRY)]
        message.end()
        keys = dict(zip(there, entries, strict=True))
        if keys[self._place] != self._keys[self._place]:
            raise ALTERED("the keys that it lists for this contributor are others")
        known = {key for one in entries for key in (one.sealing, one.masking)}
        if len(known) != 2 * len(entries):
            raise BAD_SIGNATURE("two contributors have one key")
        self._keys, self._there = keys, there
        self._said = extended(self._said, "keys", data)
        if self._session.rules.complete:
            return self._share(dict.fromkeys(there, b""))
        self._due = Kind.COINS
        return write(Kind.COIN, self._coin)

    def _take_coins(self, message: Reader, data: bytes) -> bytes:
        there = self._listed(message, self._there)
        coins = dict(zip(there, message.many(len(there), COIN), strict=True))
        message.end()
        for place, coin in coins.items():
            if committed(self._session.digest, "coin", place, coin) != self._keys[place].coin:
                raise BAD_SIGNATURE("its coin is not the one it had committed to", party=self._name(place))
        self._there = there
        return self._share(coins, extended(self._said, "coins", data))

    def _share(self, coins: dict[int, bytes], said: bytes | None = None) -> bytes:
        """Find the neighbours, check their keys, and share the secrets with them."""
        rules = self._session.rules
        self._around = neighbours(self._place, rules, self._said, coins)
        self._said = said or self._said
        holders = sorted((*self._around, self._place))
        if len(holders) < rules.threshold:
            raise TOO_FEW(f"{len(self._around)} neighbours where {rules.threshold - 1} are needed")
        self._check_keys()
        secrets_of = (self._own_seed, self._key_seed)
        shares = masking.share(secrets_of, holders, rules.threshold, self._random)
        commitments, sealed = [], []
        for holder, (own, key) in zip(holders, shares, strict=True):
            pair = own.tobytes(), key.tobytes()
            for what, one in zip(("own", "key"), pair, strict=True):
                commitments.append(share_commitment(self._said, what, self._place, holder, one))
            if holder == self._place:
                self._held[holder] = pair
            else:
                secret = self._secret(self._sealing, self._keys[holder].sealing, holder)
                self._sealed_with[holder] = secret
                sealed.append(masking.seal(self._said, secret, self._place, holder, b"".join(pair)))
        self._due = Kind.SEALED
        return write(Kind.SHARES, *commitments, *sealed)

    def _check_keys(self) -> None:
        """Of neighbours: of others only that they are there matters, and what they sign later."""
        digest, around = self._session.digest, {place: self._keys[place] for place in self._around}
        forged = self._session.roster.forged(
            "keys",
            {place: (keys_message(digest, place, keys), keys.signature) for place, keys in around.items()},
        )
        if forged is not None:
            raise BAD_SIGNATURE("its keys for this sum", party=self._name(forged))

    def _secret(self, own: X25519PrivateKey, public: bytes, place: int) -> bytes:
        secret = masking.agreed(own, public)
        if secret is None:
            raise BAD_SIGNATURE("a key that agrees on nothing", party=self._name(place))
        return secret

    def _take_shares(self, message: Reader) -> bytes:
        there = self._listed(message, self._there)
        self._around = tuple(place for place in self._around if place in set(there))
        for place, sealed in zip(self._around, message.many(len(self._around), SEALED), strict=True):
            opened = masking.unsealed(self._said, self._sealed_with[place], place, self._place, sealed)
            if opened is not None:
                # What cannot be read is lacking later: no reason to hold up all the others.
                self._held[place] = (opened[:SEED], opened[SEED:])
        message.end()
        self._there = there
        self._sharers = extended(self._said, "sharers", bitmap(there, len(self._session.roster)))
        self._due = Kind.SURVIVORS
        if self._session.rules.complete:
            return write(Kind.MASKED, self._masked().data)
        return write(Kind.MASKED, self._masked().data, self._sign(to_sign("sharers", self._sharers)))

    def _masked(self) -> Ring:
        plus = [masking.own_seed(self._sharers, self._own_seed, self._place)]
        minus: list[bytes] = []
        for place in self._around:
            secret = self._secret(self._masking, self._keys[place].masking, place)
            seed = masking.pair_seed(self._sharers, secret, self._place, place)
            (plus if self._place < place else minus).append(seed)
        if self._group_key is not None:
            said = hidden_by(self._session, self._sharers)
            plus.append(masking.group_seed(said, self._group_key))
        values, self._values = self._values, self._values[:0]
        return masking.masked(values, self._session.form.bits, plus, minus)

    def _take_survivors(self, message: Reader) -> bytes:
        self._survivors = self._listed(message, self._there)
        if not self._session.rules.complete:
            self._check_sharers(message)
        message.end()
        places = bitmap(self._survivors, len(self._session.roster))
        self._said = extended(self._sharers, "survivors", places)
        self._due = Kind.SIGNATURES
        return write(Kind.SIGNATURE, self._sign(to_sign("survivors", self._said)))

    def _check_sharers(self, message: Reader) -> None:
        """That neighbours who survive masked their values after the same list of those who have shared.

        One who was told a list without most of its neighbours has next to no masks with others: the share of
        its own mask, which went round before, would show its values. Where all are neighbours, lists that
        differ so are too short, or too few sign who survives.
        """
        survivors = set(self._survivors)
        around = [place for place in self._around if place in survivors]
        signed = zip(around, message.many(len(around), SIGNATURE), strict=True)
        forged = self._session.roster.forged("sharers", {place: (self._sharers, by) for place, by in signed})
        if forged is not None:
            raise BAD_SIGNATURE("who has shared, after all that was said", party=self._name(forged))

    def _take_signatures(self, message: Reader) -> bytes:
        roster = self._session.roster
        signers = message.places(len(roster))
        signatures = dict(zip(signers, message.many(len(signers), SIGNATURE), strict=True))
        message.end()
        if not set(signers) <= set(self._survivors):
            raise ALTERED("signatures of who is no survivor")
        if len(signers) < self._session.rules.agreeing:
            raise TOO_FEW(f"{len(signers)} agree on who is there, {self._session.rules.agreeing} are needed")
        needed = {place: (self._said, signatures[place]) for place in signers[: self._session.rules.agreeing]}
        forged = roster.forged("survivors", needed)
        if forged is not None:
            raise BAD_SIGNATURE("who is there, after all that was said", party=roster.names[forged])
        self._due = Kind.TOTAL
        return self._shares_of()

    def _shares_of(self) -> bytes:
        """Shares of survivors' own masks, and of others' masking keys: the one place where they go out."""
        asked = sorted((*self._around, self._place))
        lacking = [at for at, place in enumerate(asked) if place not in self._held]
        survivors = set(self._survivors)
        shares = [self._held[place][0 if place in survivors else 1] for place in asked if place in self._held]
        self._held, self._answered = {}, True
        return listed(Kind.ANSWER, lacking, len(asked), *shares)

    def _take_total(self, message: Reader) -> None:
        session = self._session
        data = message.take(session.payload)
        message.end()
        total = session.form.read(data)
        said = hidden_by(session, self._sharers)
        self._result = total_of(session, total, said, len(self._survivors), self._group_key)
        self._history = went_on(session, self._sharers, self._survivors, data)
        self._forget()

    def _forget(self) -> None:
        """Secrets are of no use any more."""
        self._own_seed = self._key_seed = b""
        self._held, self._sealed_with, self._group_key = {}, {}, None

    def _name(self, place: int) -> str:
        return self._session.roster.names[place]
