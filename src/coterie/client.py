"""The Python SDK: everything that a node's REST API offers, as typed calls.

On the machine of a node, its home folder says all that is needed::

    with Client(home=Path("/var/lib/coterie/lender")) as lender:
        job = lender.submit(Path("score.yaml").read_text())
        job = lender.wait(job.id, on_progress=print)
        lender.download(job.id, "report.html", Path("report.html"))

From elsewhere: ``Client(url, token, fingerprint)``. The node's certificate is pinned by its SHA-256
fingerprint; no certificate authority takes part. Every failure is a :class:`coterie.errors.CoterieError`: the
one that the node reports, or one of the codes below.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from pydantic import BaseModel, TypeAdapter, ValidationError

from coterie import errors, node
from coterie.node import (
    AgreementView,
    Check,
    ComponentView,
    DatasetView,
    EntryView,
    ErrorView,
    HeadView,
    HealthView,
    IdentityView,
    InvitationView,
    JobView,
    NewToken,
    PeerView,
    PlanView,
    ResultView,
    TokenRole,
    TokenView,
    VersionView,
)

__all__ = ["Client"]

_View = TypeVar("_View", bound=BaseModel)

_LARGEST_ANSWER, _CHUNK = 64 * 2**20, 2**16
_FINGERPRINT = re.compile(r"(?:sha256:)?[0-9a-fA-F]{64}")

NODE_AWAY = errors.define(
    "CT-6050",
    errors.Unavailable,
    "The node does not answer",
    "Start it with `coterie node start`, or check the address.",
)
NODE_NOT_PINNED = errors.define(
    "CT-6051",
    errors.PeerMisbehaved,
    "The node's certificate is not the pinned one",
    "Check the address; compare the fingerprint with what `coterie node show` prints on the node's machine.",
)
ANSWER_UNREADABLE = errors.define(
    "CT-6052",
    errors.PeerIncompatible,
    "The node's answer cannot be read",
    "Compare the versions of client and node.",
)
WRONG_ADDRESS = errors.define(
    "CT-6053",
    errors.BadInput,
    "The client needs a home, or an address with token and fingerprint",
    "Give home=, or url=, token= and fingerprint= together; the address looks like https://127.0.0.1:7300.",
)
STILL_RUNNING = errors.define(
    "CT-6054",
    errors.Unavailable,
    "The job is not over yet",
    "Wait longer, or see who waits for whom in its status.",
)
DOWNLOAD_DAMAGED = errors.define(
    "CT-6055",
    errors.Unavailable,
    "A downloaded result is not the one that the node has",
    "Download it again; if it happens twice, check the disk of the node with `coterie doctor`.",
)


class Client:
    """A connection to one node, as the holder of one token. Threads may share it."""

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

    # -- the node itself

    def health(self) -> HealthView:
        return self._get("/health", HealthView)

    def version(self) -> VersionView:
        return self._get("/version", VersionView)

    def identity(self) -> IdentityView:
        return self._get("/identity", IdentityView)

    def components(self) -> list[ComponentView]:
        """The pipeline steps that this node can run, with the JSON schema of their parameters."""
        return self._list("/components", ComponentView)

    def doctor(self) -> list[Check]:
        """Keys, clock, port, peers, versions, disk, permissions: each with what to do about it."""
        return self._list("/doctor", Check)

    def tokens(self) -> list[TokenView]:
        return self._list("/tokens", TokenView)

    def create_token(self, name: str, role: TokenRole = "analyst") -> NewToken:
        """A new token. Its secret is in the answer and nowhere else."""
        return self._post("/tokens", NewToken, {"name": name, "role": role})

    def remove_token(self, token_id: str) -> None:
        self._call("DELETE", f"/tokens/{_part(token_id)}")

    # -- peers

    def invite(self, hours: float = 24.0) -> InvitationView:
        """A one-time invitation; hand its ``text`` to the other party over a way that you trust."""
        return self._post("/invitations", InvitationView, {"hours": hours})

    def invitations(self) -> list[InvitationView]:
        return self._list("/invitations", InvitationView)

    def remove_invitation(self, invitation_id: str) -> None:
        self._call("DELETE", f"/invitations/{_part(invitation_id)}")

    def accept(self, invitation: str) -> PeerView:
        """Accept another party's invitation: both nodes pin each other's keys."""
        return self._post("/peers", PeerView, {"invitation": invitation})

    def peers(self) -> list[PeerView]:
        return self._list("/peers", PeerView)

    def remove_peer(self, name: str) -> None:
        """Forget a peer's key: it is refused from now on."""
        self._call("DELETE", f"/peers/{_part(name)}")

    # -- datasets

    def add_dataset(self, spec: str, folder: Path | None = None) -> DatasetView:
        """Register a table at this node. It is read and checked as a whole; it stays where it is.

        :param spec: the dataset's description, YAML text.
        :param folder: where relative paths in it start, on the node's machine; the node's home if None.
        :raises CoterieError: what is wrong with the description or the table (CT-14xx, CT-15xx).
        """
        start = None if folder is None else str(folder.absolute())
        return self._post("/datasets", DatasetView, {"spec": spec, "folder": start})

    def datasets(self) -> list[DatasetView]:
        return self._list("/datasets", DatasetView)

    def dataset(self, name: str) -> DatasetView:
        return self._get(f"/datasets/{_part(name)}", DatasetView)

    def remove_dataset(self, name: str) -> None:
        """Forget a dataset. The file stays."""
        self._call("DELETE", f"/datasets/{_part(name)}")

    # -- agreements: every ``agreement`` is its id (digest) or its name

    def draft_agreement(self, text: str) -> AgreementView:
        """Store a draft.

        :param text: the terms, YAML. Names of parties are completed with the pinned keys.
        """
        return self._post("/agreements", AgreementView, {"text": text})

    def offer_agreement(self, agreement: str) -> AgreementView:
        """Send it to its other parties, for them to read and sign. Who is away gets it later."""
        return self._post(f"/agreements/{_part(agreement)}/offer", AgreementView)

    def sign_agreement(self, agreement: str) -> AgreementView:
        """Sign the terms in this party's name, and send the signature to the others."""
        return self._post(f"/agreements/{_part(agreement)}/sign", AgreementView)

    def sync_agreement(self, agreement: str) -> AgreementView:
        """Ask the other parties now for signatures and revocations."""
        return self._post(f"/agreements/{_part(agreement)}/sync", AgreementView)

    def revoke_agreement(self, agreement: str, reason: str = "") -> AgreementView:
        """End it. Any party may, at any time; running jobs under it are cancelled."""
        return self._post(f"/agreements/{_part(agreement)}/revoke", AgreementView, {"reason": reason})

    def agreements(self) -> list[AgreementView]:
        return self._list("/agreements", AgreementView)

    def agreement(self, agreement: str) -> AgreementView:
        return self._get(f"/agreements/{_part(agreement)}", AgreementView)

    # -- jobs

    def submit(self, spec: str) -> JobView:
        """Propose a job to the parties of its agreement.

        :param spec: YAML text.
        :returns: the job as it stands once every participant has checked the plan: it may wait for people.
        :raises CoterieError: every reason for which this or another party refuses it.
        """
        return self._post("/jobs", JobView, {"spec": spec})

    def preview(self, spec: str) -> PlanView:
        """The plan that :meth:`submit` would propose; nothing is proposed, ``job`` is a mere example."""
        return self._post("/jobs/preview", PlanView, {"spec": spec})

    def jobs(self) -> list[JobView]:
        """Newest first."""
        return self._list("/jobs", JobView)

    def job(self, job: str) -> JobView:
        return self._get(f"/jobs/{_part(job)}", JobView)

    def plan(self, job: str) -> PlanView:
        return self._get(f"/jobs/{_part(job)}/plan", PlanView)

    def approve(self, job: str) -> JobView:
        """Approve the plan in this party's name."""
        return self._post(f"/jobs/{_part(job)}/approve", JobView)

    def refuse(self, job: str, reason: str = "") -> JobView:
        """Refuse the plan: the job ends at every participant."""
        return self._post(f"/jobs/{_part(job)}/refuse", JobView, {"reason": reason})

    def cancel(self, job: str, reason: str = "") -> JobView:
        """End a job at every participant."""
        return self._post(f"/jobs/{_part(job)}/cancel", JobView, {"reason": reason})

    def wait(
        self,
        job: str,
        on_progress: Callable[[JobView], None] | None = None,
        *,
        timeout: float | None = None,
        interval: float = 0.3,
    ) -> JobView:
        """Follow a job to its end.

        :param on_progress: called with every change of the job's view.
        :param timeout: seconds; None waits as long as the job takes.
        :returns: the job, ``done``.
        :raises CoterieError: the code with which the job failed, was refused or was cancelled; CT-6054 after
            ``timeout``: the job goes on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        last: JobView | None = None
        while True:
            view = self.job(job)
            if on_progress is not None and view != last:
                on_progress(view)
            last = view
            if view.over:
                if view.error is not None:
                    raise _raised(view.error)
                return view
            if deadline is not None and time.monotonic() > deadline:
                raise STILL_RUNNING(f"job {job} is {view.state}")
            time.sleep(interval)

    def results(self, job: str) -> list[ResultView]:
        """The results that this party received."""
        return self._list(f"/jobs/{_part(job)}/results", ResultView)

    def download(self, job: str, name: str, to: Path) -> Path:
        """Write a result to a file.

        :param to: the file, or a folder in which the result keeps its name.
        :raises CoterieError: CT-6055 if the content does not have the digest that the node recorded.
        """
        known = {result.name: result for result in self.results(job)}
        target = to / Path(name).name if to.is_dir() else to
        partial = target.with_name(target.name + ".part")
        hashed = hashlib.sha256()
        answer = self._open("GET", f"/jobs/{_part(job)}/results/{quote(name)}", None)
        try:
            with partial.open("wb") as file:
                for chunk in answer.stream(_CHUNK):
                    hashed.update(chunk)
                    file.write(chunk)
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        finally:
            answer.release_conn()
        if name in known and known[name].digest != f"sha256:{hashed.hexdigest()}":
            partial.unlink()
            raise DOWNLOAD_DAMAGED(f"{name} of job {job}")
        partial.replace(target)
        return target

    # -- ledger

    def ledger(
        self, *, kind: str | None = None, job: str | None = None, after: int | None = None, limit: int = 1000
    ) -> list[EntryView]:
        """Entries of this party's ledger, oldest first.

        :param after: only entries with a greater sequence number.
        """
        wanted = {"kind": kind, "job": job, "after": after, "limit": limit}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return self._list(f"/ledger?{query}", EntryView)

    def ledger_head(self) -> HeadView:
        return self._get("/ledger/head", HeadView)

    # -- requests

    def _get(self, path: str, view: type[_View]) -> _View:
        return _parsed(view, self._call("GET", path))

    def _list(self, path: str, view: type[_View]) -> list[_View]:
        try:
            return TypeAdapter(list[view]).validate_json(self._call("GET", path))  # type: ignore[valid-type]
        except ValidationError as error:
            raise ANSWER_UNREADABLE(f"{path}: {error.error_count()} differences") from error

    def _post(self, path: str, view: type[_View], body: Mapping[str, Any] | None = None) -> _View:
        return _parsed(view, self._call("POST", path, dict(body or {})))

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        answer = self._open(method, path, body)
        try:
            content = answer.read(_LARGEST_ANSWER + 1)
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        finally:
            answer.release_conn()
        if len(content) > _LARGEST_ANSWER:
            raise ANSWER_UNREADABLE(f"more than {_LARGEST_ANSWER} bytes from {path}")
        return content

    def _open(self, method: str, path: str, body: Mapping[str, Any] | None) -> urllib3.BaseHTTPResponse:
        """Send a request; the answer's content is still to be read. A refusal is raised."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            answer = self._pool.urlopen(
                method, f"/v1{path}", body=content, headers=headers, redirect=False, preload_content=False
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


def _part(text: str) -> str:
    return quote(text, safe="")


def _parsed(view: type[_View], content: bytes) -> _View:
    try:
        return view.model_validate_json(content)
    except ValidationError as error:
        raise ANSWER_UNREADABLE(f"{view.__name__}: {error.error_count()} differences") from error


_FAMILIES = {one.family: one for one in errors.CoterieError.__subclasses__()}


def _raised(view: ErrorView) -> errors.CoterieError:
    """The node's error, also where this process has not imported the room that declares its code."""
    family = _FAMILIES.get(view.family, errors.PeerIncompatible)
    return errors.ErrorCode(view.code, family, view.title, view.next_step)(
        view.detail, party=view.party, step=view.step
    )


def _refused(status: int, content: bytes) -> errors.CoterieError:
    try:
        return _raised(ErrorView.model_validate_json(content))
    except ValidationError:
        return ANSWER_UNREADABLE(f"status {status} without a coded error")
