"""Records between host and runner: bounded before they are read, and of the kind that can come."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.tee.runner.records import PIECE, Channel, Closed, Kind, error_record, read_error
from coterie.tee.sandbox.errors import NOT_CONFINED

Pair = tuple[Channel, int]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    channel, raw = Channel(ours.detach()), theirs.detach()
    yield channel, raw
    channel.close()
    os.close(raw)


@given(st.binary(max_size=300), st.lists(st.binary(max_size=99), max_size=3))
def test_what_is_sent_is_received(first: bytes, keys: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    here, there = Channel(ours.detach()), Channel(theirs.detach())
    here.send(Kind.OUTPUT, first, *keys)
    assert there.receive(Kind.PIECE, Kind.OUTPUT).parts == (first, *keys)
    here.close()
    with pytest.raises(Closed):
        there.receive(Kind.PIECE)
    there.close()


def test_records_larger_than_the_sockets_room_arrive(pair: Pair) -> None:
    channel, raw = pair
    there = Channel(os.dup(raw))
    content = os.urandom(PIECE)
    sender = threading.Thread(target=lambda: channel.send(Kind.PIECE, content))
    sender.start()
    assert there.receive(Kind.PIECE).parts == (content,)
    sender.join()
    there.close()


@pytest.mark.parametrize(
    "data",
    [
        bytes([99, 0]),  # no kind
        bytes([Kind.BEGIN, 0]),  # a kind that cannot come now
        bytes([Kind.PIECE, 0]),  # a part too few
        bytes([Kind.PIECE, 2]) + struct.pack(">II", 1, 1),  # and one too many
        bytes([Kind.PIECE, 1]) + struct.pack(">I", PIECE + 1),  # too long, and never waited for
        bytes([Kind.PIECE, 1]) + struct.pack(">I", 2**32 - 1),
        bytes([Kind.OUTPUT, 66]) + struct.pack(">I", 1) * 66,  # more keys than there can be receivers
    ],
)
def test_what_is_no_record_is_refused_before_it_is_read(pair: Pair, data: bytes) -> None:
    channel, raw = pair
    os.write(raw, data)
    with pytest.raises(CoterieError) as caught:
        channel.receive(Kind.PIECE, Kind.OUTPUT)
    assert caught.value.code == "CT-2293"


def test_grants_come_with_their_records(pair: Pair) -> None:
    channel, _ = pair
    with pytest.raises(CoterieError) as caught:
        channel.send(Kind.BEGIN, b"{}", b"{}", b"", b"{}")
    assert caught.value.code == "CT-2293"


def test_errors_travel_with_their_code() -> None:
    told = read_error(error_record(NOT_CONFINED("no Landlock", step="train")))
    assert (told.code, told.detail, told.step) == ("CT-2287", "no Landlock", "train")


@pytest.mark.parametrize("data", [b"[]", b'{"code": 1}', b"1"])
def test_errors_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(CoterieError) as caught:
        read_error(data)
    assert caught.value.code == "CT-2293"
