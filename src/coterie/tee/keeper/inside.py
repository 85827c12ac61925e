"""Inside of the sandbox: a keeper, from its start to its end. It holds keys, counters and logs in memory
alone, answers one question after the other, and forgets everything when it ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from coterie.agreement import Revocation
from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError
from coterie.ledger import Entry, SignedHead
from coterie.tee.documents.exchange import ReleaseRequest
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.keeper.custody import Custody, Host
from coterie.tee.keeper.deposit import Deposit
from coterie.tee.keeper.documents import Collect, KeeperChallenge, Withdrawal
from coterie.tee.keeper.errors import KEEPER_FULL, KEEPER_MESSAGE_INVALID, NO_DEPOSIT, NOT_STORED
from coterie.tee.runner.documents import parse_case
from coterie.tee.runner.records import Channel, Closed, Kind, Record, error_record, read_error
from coterie.tee.runner.standard import silence, take_socket
from coterie.tee.sandbox.confine import SCRATCH

MODULE: Final = __name__
"""What a sandbox runs for a keeper."""
MOST: Final = 64
"""Deposits and offers at a time."""


class _AtHost:
    """The host, over the channel that the process is born with."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def quote(self, report_data: bytes) -> tuple[Evidence, Endorsements | None]:
        self._channel.send(Kind.ASK_EVIDENCE, report_data)
        record = self._channel.receive(Kind.EVIDENCE, Kind.REFUSED)
        if record.kind == Kind.REFUSED:
            raise read_error(record.parts[0])
        endorsements = Endorsements.parse(record.parts[1]) if record.parts[1] else None
        return Evidence.parse(record.parts[0]), endorsements

    def store(self, log: Identity, entry: Entry, head: SignedHead) -> None:
        self._channel.send(Kind.ENTRY, canonical(log.public), canonical(entry), canonical(head))
        self._stored()

    def archive(self, content: bytes) -> None:
        self._channel.send(Kind.ARCHIVE, content)
        self._stored()

    def _stored(self) -> None:
        record = self._channel.receive(Kind.STORED, Kind.REFUSED)
        if record.kind == Kind.REFUSED:
            raise NOT_STORED(read_error(record.parts[0]).code)


class Desk:
    """What can be asked of a keeper."""

    def __init__(self, host: Host, scratch: Path, custodies: dict[str, Custody]) -> None:
        """:param custodies: its deposits, by the names of their logs; empty at the start."""
        self._host, self._scratch, self._custodies = host, scratch, custodies
        self._made = 0
        self._questions: dict[str, Callable[[str, bytes], bytes]] = {
            "offer": lambda _, data: self._offer(KeeperChallenge.parse(data)),
            "deposit": lambda name, data: canonical(self._of(name).accept(Deposit.parse(data))),
            "challenge": lambda name, data: self._of(name).challenge(_text(data)).to_bytes(),
            "release": lambda name, data: self._of(name).release(ReleaseRequest.parse(data)).to_bytes(),
            "collect": lambda name, data: canonical(self._of(name).collect(Collect.parse(data))),
            "withdraw": self._withdraw,
            "revoke": self._revoke,
            "alive": lambda *_: b"",
        }

    def answer(self, record: Record) -> bytes:
        """Errors: those of the custody, CT-2326, CT-2328."""
        if record.kind == Kind.ADMIT:
            case, _ = parse_case(Record(Kind.BEGIN, record.parts[1:]))
            return self._of(_text(record.parts[0])).admit(case).encode()
        question, name, data = record.parts
        asked = self._questions.get(_text(question))
        if asked is None:
            raise KEEPER_MESSAGE_INVALID("a question that keepers do not know")
        return asked(_text(name), data)

    def _of(self, name: str) -> Custody:
        custody = self._custodies.get(name)
        if custody is None:
            raise NO_DEPOSIT(f"{name[:16]}… was not offered by this keeper, or it has started again")
        return custody

    def _offer(self, challenge: KeeperChallenge) -> bytes:
        self._make_room()
        self._made += 1
        custody = Custody(challenge, self._host, self._scratch / str(self._made))
        offer = custody.offer().to_bytes()
        self._custodies[custody.name] = custody
        return offer

    def _make_room(self) -> None:
        """Offers that nobody took make room, then what has ended; never a key."""
        if len(self._custodies) < MOST:
            return
        unused = [name for name, one in self._custodies.items() if not one.holds and not one.ended]
        ended = [name for name, one in self._custodies.items() if one.ended]
        if not unused and not ended:
            raise KEEPER_FULL(f"{MOST} are here")
        del self._custodies[(unused + ended)[0]]

    def _withdraw(self, name: str, data: bytes) -> bytes:
        self._of(name).withdraw(Withdrawal.parse(data))
        return b""

    def _revoke(self, name: str, data: bytes) -> bytes:
        self._of(name).revoke(Revocation.from_bytes(data))
        return b""


def _text(data: bytes) -> str:
    return data[:100].decode(errors="replace")


def main() -> None:
    """Serve until the host closes the socket that stands as standard input."""
    custodies: dict[str, Custody] = {}

    def tick() -> None:
        for custody in custodies.values():
            custody.tick()

    channel = Channel(take_socket(), tick)
    silence(1, 2)
    desk = Desk(_AtHost(channel), SCRATCH, custodies)
    try:
        channel.send(Kind.READY)
        while True:
            record = channel.receive(Kind.ASK, Kind.ADMIT)
            try:
                answer = desk.answer(record)
            except CoterieError as error:
                channel.send(Kind.NOT_DONE, error_record(error))
            except Exception as error:  # noqa: BLE001 - one provider's words must not end the others' deposits
                told = KEEPER_MESSAGE_INVALID(type(error).__name__)
                channel.send(Kind.NOT_DONE, error_record(told))
            else:
                channel.send(Kind.ANSWER, answer)
    except (Closed, CoterieError):
        pass  # the host is gone, or does not keep to the records
    finally:
        with contextlib.suppress(Exception):
            for custody in custodies.values():
                custody.wipe()
        os._exit(0)
