"""The parser of ClientHellos against OpenSSL's own, and against arbitrary bytes."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.wire import ClientHello, parse_client_hello, read_link_name
from tests.wire.network import outcome


def client_hello(name: str | None, protocols: list[str], **options: ssl.TLSVersion) -> bytes:
    """What OpenSSL sends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for option, value in options.items():
        setattr(context, option, value)
    if protocols:
        context.set_alpn_protocols(protocols)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


NAME = "0123456789abcdef0123456789abcdef.bank-a.coterie"
GOOD = client_hello(NAME, ["coterie-link/1"])


@pytest.mark.parametrize("name", [None, "localhost", NAME, "node.bank.example"])
@pytest.mark.parametrize("protocols", [[], ["h2", "http/1.1"], ["coterie-peer/1"]])
def test_openssl_is_understood(name: str | None, protocols: list[str]) -> None:
    assert parse_client_hello(client_hello(name, protocols)) == ClientHello(name, tuple(protocols))


def test_tls_1_2_is_understood_too() -> None:
    old = client_hello("localhost", ["http/1.1"], maximum_version=ssl.TLSVersion.TLSv1_2)
    assert parse_client_hello(old) == ClientHello("localhost", ("http/1.1",))


def test_every_beginning_asks_for_more() -> None:
    for length in range(len(GOOD)):
        assert parse_client_hello(GOOD[:length]) is None
    assert parse_client_hello(GOOD + b"anything") is not None


@pytest.mark.parametrize("size", [1, 3, 50, 1000])
def test_a_hello_may_be_cut_into_records(size: int) -> None:
    body = GOOD[5:]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    cut = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)
    if len(cut) < 16 * 1024:
        assert parse_client_hello(cut) == parse_client_hello(GOOD)


def _record(body: bytes) -> bytes:
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def _hello(extensions: bytes, suites: bytes = b"\x13\x01") -> bytes:
    suite_list = len(suites).to_bytes(2, "big") + suites
    return _record(
        b"\x03\x03"
        + bytes(32)
        + b"\0"
        + suite_list
        + b"\x01\0"
        + len(extensions).to_bytes(2, "big")
        + extensions
    )


def _name(raw: bytes, kind: int = 0) -> bytes:
    entry = bytes([kind]) + len(raw).to_bytes(2, "big") + raw
    content = len(entry).to_bytes(2, "big") + entry
    return b"\0\0" + len(content).to_bytes(2, "big") + content


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"\x80\x2e\x01\x03\x01",  # SSL 2
        b"\x16\x02\x00\x00\x10",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\xff\xff",
        b"\x17\x03\x03\x00\x10",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",  # a ServerHello
        b"\x16\x03\x01\x40\x00\x01\xff\xff\xff",  # 16 MB announced
        _record(b""),
        _record(b"\x03\x03" + bytes(31)),
        _hello(b"", suites=b""),
        _hello(b"", suites=b"\x13"),
        _hello(_name(b"a.example") + _name(b"b.example")),
        _hello(_name(b"")),
        _hello(_name(b"\xc3\xa4.example")),
        _hello(_name(b"a b")),
        _hello(_name(b"a\0b")),
        _hello(_name(b"a.example", kind=1)),
        _hello(b"\0\x10\0\x03\0\x01\0"),  # an empty protocol name
        _hello(b"\0\x10\0\x02\0\0"),  # no protocols
        _hello(b"\0\x10\0\x05\0\x02\x05h2"),
        _hello(b"\0\0\xff\xff"),
    ],
)
def test_what_is_no_client_hello_is_refused(data: bytes) -> None:
    with pytest.raises(CoterieError) as caught:
        parse_client_hello(data)
    assert caught.value.code == "CT-1235"


def test_endless_hellos_are_refused() -> None:
    with pytest.raises(CoterieError, match="CT-1235"):
        parse_client_hello((b"\x16\x03\x01\x00\x01\x01" + b"\x16\x03\x01\x00\x01\x00" * 3000)[: 16 * 1024])


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_crash(data: bytes) -> None:
    _parse(data)
    _parse(b"\x16\x03\x01" + data)
    _parse(_record(b"\x03\x03" + bytes(32) + data))
    _parse(_hello(data))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
def test_a_changed_or_cut_hello_never_crashes(at: int, value: int, end: int) -> None:
    changed = bytearray(GOOD)
    changed[at] = value
    _parse(bytes(changed))
    _parse(bytes(changed[:end]))


def _parse(data: bytes) -> None:
    assert outcome(lambda: parse_client_hello(data))[1] in (None, "CT-1235")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (NAME, ("0123456789abcdef0123456789abcdef", "bank-a")),
        (None, None),
        ("localhost", None),
        ("0123456789abcdef0123456789abcdeg.bank-a.coterie", None),
        (NAME + ".evil", None),
        ("x" + NAME, None),
        ("0123456789abcdef0123456789abcdef.-bank.coterie", None),
    ],
)
def test_link_names(name: str | None, parts: tuple[str, str] | None) -> None:
    assert read_link_name(name) == parts
