"""Requests to one node over pinned TLS, and its refusals as coded errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import urllib3
from pydantic import BaseModel, TypeAdapter, ValidationError

from coterie import errors, node
from coterie.node import ErrorView

from .errors import ANSWER_UNREADABLE, NODE_AWAY, NODE_NOT_PINNED, WRONG_ADDRESS

__all__ = ["Connection", "raised"]

_View = TypeVar("_View", bound=BaseModel)

_LARGEST_ANSWER = 64 * 2**20
_FINGERPRINT = re.compile(r"(?:sha256:)?[0-9a-fA-F]{64}")


class Connection:
    """To one node, as the holder of one token. Threads may share it."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        fingerprint: str | None = None,
        *,
        home: Path | None = None,
        timeout: float = 60.0,
    ) -> None:
        """
        :param home: the node's home folder; address, admin token and fingerprint are read from it.
        :param url: ``https://host:port``.
        :param fingerprint: SHA-256 of the node's API certificate, ``sha256:`` and hex.
        :param timeout: seconds without any byte of an answer before :data:`NODE_AWAY`.
        :raises CoterieError: CT-6053; CT-50xx if ``home`` is not a node's home.
        """
        self._start = f"If it does not run, start it: coterie --home {home} node start" if home else None
        if home is not None and url is None and token is None and fingerprint is None:
            url, token, fingerprint = (door := node.api_door(home)).url, door.token, door.fingerprint
        if url is None or token is None or fingerprint is None:
            raise WRONG_ADDRESS("one of them is missing")
        if not _FINGERPRINT.fullmatch(fingerprint):
            # An empty one would mean to urllib3 that nothing is pinned at all.
            raise WRONG_ADDRESS("the fingerprint is not sha256: and 64 hexadecimal digits")
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise WRONG_ADDRESS(f"{url!r} is not an https address")
        self.url = url
        self._token = token
        self._pool = urllib3.HTTPSConnectionPool(
            parts.hostname,
            parts.port or 443,
            timeout=urllib3.Timeout(connect=10.0, read=timeout),
            retries=False,
            maxsize=4,
            cert_reqs="CERT_NONE",  # the fingerprint is the check, and is made before the request is sent
            assert_fingerprint=fingerprint.removeprefix("sha256:"),
            assert_hostname=False,
        )

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections."""
        self._pool.close()

    def _get(self, path: str, view: type[_View]) -> _View:
        return _parsed(view, self._call("GET", path))

    def _list(self, path: str, view: type[_View]) -> list[_View]:
        try:
            return TypeAdapter(list[view]).validate_json(self._call("GET", path))  # type: ignore[valid-type]
        except ValidationError as error:
            raise ANSWER_UNREADABLE(f"{path}: {error.error_count()} differences") from error

    def _post(
        self,
        path: str,
        view: type[_View],
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
    ) -> _View:
        return _parsed(view, self._call("POST", path, dict(body or {}), timeout=timeout))

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> bytes:
        answer = self._open(method, path, body, timeout)
        try:
            content = answer.read(_LARGEST_ANSWER + 1)
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        finally:
            answer.release_conn()
        if len(content) > _LARGEST_ANSWER:
            raise ANSWER_UNREADABLE(f"more than {_LARGEST_ANSWER} bytes from {path}")
        return content

    def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout: float | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; the answer's content is still to be read. A refusal is raised.

        :param timeout: seconds without any byte of an answer; as the client's own if None.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            patience = self._pool.timeout
            if timeout is not None:
                patience = urllib3.Timeout(connect=10.0, read=timeout)
            answer = self._pool.urlopen(
                method,
                f"/v1{path}",
                body=content,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=patience,
            )
            if answer.status >= 300:
                refusal = answer.read(2**20)
                answer.release_conn()
                raise _refused(answer.status, refusal)
        except urllib3.exceptions.HTTPError as error:
            if isinstance(error, urllib3.exceptions.SSLError) and "ingerprint" in str(error):
                raise NODE_NOT_PINNED(self.url) from error
            raise self._away(error) from error
        return answer

    def _away(self, error: urllib3.exceptions.HTTPError) -> errors.CoterieError:
        nobody = isinstance(error, urllib3.exceptions.NewConnectionError)
        words = "nobody listens there" if nobody else "the connection broke, or no answer came in time"
        return NODE_AWAY(f"{self.url}: {words}", next_step=self._start)


def _parsed(view: type[_View], content: bytes) -> _View:
    try:
        return view.model_validate_json(content)
    except ValidationError as error:
        raise ANSWER_UNREADABLE(f"{view.__name__}: {error.error_count()} differences") from error


_FAMILIES = {one.family: one for one in errors.CoterieError.__subclasses__()}


def raised(view: ErrorView) -> errors.CoterieError:
    """The node's error, also where this process has not imported the room that declares its code."""
    family = _FAMILIES.get(view.family, errors.PeerIncompatible)
    return errors.ErrorCode(view.code, family, view.title, view.next_step)(
        view.detail, party=view.party, step=view.step
    )


def _refused(status: int, content: bytes) -> errors.CoterieError:
    try:
        return raised(ErrorView.model_validate_json(content))
    except ValidationError:
        return ANSWER_UNREADABLE(f"status {status} without a coded error")
