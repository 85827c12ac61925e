"""An owner's part: its sealed data goes up, its releaser is asked, and nothing of it is opened here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from coterie.jobs.assignment import Host
from coterie.jobs.attested.sealed import EVIDENCE
from coterie.tee import Challenge, DatasetRecord, Release, ReleaseRequest, Sender, as_ranges
from coterie.wire import Channel


class Missing(BaseModel):
    """What the host lacks of a container: the first number of each range of chunks, and the one after it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranges: Annotated[tuple[tuple[int, int], ...], Field(max_length=1000)]


class Question(BaseModel):
    """What the host passes on from the runner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ask: Literal["challenge", "release", "nothing"]
    """The last one ends the questions."""


def send_container(
    channel: Channel, container: Path, record: DatasetRecord, progress: Callable[[int, int], None]
) -> None:
    """Send the host what it lacks. Errors: CT-1122, CT-2201 to CT-2203, CT-2208, CT-2212, those of links."""
    lacking = as_ranges(channel.recv_record("missing", Missing).ranges)
    if not lacking:
        return
    total = sum(len(run) for run in lacking)
    with Sender(container, record) as sender:
        for done, piece in enumerate(sender.pieces(lacking)):
            channel.send_bytes("piece", piece)
            progress(done + 1, total)


def answer_host(channel: Channel, host: Host, grants: int, most: int) -> ReleaseRequest | None:
    """Grant, admit, and answer the runner's questions until there are no more; gives the request for which
    the key was released.

    :param grants: number of owners.
    :param most: bytes of a grant, at most.

    Errors: those of the releaser, which end the job for all; those of links.
    """
    for name, part in zip(("grant", "logged"), host.releaser("grant"), strict=True):
        channel.send_bytes(name, part)
    checkpoint = channel.recv_bytes("checkpoint", most)
    given = [channel.recv_bytes("grant", most) for _ in range(grants)]
    host.releaser("admit", checkpoint, *given)
    channel.send_record("admitted", Question(ask="nothing"))
    released: ReleaseRequest | None = None
    while (asked := channel.recv_record("ask", Question).ask) != "nothing":
        if asked == "challenge":
            channel.send_bytes("challenge", host.releaser("challenge")[0])
        else:
            request = channel.recv_bytes("request", EVIDENCE)
            answer = host.releaser("release", request)[0]
            released = ReleaseRequest.parse(request)
            channel.send_bytes("release", answer)
    return released


class Here:
    """The host's own releaser, where the host is an owner too."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def ask_challenge(self) -> None:
        """Nothing to do ahead."""

    def challenge(self) -> Challenge:
        """Errors: the releaser's."""
        return Challenge.parse(self._host.releaser("challenge")[0])

    def release(self, request: ReleaseRequest) -> Release:
        """Errors: the releaser's."""
        return Release.parse(self._host.releaser("release", request.to_bytes())[0])

    def end(self) -> None:
        """Nothing to do."""


class There:
    """An owner at the other end of a link."""

    def __init__(self, channel: Channel, small: int) -> None:
        """:param small: bytes of an answer, at most."""
        self._channel, self._small = channel, small

    def ask_challenge(self) -> None:
        """Ask; :meth:`challenge` takes the answer, so that all owners are asked at once."""
        self._channel.send_record("ask", Question(ask="challenge"))

    def challenge(self) -> Challenge:
        """Errors: CT-2273, those of links, and what ended the job at the owner."""
        return Challenge.parse(self._channel.recv_bytes("challenge", self._small))

    def release(self, request: ReleaseRequest) -> Release:
        """Errors: as :meth:`challenge`."""
        self._channel.send_record("ask", Question(ask="release"))
        self._channel.send_bytes("request", request.to_bytes())
        return Release.parse(self._channel.recv_bytes("release", self._small))

    def end(self) -> None:
        """No more questions."""
        self._channel.send_record("ask", Question(ask="nothing"))
