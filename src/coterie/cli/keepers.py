"""``coterie tee keeper``: a key keeper on this machine; deposits with one elsewhere; all words as files."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer
from pydantic import BaseModel, ConfigDict

from coterie.crypto import Draft, canonical
from coterie.node import Home

from .errors import FILE_EXISTS, FILE_MISSING
from .output import facts, note, say, show
from .state import State, read_text, state_of

if TYPE_CHECKING:  # these load Arrow and the verifiers, which other commands do not need
    from coterie.tee import Attester, Collection, Keeper, Platform

app = typer.Typer(no_args_is_help=True)

D = TypeVar("D")
LARGEST = 16 * 2**20
"""Bytes of a deposit, which is the largest document."""
_LOOK = 10
"""Seconds between two looks whether the keeper is still there."""

AgreementOption = Annotated[str, typer.Option("--agreement", help="Its name or id.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="For the keeper's host.")]
SocketOption = Annotated[
    Path | None, typer.Option("--socket", help="Of the keeper, where that is not in this node's home.")
]


class KeeperView(BaseModel):
    """A keeper that runs."""

    model_config = ConfigDict(frozen=True)

    measurement: str
    socket: Path
    folder: Path


class CollectedView(BaseModel):
    """What a provider has of a deposit's log now."""

    model_config = ConfigDict(frozen=True)

    deposit: str
    entries: int
    holds: bool
    folder: Path


class Question(StrEnum):
    """What a provider's document asks."""

    offer = "offer"
    deposit = "deposit"
    collect = "collect"
    withdraw = "withdraw"


@app.command()
def start(
    context: typer.Context,
    platform: Annotated[str, typer.Option(help="What makes the evidence: sim, snp, tdx …")] = "sim",
    image: Annotated[
        Path | None, typer.Option(help="Folder of images, where that is not in this node's home.")
    ] = None,
    socket: SocketOption = None,
) -> None:
    """Start a keeper, and let other processes of this user ask it until this is ended (Ctrl+C).

    Keys, counters and log keys end with it; the logs stay in the home, in tee/keeper.
    """
    from coterie.tee import (
        KEEPER_MODULE,
        Keeper,
        KeeperService,
        KeeperStore,
        Sandbox,
        attester_for,
        ensure_image,
    )

    state = state_of(context)
    home = Home.open(state.home)
    folder = home.tee / "keeper"
    path = socket or folder / "socket"
    sandbox = Sandbox(ensure_image(image or home.images), KEEPER_MODULE)
    chosen = cast("Platform", platform)  # others are refused by their name

    def attest(measurement: bytes, launched_for: bytes) -> Attester:
        return attester_for(chosen, home.tee / "simulated", measurement, launched_for)

    with Keeper(sandbox, attest, KeeperStore(folder)) as keeper, KeeperService(keeper, path):
        view = KeeperView(measurement=keeper.measurement.hex(), socket=path, folder=folder)
        if not show(state, view):
            say(f"A keeper with the measurement {view.measurement} listens at {path}.")
            note("Deposits are lost when it ends.")
        _wait(keeper)


def _wait(keeper: Keeper) -> None:
    """Until somebody ends this process, or the keeper is gone. Errors: CT-2325."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(_LOOK):
        keeper.alive()


@app.command()
def ask(
    context: typer.Context,
    question: Annotated[Question, typer.Argument(help="What the document is.")],
    document: Annotated[Path, typer.Argument(help="A provider's challenge, deposit, question, withdrawal.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="Where to put the answer for the provider.")
    ] = None,
    socket: SocketOption = None,
) -> None:
    """Hand a provider's document to the keeper on this machine, and give back its answer.

    Whatever is on the way may be read and is signed, sealed, or checked by who gets it.
    """
    from coterie.tee import Collect, Deposit, KeeperAt, KeeperChallenge, Withdrawal

    state = state_of(context)
    if output is not None and output.exists():
        raise FILE_EXISTS(str(output))
    content = _read(document)
    keeper = KeeperAt(socket or Home.open(state.home).tee / "keeper" / "socket")
    answers: dict[Question, Callable[[], bytes]] = {
        Question.offer: lambda: keeper.offer(KeeperChallenge.parse(content)).to_bytes(),
        Question.deposit: lambda: canonical(keeper.deposit(Deposit.parse(content))),
        Question.collect: lambda: canonical(keeper.collect(Collect.parse(content))),
        Question.withdraw: lambda: _nothing(keeper.withdraw, Withdrawal.parse(content)),
    }
    _give(answers[question](), output)


def _nothing(call: Callable[[D], None], document: D) -> bytes:
    call(document)
    return b""


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise FILE_MISSING(f"{path}: {error.strerror}") from error


def _give(answer: bytes, output: Path | None) -> None:
    if not answer:
        say("Done.")
        return
    if output is None:
        typer.echo(answer.decode())
        return
    with Draft(output, 0o644) as draft:
        draft.write(answer)
        draft.publish()
    note(f"It is in {output}.")


@app.command()
def challenge(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Of this party, listed in the agreement.")],
    agreement: AgreementOption,
    output: OutputOption,
) -> None:
    """Begin a deposit: seal a dataset for an agreement, and challenge a keeper at the agreement's host.

    The answer to it (`coterie tee keeper ask offer`) is good for five minutes.
    """
    with state_of(context).client() as client:
        made = client.challenge_keeper(agreement, dataset)
    _write(made.document.encode(), output)


@app.command()
def deposit(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="The one that was challenged for.")],
    agreement: AgreementOption,
    offer: Annotated[Path, typer.Option(help="The keeper's answer to the challenge.")],
    output: OutputOption,
    runs: Annotated[int, typer.Option(min=1, help="Of the agreement's, that the keeper may release for.")],
    days: Annotated[int, typer.Option(min=1, help="After which the keeper wipes the key.")] = 30,
) -> None:
    """Deposit a dataset's key with the keeper that made the offer, for all jobs within the agreement.

    It is the approval of these jobs, as often as it says. It is in the ledger before the file is written.
    """
    state = state_of(context)
    _free(output)
    with state.client() as client:
        made = client.deposit_key(agreement, dataset, read_text(offer), runs, days)
    _write(made.document.encode(), output)
    if show(state, made):
        return
    rows = (
        ("deposit", made.deposit),
        ("dataset", made.dataset),
        ("runs", f"{made.runs:,}, used up here"),
        ("until", made.expires),
        ("container", made.container),
        ("its record", made.record),
    )
    facts("Deposit, signed and in the ledger", rows)
    note(
        "Hand it to the host, with container and record: coterie tee keeper ask deposit, coterie sealed add."
    )


@app.command()
def withdraw(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEPOSIT", help="As `deposit` has said it.")],
    output: OutputOption,
) -> None:
    """The word that ends a deposit, signed, and in the ledger: the keeper wipes the key when it has it."""
    _free(output)
    with state_of(context).client() as client:
        made = client.withdraw_key(name)
    _write(made.document.encode(), output)


@app.command()
def question(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DEPOSIT", help="As `deposit` has said it.")],
    output: OutputOption,
) -> None:
    """Ask for the log of a deposit, as far as it is not here. No daemon is needed."""
    _write(_collection(state_of(context), name).question().to_bytes(), output)


@app.command()
def collect(
    context: typer.Context,
    answer: Annotated[Path, typer.Argument(help="What `ask collect` gave at the host.")],
    asked: Annotated[Path, typer.Option("--question", help="The file that `question` wrote.")],
) -> None:
    """Check the keeper's answer, and add it to the own copy of the log: `coterie audit verify` reads that."""
    from coterie.tee import Collect, Collected

    state = state_of(context)
    wanted = Collect.parse(_read(asked))
    statement = _collection(state, wanted.deposit).take(wanted, Collected.parse(_read(answer)))
    folder = _deposits(state) / wanted.deposit
    view = CollectedView(
        deposit=wanted.deposit, entries=statement.head.seq, holds=statement.holds, folder=folder
    )
    if not show(state, view):
        there = "has the key" if view.holds else "has wiped the key"
        say(f"The log has {view.entries:,} entries, all of them are in {folder}; the keeper {there}.")


def _deposits(state: State) -> Path:
    return Home.open(state.home).tee / "deposits"


def _collection(state: State, name: str) -> Collection:
    """The own copy of a deposit's log. Errors: CT-6001, CT-1302."""
    from coterie.tee import Collection

    folder = _deposits(state) / name
    if not name.isalnum() or not folder.is_dir():
        raise FILE_MISSING(f"{folder}: no such deposit was made here")
    return Collection.of(folder)


def _free(output: Path) -> None:
    if output.exists():
        raise FILE_EXISTS(str(output))


def _write(content: bytes, output: Path) -> None:
    _free(output)
    _give(content, output)
