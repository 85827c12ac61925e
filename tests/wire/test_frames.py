"""The codec of frames, and inbox and outbox joined by arbitrary cuts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.psi.errors import DUPLICATE_IDS
from coterie.wire.errors import PEER_GONE
from coterie.wire.frames import (
    CHUNK,
    FAIL_LIMIT,
    FrameKind,
    Header,
    decode_header,
    decode_hello,
    error_of,
    failure_of,
)
from coterie.wire.inbox import FrameReader, Inbox
from coterie.wire.messages import Expected, Kind
from coterie.wire.outbox import Outbox
from tests.wire.network import outcome

MIB = 1 << 20
U63 = st.integers(0, 2**63 - 1)

messages = st.builds(
    lambda seq, acked, taken, tag, kind, depth, total: Header(
        FrameKind.MESSAGE, seq, acked, taken, min(total, CHUNK), tag, kind, depth, total
    ),
    st.integers(1, 2**63 - 1),
    U63,
    U63,
    st.integers(1, 255),
    st.sampled_from(Kind),
    st.integers(0, 2**30 - 1),
    st.integers(0, 1 << 40),
)


def _header(kind: FrameKind, seq: int, acked: int, taken: int, length: int = 0) -> Header:
    return Header(kind, seq, acked, taken, length)


others = st.one_of(
    st.builds(_header, st.just(FrameKind.CHUNK), st.integers(1, 2**63 - 1), U63, U63, st.integers(1, CHUNK)),
    st.builds(_header, st.just(FrameKind.STATE), st.just(0), U63, U63),
    st.builds(_header, st.just(FrameKind.FAIL), st.just(0), U63, U63, st.integers(1, FAIL_LIMIT)),
    st.builds(_header, st.just(FrameKind.BYE), st.integers(1, 2**63 - 1), U63, U63),
)


@settings(deadline=None)
@given(messages | others)
def test_headers_survive_the_wire(header: Header) -> None:
    assert decode_header(header.encode(), "peer") == header


def test_the_layout_is_the_documented_one() -> None:
    """A golden header: changing it changes the protocol's version."""
    header = Header(FrameKind.MESSAGE, 3, 2, 1 << 20, 5, 4, Kind.RECORD, 7, 5)
    assert header.encode().hex() == (
        "010304000700000003000000000000000200000000000000000010000000000005000000000000000500000000000000"
    )


@settings(deadline=None)
@given(st.binary(min_size=48, max_size=48))
def test_arbitrary_headers_are_valid_or_refused(data: bytes) -> None:
    header, code = outcome(lambda: decode_header(data, "peer"))
    assert header.encode() == data if header else code == "CT-1213"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_hellos_are_valid_or_refused(data: bytes) -> None:
    assert outcome(lambda: decode_hello(data, "peer"))[1] in (None, "CT-1204", "CT-1217")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8))
def test_arbitrary_streams_are_refused_or_wait_for_more(pieces: list[bytes]) -> None:
    inbox = Inbox("peer", 4 * MIB)
    reader = FrameReader(inbox, "peer", lambda _: None, lambda *_: None)
    for piece in pieces:
        _, code = outcome(lambda piece=piece: reader.feed(memoryview(piece)))
        assert code in (None, "CT-1213", "CT-1214", "CT-1215")
        if code:
            break


@settings(deadline=None)
@given(st.text(max_size=2000), st.text(max_size=700), st.text(max_size=100) | st.none())
def test_any_error_can_be_told(detail: str, next_step: str, party: str | None) -> None:
    failure = failure_of(PEER_GONE(detail, next_step=next_step, party=party))
    body = failure.model_dump_json().encode()
    assert len(body) <= FAIL_LIMIT
    assert error_of(failure, "peer").code == PEER_GONE.code


def test_what_an_error_says_of_own_rows_stays_here() -> None:
    told = failure_of(DUPLICATE_IDS("rows 3 and 9", party="alpha", step="align"))
    assert (told.code, told.detail, told.party, told.step) == ("CT-2002", "", "alpha", "align")
    assert told.next_step == DUPLICATE_IDS.next_step


sizes = st.sampled_from([0, 1, 100, 20_000, MIB - 1, MIB, MIB + 1, 3 * MIB + 5, 9 * MIB])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(sizes, min_size=1, max_size=6),
    st.lists(st.integers(1, 6 * MIB), max_size=8),
    st.lists(st.booleans(), max_size=20),
)
def test_every_message_arrives_once_in_order_whatever_is_cut(
    lengths: list[int], cuts: list[int], asks: list[bool]
) -> None:
    """An outbox, an inbox, and connections cut after so many bytes; the program asks now and then."""
    window = 4 * MIB
    outbox, inbox = Outbox("beta", window), Inbox("alpha", window)
    sent = [bytes([number]) * length for number, length in enumerate(lengths)]
    for number, content in enumerate(sent):
        outbox.add(f"m{number}".encode(), Kind.BYTES, number, memoryview(content), "step")
    got: list[bytes] = []

    def ask() -> None:
        assert inbox.expect(Expected(f"m{len(got)}", Kind.BYTES)) is None
        if inbox.ready():
            message = inbox.pop()
            assert message.depth == len(got)
            got.append(message.data.tobytes())

    for cut in [*cuts, 1 << 40]:
        left = cut
        outbox.rewind(inbox.received)
        reader = FrameReader(inbox, "alpha", lambda _: None, lambda *_: None)
        while left > 0 and len(got) < len(sent):
            outbox.acknowledge(inbox.received, inbox.taken)
            frame = outbox.next_frame(0, 0)
            for view in frame[0] if frame else []:
                reader.feed(view[: max(left, 0)])
                left -= view.nbytes
            if frame is None or (asks and asks.pop()):
                ask()
    assert got == sent
    outbox.acknowledge(inbox.received, inbox.taken)
    assert outbox.all_acknowledged
    assert outbox.outstanding == 0


def test_an_outbox_gives_no_more_than_the_window() -> None:
    outbox = Outbox("beta", 4 * MIB)
    outbox.add(b"x", Kind.BYTES, 1, memoryview(bytes(10 * MIB)), "")
    frames = 0
    while outbox.next_frame(0, 0):
        frames += 1
    assert frames == 3  # the fourth MiB would pass the window by the message's charge
    assert outbox.outstanding == 10 * MIB + 256


@pytest.mark.parametrize(("acked", "taken", "code"), [(2, 0, "CT-1214"), (0, 10**9, "CT-1215")])
def test_an_outbox_refuses_false_acknowledgements(acked: int, taken: int, code: str) -> None:
    outbox = Outbox("beta", 4 * MIB)
    outbox.add(b"x", Kind.BYTES, 1, memoryview(b"12"), "")
    outbox.next_frame(0, 0)
    with pytest.raises(CoterieError, match=code):
        outbox.acknowledge(acked, taken)
