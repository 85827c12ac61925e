"""Signing in by a browser: the identity provider gives its code to a port of this machine (RFC 8252)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import time
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import typer

from coterie.client import Client
from coterie.node import NewSession, ProviderView

from .errors import BROWSER_FAILED
from .output import note

__all__ = ["sign_in_by_browser"]

PATIENCE = 540.0
"""Seconds: the node takes no code that comes later than ten minutes after it was asked."""
READ_SECONDS = 5.0

_PAGE = b"""<!doctype html><meta charset=utf-8><title>Coterie</title><p>%s You may close this page."""


def sign_in_by_browser(client: Client, *, opens: bool = True) -> NewSession:
    """A session at ``client``'s node, for whom the identity provider signs in.

    :param opens: open a browser; else the address is only printed.
    :raises CoterieError: CT-6010 where the browser never comes back, or with an error; CT-5120 to CT-5133.
    """
    offer = client.provider()
    verifier = secrets.token_urlsafe(48)
    with _Return(secrets.token_urlsafe(24)) as awaited:
        place = _address(offer, awaited, verifier)
        note("Sign in with a browser on this machine:")
        typer.echo(place, err=True)  # in one piece, however narrow the window is
        if opens:
            webbrowser.open(place)
        code = awaited.code(time.monotonic() + PATIENCE, offer.issuer)
        return client.sign_in_elsewhere(code, verifier, awaited.redirect, offer.nonce)


def _address(offer: ProviderView, awaited: _Return, verifier: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    asked = {
        "response_type": "code",
        "client_id": offer.client_id,
        "redirect_uri": awaited.redirect,
        "scope": offer.scope,
        "state": awaited.state,
        "nonce": offer.nonce,
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
    }
    sign = "&" if urlsplit(offer.authorization_endpoint).query else "?"
    return f"{offer.authorization_endpoint}{sign}{urlencode(asked)}"


class _Return(HTTPServer):
    """Waits for the browser that comes back with our ``state``; who comes without it is sent away."""

    allow_reuse_address = False
    address_family = socket.AF_INET

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        self.redirect = f"http://127.0.0.1:{self.server_port}/callback"
        self.answer: dict[str, str] | None = None

    def code(self, deadline: float, issuer: str) -> str:
        """:raises CoterieError: CT-6010."""
        while self.answer is None:
            self.timeout = deadline - time.monotonic()
            if self.timeout <= 0:
                raise BROWSER_FAILED("nobody has signed in within nine minutes")
            self.handle_request()
        if self.answer.get("iss", issuer) != issuer:  # RFC 9207: another provider's answer
            raise BROWSER_FAILED("the answer is another provider's")
        if not self.answer.get("code"):
            told = f"{self.answer.get('error', '')} {self.answer.get('error_description', '')}".strip()
            raise BROWSER_FAILED("".join(s if s.isprintable() else "?" for s in told[:200]) or "no code came")
        return self.answer["code"]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """What else calls at the port is nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Return
    timeout = READ_SECONDS

    def do_GET(self) -> None:
        """The browser comes back."""
        parts = urlsplit(self.path)
        told = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=20).items()}
        right = hmac.compare_digest(told.get("state", "").encode(), self.server.state.encode())
        if parts.path != "/callback" or not right or self.server.answer is not None:
            self._say(404, b"Nothing is awaited here.")
            return
        self.server.answer = told
        self._say(200, b"That was it." if told.get("code") else b"The sign-in did not succeed.")

    def _say(self, status: int, words: bytes) -> None:
        page = _PAGE % words
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        """The code is in the request's line: it is written nowhere."""
