"""Sign-in at the institution's own identity provider: OpenID Connect Core 1.0, code flow with PKCE.

The node is the relying party. Whoever signs in brings it the code that the provider gave to their browser;
the node takes it to the provider, and reads the ID token that it gets for it. Which user that is, and what
the user may do, is the node's own matter: a provider says who somebody is, never what they may do here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import urllib3

from .errors import PROVIDER_AWAY, PROVIDER_REFUSED
from .settings import ProviderSettings, is_safe
from .views import ProviderView

__all__ = ["Provider"]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has. ``none`` and the symmetric ones are not among them."""

SIGN_IN_SECONDS = 600
"""From the node's nonce to the code: a person types a password and a second factor meanwhile."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ."""
FRESH_SECONDS = 3600.0
"""For which the provider's endpoints and keys are remembered."""
ASK_PAUSE = 30.0
"""Before keys are asked for again where a token names an unknown one: nobody makes the node ask in a loop."""
ANSWER_BYTES = 512 * 1024
TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)

_REDIRECT = re.compile(r"http://(127\.0\.0\.1|\[::1\]):[0-9]{1,5}/callback", re.ASCII)
"""Where a browser on the person's own machine takes the code: RFC 8252, section 7.3."""


class Provider:
    """Of one node. Only the event loop's thread uses it; the provider is asked beside it."""

    def __init__(self, settings: ProviderSettings, home: Path) -> None:
        self._settings, self._home = settings, home
        self._secret = secrets.token_bytes(32)
        """Nonces are the node's own by it; a restart makes those that are under way void."""
        self._used: dict[str, float] = {}
        self._found: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, dict[str, jwt.PyJWK]] | None = None
        self._asking = asyncio.Lock()

    async def offer(self) -> ProviderView:
        """What a browser is sent to the provider with. :raises CoterieError: CT-5131."""
        settings = self._settings
        found = await self._endpoints(settings)
        return ProviderView(
            issuer=settings.issuer,
            authorization_endpoint=found["authorization_endpoint"],
            client_id=settings.client_id,
            scope=settings.scope,
            nonce=self._nonce(),
        )

    async def subject(self, code: str, verifier: str, redirect: str, nonce: str) -> str:
        """Whom the provider has signed in.

        :param code: what it gave to the browser.
        :param verifier: of PKCE (RFC 7636), whose digest it was given before.
        :param redirect: where it sent the browser to.
        :param nonce: the one that this node made for this sign-in.
        :raises CoterieError: CT-5130, CT-5131.
        """
        settings = self._settings
        if not _REDIRECT.fullmatch(redirect):
            raise PROVIDER_REFUSED("the code was not sent to the person's own machine")
        self._spend(nonce)
        found = await self._endpoints(settings)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": settings.client_id,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if settings.client_secret_file is not None:
            headers["Authorization"] = _basic(settings.client_id, self._client_secret(settings))
        status, answer = await self._ask(settings, "POST", found["token_endpoint"], urlencode(form), headers)
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str) or len(token) > 16_384:
            error = str(answer.get("error", f"status {status}"))
            raise PROVIDER_REFUSED(f"it does not take the code: {_plain(error)}")
        return self._read(settings, token, await self._key(settings, found, token), nonce)

    # -- inside

    def _client_secret(self, settings: ProviderSettings) -> str:
        assert settings.client_secret_file is not None
        try:
            return (self._home / settings.client_secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PROVIDER_AWAY("the node cannot read its client_secret_file") from error

    def _nonce(self) -> str:
        body = int(time.time()).to_bytes(8, "big") + secrets.token_bytes(16)
        return base64.urlsafe_b64encode(body + self._mac(body)).decode()

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, b"coterie/oidc-nonce/v1" + body, hashlib.sha256)

    def _spend(self, nonce: str) -> None:
        """Each is good once. Nothing is kept of those that were only asked for, so that strangers fill no
        memory.
        """
        now = time.time()
        for old in [one for one, until in self._used.items() if until < now]:
            del self._used[old]
        try:
            raw = base64.urlsafe_b64decode(nonce.encode("ascii"))
        except (UnicodeEncodeError, binascii.Error):
            raw = b""
        body, mac = raw[:24], raw[24:]
        fresh = len(raw) == 56 and 0 <= now - int.from_bytes(body[:8], "big") <= SIGN_IN_SECONDS
        if not hmac.compare_digest(mac, self._mac(body)) or not fresh or nonce in self._used:
            raise PROVIDER_REFUSED("this sign-in was not begun here, is over, or has taken too long")
        self._used[nonce] = now + SIGN_IN_SECONDS

    async def _endpoints(self, settings: ProviderSettings) -> Mapping[str, Any]:
        async with self._asking:
            if self._found is not None and time.monotonic() - self._found[0] < FRESH_SECONDS:
                return self._found[1]
            place = settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            status, found = await self._ask(settings, "GET", place)
            if status != 200 or found.get("issuer") != settings.issuer:
                raise PROVIDER_AWAY("what it says of itself is not of this issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(found.get(name), str) or not is_safe(found[name]):
                    raise PROVIDER_AWAY(f"its {name} is missing, or not by https")
            self._found = (time.monotonic(), found)
            return found

    async def _key(self, settings: ProviderSettings, found: Mapping[str, Any], token: str) -> jwt.PyJWK:
        """The key that a token names, of those that the provider publishes."""
        try:
            name = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.PyJWTError as error:
            raise PROVIDER_REFUSED("its ID token cannot be read") from error
        async with self._asking:
            age = time.monotonic() - self._keys[0] if self._keys is not None else FRESH_SECONDS
            known = self._keys[1] if self._keys is not None else {}
            if age >= FRESH_SECONDS or (name not in known and age >= ASK_PAUSE):
                status, answer = await self._ask(settings, "GET", found["jwks_uri"])
                if status != 200:
                    raise PROVIDER_AWAY("it does not tell its keys")
                known = _keys(answer)
                self._keys = (time.monotonic(), known)
        if name not in known and not (name == "" and len(known) == 1):
            raise PROVIDER_REFUSED("its ID token is by a key that it does not publish")
        return known[name] if name in known else next(iter(known.values()))

    def _read(self, settings: ProviderSettings, token: str, key: jwt.PyJWK, nonce: str) -> str:
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name],  # the published key's own, whatever the token's head says
                audience=settings.client_id,
                issuer=settings.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise PROVIDER_REFUSED(f"its ID token does not hold: {_plain(str(error))}") from error
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise PROVIDER_REFUSED("its ID token is of another sign-in")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else settings.client_id) != settings.client_id:
            raise PROVIDER_REFUSED("its ID token is for another client")
        subject = claims.get(settings.claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise PROVIDER_REFUSED(f"its ID token has no {settings.claim!r}")
        if settings.claim == "email" and claims.get("email_verified") is not True:
            raise PROVIDER_REFUSED("it has not verified the person's address")
        return subject

    async def _ask(
        self,
        settings: ProviderSettings,
        method: str,
        url: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object of an answer. Redirects are not followed."""

        def ask() -> tuple[int, Mapping[str, Any]]:
            ca = None if settings.ca is None else str(self._home / settings.ca)
            with urllib3.PoolManager(
                ssl_context=ssl.create_default_context(cafile=ca), timeout=TIMEOUT, retries=False
            ) as pool:
                answer = pool.request(
                    method,
                    url,
                    body=body,
                    headers=dict(headers or {}),
                    redirect=False,
                    preload_content=False,
                )
                data = answer.read(ANSWER_BYTES + 1)
                answer.close()
            if len(data) > ANSWER_BYTES:
                raise PROVIDER_AWAY(f"its answer is larger than {ANSWER_BYTES} bytes")
            found = json.loads(data)
            if not isinstance(found, dict):
                raise ValueError
            return answer.status, found

        try:
            return await asyncio.wait_for(asyncio.to_thread(ask), 20)
        except (urllib3.exceptions.HTTPError, OSError, TimeoutError) as error:
            raise PROVIDER_AWAY(_plain(f"{urlsplit(url).netloc}: {type(error).__name__}")) from error
        except (ValueError, RecursionError) as error:
            raise PROVIDER_AWAY("its answer is no JSON object") from error


def _keys(answer: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys for signatures, by name; providers publish keys for other uses, too."""
    listed = answer.get("keys")
    found: dict[str, jwt.PyJWK] = {}
    for one in listed[:100] if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(one)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if key.algorithm_name in ALGORITHMS:
            found[str(one.get("kid", ""))[:200]] = key
    return found


def _basic(name: str, secret: str) -> str:
    # RFC 6749, 2.3.1: both are form-encoded first.
    encoded = urlencode({name: secret}).replace("=", ":", 1)
    return "Basic " + base64.b64encode(encoded.encode()).decode()


def _plain(text: str) -> str:
    """A provider's words as one short line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:200])
