"""The provider comes back: it learns all that was done with its key, or that something is kept from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity
from coterie.ledger import read_entries, verify
from coterie.tee.documents.exchange import MESSAGE_LIMIT
from coterie.tee.keeper import custody as custody_module
from coterie.tee.keeper.custody import Custody
from coterie.tee.keeper.documents import Collect, Collected, KeeperStatement
from coterie.tee.keeper.provider import Collection
from tests.tee.keeper.local import World, code, released

Made = tuple[Custody, Collection]


@pytest.fixture
def made(world: World) -> Made:
    """A deposit under which two keys were released."""
    custody = world.custody()
    offer = custody.offer()
    deposit = world.deposit(offer)
    custody.accept(deposit)
    case = world.case_with(deposit)
    custody.admit(case)
    for _ in range(2):
        released(custody, world.runner(case))
    return custody, Collection(world.home / "copy", offer.log)


def test_everything_is_collected_once(world: World, made: Made) -> None:
    custody, collection = made
    asked: list[int] = []

    def ask(question: Collect) -> Collected:
        asked.append(question.after)
        return Collected.parse(custody.collect(Collect.parse(question.to_bytes())).to_bytes())

    statement = collection.collect(ask)
    assert (statement.head.seq, statement.holds) == (3, True)
    assert [entry.kind for entry in read_entries(world.home / "copy")] == ["grant", "release", "release"]
    assert verify(world.home / "copy").ok
    custody.withdraw(world.depositor.withdraw(custody.name))
    again = Collection(world.home / "copy", collection._log)
    assert not again.collect(ask).holds
    assert asked == [0, 3]
    assert [entry.body.get("reason") for entry in read_entries(world.home / "copy")][-1] is not None
    assert verify(world.host.store_.log(custody.name), heads=[statement.head]).ok


def test_more_than_a_message_holds(world: World, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    custody, collection = made
    monkeypatch.setattr(custody_module, "_ROOM", MESSAGE_LIMIT - 8000)
    asked: list[int] = []

    def ask(question: Collect) -> Collected:
        asked.append(question.after)
        return custody.collect(question)

    assert collection.collect(ask).head.seq == 3
    assert len(asked) > 1
    assert verify(world.home / "copy").entries == 3


def test_entries_that_the_host_drops_are_missed(world: World, made: Made) -> None:
    """In its own folder, and on the way."""
    custody, collection = made
    host = world.host.store_.log(custody.name)
    whole = (host / "ledger.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    (host / "ledger.jsonl").write_bytes(b"".join(lines[:2]))
    head = collection.collect(custody.collect).head
    assert {one.kind for one in verify(host, heads=[head]).findings} == {"dropped"}
    (host / "ledger.jsonl").write_bytes(lines[0] + lines[2])
    assert not verify(host).ok
    (host / "ledger.jsonl").write_bytes(whole.replace(b'"run":1', b'"run":9'))
    assert {one.kind for one in verify(host).findings} == {"changed"}


def tampered(custody: Custody, world: World) -> dict[str, Callable[[Collect], Collected]]:
    """What a host may answer instead of the keeper."""
    earlier = custody.collect(Collect(deposit=custody.name, nonce="00" * 32, after=0))
    other, _ = world.kept(grant=world.reusable(max_runs=1))
    stranger = Identity.in_memory("keeper")

    def changed(question: Collect, **update: Any) -> Collected:
        return custody.collect(question).model_copy(update=update)

    def shorter(question: Collect) -> Collected:
        answer = custody.collect(question)
        head = answer.statement.head.model_copy(update={"seq": 2})
        statement = answer.statement.model_copy(update={"head": head})
        return Collected(statement=statement, entries=answer.entries[:2])

    def edited(question: Collect) -> Collected:
        answer = custody.collect(question)
        body = {**answer.entries[1].body, "run": 7}
        entries = (answer.entries[0], answer.entries[1].model_copy(update={"body": body}), answer.entries[2])
        return answer.model_copy(update={"entries": entries})

    def own(question: Collect) -> Collected:
        answer = custody.collect(question)
        fields = {"nonce": question.nonce, "head": answer.statement.head, "holds": False}
        return answer.model_copy(update={"statement": KeeperStatement.sign(stranger, fields)})

    return {
        "an earlier answer": lambda question: earlier,
        "no entries": lambda question: changed(question, entries=()),
        "fewer entries": lambda question: (
            changed(question, entries=custody.collect(question).entries[:2])
            if question.after == 0
            else changed(question, entries=())
        ),
        "a gap": lambda question: changed(
            question, entries=tuple(custody.collect(question).entries[i] for i in (0, 2, 2))
        ),
        "a shorter head": shorter,
        "an edited entry": edited,
        "a statement of its own": own,
        "another deposit": other.collect,
    }


@pytest.mark.parametrize(
    "way",
    [
        "an earlier answer",
        "no entries",
        "fewer entries",
        "a gap",
        "a shorter head",
        "an edited entry",
        "a statement of its own",
        "another deposit",
    ],
)
def test_what_is_kept_back_or_changed_on_the_way_is_refused(
    world: World, made: Made, way: str, tmp_path: Path
) -> None:
    custody, collection = made
    assert code(collection.collect, tampered(custody, world)[way]) == "CT-2334"
    assert (tmp_path / "copy" / "ledger.jsonl").read_bytes() == b""
    assert collection.collect(custody.collect).head.seq == 3
