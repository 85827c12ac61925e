"""Sign-in at an identity provider: a real one in its own process, and tokens that do not hold."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from coterie.client import Client
from tests.cli.conftest import call
from tests.node.conftest import Daemon, refused

SUBJECT = "wang.xiaoming@lender.example"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that is not ours."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "the provider has ended"
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://localhost:{port}"
    finally:
        process.kill()
        process.wait()


class Liar:
    """A provider that signs whatever it is told to."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.token: Any = None
        self.forms: list[dict[str, str]] = []
        self.heads: list[dict[str, str]] = []
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = {"/.well-known/openid-configuration": liar.itself(), "/keys": liar.keys()}
                self._answer(answers[self.path])

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                liar.forms.append({name: values[0] for name, values in parse_qs(body).items()})
                liar.heads.append(dict(self.headers))
                self._answer({"id_token": liar.token})

            def _answer(self, value: object) -> None:
                text = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def itself(self) -> dict[str, str]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def keys(self) -> dict[str, object]:
        own = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**own, "kid": "1", "use": "sig", "alg": "RS256"}, {"kty": "??"}, 7]}

    def sign(self, nonce: str, *, key: Any = None, algorithm: str = "RS256", **changes: Any) -> str:
        """An ID token that is right but for ``changes``; None leaves a claim out."""
        now = int(time.time())
        right = {
            "iss": self.issuer,
            "aud": "coterie",
            "sub": SUBJECT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
        }
        claims = {name: value for name, value in {**right, **changes}.items() if value is not None}
        return jwt.encode(claims, key or self.key, algorithm, headers={"kid": changes.pop("kid", "1")})


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.server.shutdown()
    made.server.server_close()


@dataclasses.dataclass
class Two:
    """A node that trusts a provider, and what comes from it."""

    node: Daemon
    issuer: str


def started(folder: Any, oidc: str) -> Iterator[Daemon]:
    daemon = Daemon(folder / "lender")
    (daemon.home / "provider.secret").write_text("swordfish & co\n")
    with (daemon.home / "node.yaml").open("a") as settings:
        settings.write(f"people: {{free_failures: 1000, oidc: {oidc}}}\n")
    daemon.start()
    try:
        daemon.await_up()
        yield daemon
        assert daemon.stop() == 0
    finally:
        daemon.client.close()
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> Iterator[Daemon]:
    yield from started(
        tmp_path_factory.mktemp("oidc"),
        f"{{issuer: '{issuer}', client_id: coterie, client_secret_file: provider.secret}}",
    )


@pytest.fixture(scope="module")
def lied_to(tmp_path_factory: pytest.TempPathFactory, liar: Liar) -> Iterator[Daemon]:
    oidc = f"{{issuer: '{liar.issuer}', client_id: coterie, client_secret_file: provider.secret}}"
    for daemon in started(tmp_path_factory.mktemp("liar"), oidc):
        daemon.client.add_user("wang", ["analyst"], subject=SUBJECT)
        yield daemon


def browse(place: str, subject: str) -> str:
    """What a person does in a browser; gives the address that the provider sends it to in the end."""
    parts = urlsplit(place)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.request(
        "POST",
        f"{parts.path}?{parts.query}",
        urlencode({"sub": subject}),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers["Location"]


def pkce() -> tuple[str, str]:
    verifier = secrets.token_urlsafe(48)
    return verifier, base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def test_a_person_signs_in_by_a_browser(node: Daemon, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = node.client.add_user("wang", ["steward"], subject=SUBJECT)
    assert made.subject == SUBJECT
    with refused("CT-5124"):
        node.client.add_user("other", ["steward"], subject=SUBJECT)
    with refused("CT-5012"):
        node.client.set_password("wang", "correct horse battery")
    with refused("CT-5120"):
        node.client.sign_in("wang", "")
    fingerprint = node.client.identity().api_fingerprint
    door = ("--url", node.client.url, "--fingerprint", fingerprint)
    seen = []

    def person(place: str) -> bool:
        def act() -> None:
            back = urlsplit(browse(place, SUBJECT))
            for wrong in (f"{back.path}?code=stolen&state=guessed", "/", back.path):
                seen.append(fetch(back.port or 0, wrong))
            seen.append(fetch(back.port or 0, f"{back.path}?{back.query}"))

        threading.Thread(target=act, daemon=True).start()
        return True

    monkeypatch.setattr("webbrowser.open", person)
    home = tmp_path / "laptop"
    said = call("--home", str(home), "login", "--oidc", *door)
    assert said.status == 0, said.err
    assert "Signed in as user wang (steward)" in said.out
    assert call("--home", str(home), "agreement", "list").status == 0
    deadline = time.monotonic() + 20
    while len(seen) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert seen == [404, 404, 404, 200], "who does not know the state of the sign-in is sent away"
    node.client.disable_user("wang")
    assert call("--home", str(home), "agreement", "list").status != 0
    for words in (("login",), ("login", "wang", "--oidc")):
        assert "CT-6011" in call("--home", str(home), *words, *door).err


def fetch(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


REDIRECT = "http://127.0.0.1:1/callback"


def test_codes_are_good_once_and_for_whom_they_were_given(node: Daemon) -> None:
    client = node.client

    def code(nonce: str, challenge: str) -> str:
        offer = client.provider()
        asked = {
            "response_type": "code",
            "client_id": offer.client_id,
            "redirect_uri": REDIRECT,
            "scope": offer.scope,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        back = browse(f"{offer.authorization_endpoint}?{urlencode(asked)}", "stranger")
        return parse_qs(urlsplit(back).query)["code"][0]

    verifier, challenge = pkce()
    nonce = client.provider().nonce
    with refused("CT-5133"):  # the provider knows this person; here nobody is it
        client.sign_in_elsewhere(code(nonce, challenge), verifier, REDIRECT, nonce)
    with refused("CT-5130"):  # a nonce is good once
        client.sign_in_elsewhere(code(nonce, challenge), verifier, REDIRECT, nonce)
    other = client.provider().nonce
    with refused("CT-5130"):  # the token is of another sign-in
        client.sign_in_elsewhere(code(nonce, challenge), verifier, REDIRECT, other)
    for guessed in ("", "?", "A" * 76, base64.urlsafe_b64encode(bytes(56)).decode()):
        with refused("CT-5130"):
            client.sign_in_elsewhere("any", verifier, REDIRECT, guessed)
    last = client.provider().nonce
    with refused("CT-5130"):  # a code that the provider never gave
        client.sign_in_elsewhere("guessed", verifier, REDIRECT, last)
    with refused("CT-5130"):
        client.sign_in_elsewhere(
            "any", verifier, "https://elsewhere.example/callback", client.provider().nonce
        )
    assert any(one.code == "CT-5130" for one in client.refused_calls())


def test_only_a_token_that_holds_is_taken(lied_to: Daemon, liar: Liar) -> None:
    client, (verifier, _) = lied_to.client, pkce()
    now = int(time.time())

    def outcome(**changes: Any) -> str | None:
        nonce = client.provider().nonce
        wrong = changes.pop("raw", None)
        liar.token = wrong(nonce) if wrong else liar.sign(**{"nonce": nonce, **changes})
        try:
            made = client.sign_in_elsewhere("a code", verifier, REDIRECT, nonce)
        except Exception as error:  # noqa: BLE001 - whatever is raised must have this code
            return str(getattr(error, "code", error))
        assert made.name == "user wang"
        return None

    assert outcome() is None
    assert liar.forms[-1] == {
        "grant_type": "authorization_code",
        "code": "a code",
        "redirect_uri": REDIRECT,
        "client_id": "coterie",
        "code_verifier": verifier,
    }
    secret = base64.b64decode(liar.heads[-1]["Authorization"].removeprefix("Basic ")).decode()
    assert secret == "coterie:swordfish+%26+co", "RFC 6749, 2.3.1"
    assert outcome(aud=["coterie"], azp="coterie") is None
    assert outcome(exp=now - 30) is None, "clocks differ by a little"
    public = base64.urlsafe_b64encode(b"x" * 32).decode()
    wrong: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": "http://127.0.0.1:1"},
        "another client": {"aud": "wallet"},
        "two clients and no word for whom": {"aud": ["coterie", "wallet"]},
        "for another of two clients": {"aud": ["coterie", "wallet"], "azp": "wallet"},
        "over": {"exp": now - 3600},
        "of the future": {"iat": now + 3600},
        "no end": {"exp": None},
        "no subject": {"sub": None},
        "of another sign-in": {"nonce": "another"},
        "another key": {"key": rsa.generate_private_key(65537, 2048)},
        "a key that is not published": {"kid": "2"},
        "a curve under an RSA key's name": {
            "key": ec.generate_private_key(ec.SECP256R1()),
            "algorithm": "ES256",
        },
        "signed with what is public": {"key": public, "algorithm": "HS256"},
        "unsigned": {"raw": lambda nonce: jwt.encode({"sub": SUBJECT, "nonce": nonce}, None, "none")},
        "no token": {"raw": lambda nonce: {"sub": nonce}},
        "nonsense": {"raw": lambda _: "x.y.z"},
        "far too large": {"raw": lambda _: "x" * 20_000},
    }
    assert {name: outcome(**change) for name, change in wrong.items()} == dict.fromkeys(wrong, "CT-5130")
    assert outcome(sub="somebody else") == "CT-5133"
    log = (lied_to.home / "node.log").read_text()
    assert "swordfish" not in log
    assert not re.search(r"eyJ[A-Za-z0-9_-]{20}", log), "no token in the log"


def test_a_node_without_a_provider_and_one_whose_provider_is_away(node: Daemon, tmp_path: Any) -> None:
    for daemon in started(tmp_path, f"{{issuer: 'http://127.0.0.1:{free_port()}', client_id: coterie}}"):
        with refused("CT-5131"):
            daemon.client.provider()
    with Client(node.client.url, "none", node.client.identity().api_fingerprint) as nobody:
        assert nobody.provider().issuer, "it needs no token"
