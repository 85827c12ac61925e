"""Jobs and their steps as OpenTelemetry spans, made of this party's own ledger entries as they are written.

A job's id is the id of its trace, so that the spans of all parties are of one trace without a word between
them. Each party sends its own to the receiver that its operator has named, and none anywhere else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coterie.crypto import parse_timestamp, read_at_most
from coterie.errors import CoterieError
from coterie.ledger import Entry
from coterie.node.core import VERSION
from coterie.node.observing import TraceSettings

from .errors import TRACES_UNUSABLE
from .known import JobFacts, Known

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import SpanContext
    from opentelemetry.trace.status import Status

__all__ = ["Traces", "headers_of"]

SEND_SECONDS = 5.0
"""For one delivery, with all that is tried again: what is not taken by then is lost."""

BETWEEN = 1.0
"""Seconds between two deliveries."""

LAST_SECONDS = 3.0
"""For the last delivery, when the node stops."""

MOST_EVENTS = 100
"""That are remembered of one job."""

_LONGEST_HEADERS = 16 * 1024
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([ -~]{1,4096})")

_TOLD = ("attempt", "behind", "code", "party", "step", "state", "then")
"""Of an entry about a job: nothing that an error says in words."""


class Traces:
    """Sends spans in the background. Entries come from the event loop's thread."""

    def __init__(self, home: Path, wanted: TraceSettings, party: str, known: Known) -> None:
        """:raises CoterieError: CT-5068."""
        headers = headers_of(home / wanted.headers) if wanted.headers is not None else {}
        authority = home / wanted.authority if wanted.authority is not None else None
        if authority is not None and not authority.is_file():
            raise TRACES_UNUSABLE(f"there is no file {authority.name}")
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise TRACES_UNUSABLE("the extra `otel` is not installed") from error
        exporter = OTLPSpanExporter(
            wanted.endpoint,
            certificate_file=None if authority is None else str(authority),
            headers=headers,
            timeout=SEND_SECONDS,
        )
        self._sending = BatchSpanProcessor(exporter, schedule_delay_millis=BETWEEN * 1000)
        # Made by hand: what the environment says of this process or machine is not sent.
        named = {"service.name": "coterie", "service.version": VERSION, "service.instance.id": party}
        self._resource = Resource(named)
        self._party, self._known = party, known
        self._begun: dict[str, tuple[int, list[Event]]] = {}
        """Start and events of each job that runs; nanoseconds."""

    def entry(self, entry: Entry) -> None:
        """Make of an entry what it is in a trace."""
        body: Any = entry.body
        job = str(body.get("job"))
        if entry.kind not in ("job", "egress") or (facts := self._known.of(job)) is None:
            return
        moment = time.time_ns()
        if entry.kind == "egress":
            self._step(job, facts, body, moment)
        elif body["event"] == "started":
            self._begun[job] = (moment, [])
        elif body["event"] == "ended":
            self._end(job, facts, body, moment)
        else:
            self._event(job, body, moment)

    def _event(self, job: str, body: Mapping[str, Any], moment: int) -> None:
        from opentelemetry.sdk.trace import Event

        _, events = self._begun.setdefault(job, (self._start(job) or moment, []))
        if len(events) < MOST_EVENTS:
            told = {f"coterie.{name}": body[name] for name in _TOLD if body.get(name) is not None}
            events.append(Event(str(body["event"]), told, moment))

    def _step(self, job: str, facts: JobFacts, body: Mapping[str, Any], moment: int) -> None:
        component = facts.components.get(body["step"], "other")
        told = {"coterie.step": body["step"], "coterie.component": component}
        for direction in ("sent", "received"):
            sizes = body.get(direction) or {}
            told[f"coterie.{direction}.bytes"] = sum(sizes.values())
            told |= {f"coterie.{direction}.bytes.{peer}": size for peer, size in sizes.items()}
        told["coterie.rounds"] = body["rounds"]["used"] if "rounds" in body else 0
        if body.get("attempt"):
            told["coterie.attempt"] = body["attempt"]
        start = moment - round(float(body.get("seconds", 0)) * 1e9)
        context, parent = _context(job, secrets.randbits(64) or 1), _context(job, _span_of(job, self._party))
        self._send(f"step {component}", context, parent, facts, told, (start, moment))

    def _end(self, job: str, facts: JobFacts, body: Mapping[str, Any], moment: int) -> None:
        from opentelemetry.trace.status import Status, StatusCode

        begun = self._begun.pop(job, None)
        start, events = begun or (self._start(job), [])
        if start is None:
            return  # it was over before it began: a refused proposal
        told = {"coterie.initiator": facts.initiator, "coterie.state": body["state"]}
        status = Status(StatusCode.OK)
        if body["state"] != "done":
            status = Status(StatusCode.ERROR, str(body.get("code")))
            told |= {f"coterie.error.{n}": body[n] for n in ("code", "party", "step") if body.get(n)}
        # Who begins a job is known to all: the others' spans lie below the one that its node makes.
        first = _context(job, _span_of(job, facts.initiator), remote=True)
        parent = None if facts.initiator == self._party else first
        context = _context(job, _span_of(job, self._party))
        self._send(f"job {facts.engine}", context, parent, facts, told, (start, moment), events, status)

    def _start(self, job: str) -> int | None:
        """Of a job that was started before this node was."""
        started = self._known.started(job)
        return None if started is None else round(parse_timestamp(started).timestamp() * 1e9)

    def _send(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        facts: JobFacts,
        told: Mapping[str, Any],
        between: tuple[int, int],
        events: list[Event] | None = None,
        status: Status | None = None,
    ) -> None:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace.status import Status, StatusCode

        span: ReadableSpan = ReadableSpan(
            name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes={"coterie.party": self._party, "coterie.engine": facts.engine, **told},
            events=events or (),
            status=status or Status(StatusCode.UNSET),
            start_time=between[0],
            end_time=between[1],
        )
        self._sending.on_end(span)

    def close(self) -> None:
        """Send what is left, for a moment at most: a receiver that is away holds up no node."""
        last = threading.Thread(target=self._sending.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(LAST_SECONDS)


def headers_of(path: Path) -> dict[str, str]:
    """Read a file of headers: a line ``name: value`` for each. :raises CoterieError: CT-5068."""
    try:
        status = path.stat()
        text = read_at_most(path, _LONGEST_HEADERS).decode("ascii")
    except (OSError, ValueError, CoterieError) as error:
        raise TRACES_UNUSABLE(f"{path.name} cannot be read") from error
    if status.st_mode & 0o077:
        raise TRACES_UNUSABLE(f"{path.name}: others have rights to it")
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _HEADER.fullmatch(line.strip())
        if line.strip() and match is None:
            raise TRACES_UNUSABLE(f"{path.name}, line {number}: not a header as `name: value`")
        if match is not None:
            found[match[1].lower()] = match[2]
    return found


def _span_of(job: str, party: str) -> int:
    """The id of a party's span of a job, which everybody can tell."""
    named = hashlib.sha256(f"coterie/job-span/v1\0{job}\0{party}".encode()).digest()
    return int.from_bytes(named[:8], "big") or 1


def _context(job: str, span: int, *, remote: bool = False) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(job, 16), span, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))
