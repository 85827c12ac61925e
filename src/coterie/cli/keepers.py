"""``coterie tee keeper``: a key keeper on this machine, and what providers say to it, as files."""

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
from .output import note, say, show
from .state import state_of

if TYPE_CHECKING:  # these load Arrow and the verifiers, which other commands do not need
    from coterie.tee import Attester, Keeper, Platform

app = typer.Typer(no_args_is_help=True)

D = TypeVar("D")
LARGEST = 16 * 2**20
"""Bytes of a deposit, which is the largest document."""
_LOOK = 10
"""Seconds between two looks whether the keeper is still there."""

SocketOption = Annotated[
    Path | None, typer.Option("--socket", help="Of the keeper, where that is not in this node's home.")
]


class KeeperView(BaseModel):
    """A keeper that runs."""

    model_config = ConfigDict(frozen=True)

    measurement: str
    socket: Path
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
    note(f"The answer is in {output}.")
