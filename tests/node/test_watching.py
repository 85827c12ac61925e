"""What two nodes tell of a job that stands still for a while: to each other, as metrics, as spans."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from coterie.cli.following import _facts, _participants
from coterie.errors import CoterieError, all_codes
from coterie.node import JobView, api_door
from coterie.node.observing import TraceSettings
from coterie.node.watching.known import Known
from coterie.node.watching.traces import Traces, headers_of
from tests.house.imports import SOURCE
from tests.node.conftest import BEHAVIOUR, CUSTOMERS, Daemon, ended, write_tables
from tests.node.test_observing import asked, logs_of

T = TypeVar("T")

TERMS = """\
name: two
parties: [lender, payments]
datasets:
  - {name: customers, owner: lender, id: customer, label: bad, columns: [age]}
  - {name: behaviour, owner: payments, id: user, columns: [flow, ratio]}
components: [{name: align}]
engines: [mpc]
results:
  - {kind: common_ids, to: [lender]}
min_rows: 50
not_before: "2026-01-01T00:00:00Z"
expires: "2096-01-01T00:00:00Z"
max_runs: 10
approval: {lender: automatic, payments: automatic}
"""

JOB = """\
name: common customers
agreement: AGREEMENT
engine: mpc
datasets: {lender: customers, payments: behaviour}
steps: [align]
"""

SECRET = "a-canary-in-a-header"


@dataclass
class Collector:
    """A receiver of OTLP over HTTP."""

    bodies: list[bytes] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)

    def spans(self) -> list[Any]:
        """Each with the party that its resource names."""
        found = []
        for body in self.bodies:
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = values(part.resource)
                found += [(resource, span) for scope in part.scope_spans for span in scope.spans]
        return found

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                collector.secrets.append(self.headers["x-key"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/v1/traces"
            server.shutdown()


def values(part: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in part.attributes}


class Samples(NamedTuple):
    """What ``/metrics`` said."""

    text: str

    def of(self, name: str, **labels: str) -> float:
        """The one sample of that name and, among others, these labels; 0 where there is none."""
        found = [
            sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) < 2, found
        return found[0] if found else 0.0


def metrics(daemon: Daemon) -> Samples:
    status, text = asked(daemon, "/metrics", api_door(daemon.home).token)
    assert status == 200
    return Samples(text)


def seen(
    look: Callable[[], T], wanted: Callable[[T], object], seconds: float = 60.0, pause: float = 0.05
) -> T:
    """What is looked at, as soon as it is as wanted."""
    deadline = time.monotonic() + seconds
    while not wanted(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(pause)
    return found


@dataclass
class Pair:
    """Two nodes and no third, and what they told of a job that stood still and went on."""

    lender: Daemon
    payments: Daemon
    collector: Collector
    spec: str = ""
    still: dict[str, JobView] = field(default_factory=dict)
    still_metrics: Samples = field(default_factory=lambda: Samples(""))
    done: dict[str, JobView] = field(default_factory=dict)

    @property
    def both(self) -> tuple[Daemon, Daemon]:
        return self.lender, self.payments

    def agree(self, data: Path) -> None:
        write_tables(data)
        self.payments.client.accept(str(self.lender.client.invite(hours=1).text))
        self.lender.client.add_dataset(CUSTOMERS, data)
        self.payments.client.add_dataset(BEHAVIOUR, data)
        draft = self.lender.client.draft_agreement(TERMS)
        self.lender.client.offer_agreement(draft.id)
        self.lender.client.sign_agreement(draft.id)
        self.payments.client.sign_agreement(draft.id)
        self.spec = JOB.replace("AGREEMENT", draft.id)

    def stopped(self) -> tuple[str, int]:
        """A job, and the worker of the other party, which is stopped as soon as it runs."""
        job = self.lender.client.submit(self.spec).id
        seen(lambda: self.payments.client.job(job).state, lambda state: state == "running", pause=0.0)
        worker = self.payments.worker()
        os.kill(worker, signal.SIGSTOP)
        return job, worker

    def run(self) -> None:
        """The other's worker is stopped until all have heard of it."""
        job, stopped = self.stopped()
        try:
            for daemon in self.both:
                self.still[daemon.name] = seen(
                    lambda d=daemon: d.client.job(job),  # type: ignore[misc]
                    lambda one: [stall.awaited for stall in one.stalls] == [("payments",)],
                )
            self.still_metrics = metrics(self.lender)
        finally:
            os.kill(stopped, signal.SIGCONT)
        self.done = {daemon.name: ended(daemon.client, job, 60) for daemon in self.both}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    base, collector = tmp_path_factory.mktemp("pair"), Collector()
    made = Pair(Daemon(base / "lender"), Daemon(base / "payments"), collector)
    secret = made.lender.home / "headers"
    secret.touch(0o600)
    secret.write_text(f"X-Key: {SECRET}\n")
    with collector.listening() as endpoint:
        settings = {"lender": "stall: {after: 1s}\n", "payments": ""}
        headers = {"lender": ", headers: headers", "payments": ""}
        for daemon in made.both:
            with (daemon.home / "node.yaml").open("a") as file:
                file.write(
                    f"{settings[daemon.name]}traces: {{endpoint: '{endpoint}'{headers[daemon.name]}}}\n"
                )
            daemon.start()
        try:
            for daemon in made.both:
                daemon.await_up()
            made.agree(base / "data")
            made.run()
            yield made
            for daemon in made.both:
                daemon.client.close()
                daemon.ask_to_stop()
            assert [daemon.stop() for daemon in made.both] == [0, 0]
        finally:
            for daemon in made.both:
                if daemon.process is not None and daemon.process.poll() is None:
                    daemon.process.kill()
                    daemon.process.wait()


MAY = "(stalled|moved|broke|resumed)"
"""What may be beside: on a busy machine the other's link is given up, or the job ends between two looks."""


def test_all_see_who_is_waited_for_until_somebody_comes_further(pair: Pair) -> None:
    for name, view in pair.still.items():
        (stall,) = view.stalls
        assert (stall.party, stall.awaited, stall.then) == ("lender", ("payments",), "wait"), name
        assert view.state == "running"
        console = Console(width=200)
        with console.capture() as captured:
            console.print(_participants(view, 0))
        assert re.search(r"^lender waits for payments since \d\d:\d\d:\d\d, \d+ s \(", captured.get(), re.M)
        told = dict(_facts(view, "two"))["stalled"]
        assert str(told).endswith("says lender, all wait for payments; its operator lets it wait")
    for view in pair.done.values():
        assert (view.state, view.stalls) == ("done", ())
    job = pair.done["lender"].id
    entries = [
        one.body for one in pair.lender.client.ledger() if one.kind == "job" and one.body["job"] == job
    ]
    events = [str(one["event"]) for one in entries]
    assert re.fullmatch(rf"started( {MAY})* stalled( {MAY})* ended", " ".join(events))
    stalled = next(one for one in entries if one["event"] == "stalled")
    assert stalled["awaited"] in (["payments"], [])  # at first, the own worker may not wait yet
    assert stalled["then"] == "wait"
    others = {one.body["event"] for one in pair.payments.client.ledger() if one.kind == "job"}
    assert others >= {"started", "ended"}
    assert "stalled" not in others  # its own operator waits for longer
    assert (
        f"lender sees that job {job} does not come further" in (pair.payments.home / "node.log").read_text()
    )


def test_metrics_tell_of_the_job_while_it_runs_and_afterwards(pair: Pair) -> None:
    before = pair.still_metrics
    after = seen(
        lambda: metrics(pair.lender), lambda found: found.of("coterie_jobs_without_progress_seconds") == 0
    )
    assert before.of("coterie_jobs", engine="mpc", state="running") == 1
    assert (before.of("coterie_jobs_stalled"), after.of("coterie_jobs_stalled")) == (1, 0)
    assert before.of("coterie_jobs_without_progress_seconds") >= 1
    assert (before.of("coterie_workers"), after.of("coterie_workers")) == (1, 0)
    assert before.of("coterie_workers_resident_memory_bytes") > 10**7
    assert after.of("coterie_jobs_ended_total", engine="mpc", state="done") == 1
    egress = [one.body for one in pair.lender.client.ledger() if one.kind == "egress"]
    for name, key in (("coterie_sent_bytes_total", "sent"), ("coterie_received_bytes_total", "received")):
        assert after.of(name, peer="payments") == sum(one[key].get("payments", 0) for one in egress) > 1000
    assert after.of("coterie_rounds_total", engine="mpc") == sum(one["rounds"]["used"] for one in egress)
    assert after.of("coterie_step_duration_seconds_count", engine="mpc", component="align") == sum(
        one["step"] == "align" for one in egress
    )
    assert after.of("coterie_ledger_entries") == len(pair.lender.client.ledger())
    assert after.of("coterie_store_transaction_duration_seconds_count") > 20
    assert after.of("coterie_outbox_messages", peer="payments") == 0
    assert after.of("coterie_ready", check="store") == 1
    assert after.of("coterie_certificate_expiry_timestamp_seconds", certificate="api") > time.time()
    assert after.of("process_resident_memory_bytes") > 10**7


def test_metrics_are_as_described_and_hold_nothing_else(pair: Pair) -> None:
    text = metrics(pair.lender).text
    page = (SOURCE.parents[1] / "docs" / "observing.md").read_text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    own = {name for name in families if name.startswith("coterie_")}
    described = {name.removesuffix("_total") for name in re.findall(r"`(coterie_[a-z_]+)", page)}
    assert own == described
    # Small sets alone: no id of a job, no name of a column, no address.
    words = {label for one in families.values() for sample in one.samples for label in sample.labels.values()}
    known = {"lender", "payments", "mpc", "align", "plan", "other", "node", "api", "own", "peer", "done"}
    known |= {"serving", "store", "ledger", "keys"}
    assert {word for word in words - known if not re.fullmatch(r"[0-9.e+]+|\+Inf|CT-\d{4}", word)} <= {
        "0.1.0"
    }


def test_metrics_have_a_token_of_their_own(pair: Pair) -> None:
    made = {role: pair.payments.client.create_token(role, role) for role in ("monitor", "analyst")}  # type: ignore[arg-type]
    assert asked(pair.payments, "/metrics", made["monitor"].secret)[0] == 200
    assert asked(pair.payments, "/metrics", made["analyst"].secret)[0] == 403
    for path in ("/v1/jobs", "/v1/version", "/v1/ledger", "/v1/ready"):
        assert asked(pair.payments, path, made["monitor"].secret)[0] == 403
    assert asked(pair.payments, "/metrics")[0] == 401
    refused = metrics(pair.payments)
    assert refused.of("coterie_refused_calls_total", code="CT-5011") == 5
    assert refused.of("coterie_refused_calls_total", code="CT-5010") >= 1


ATTRIBUTES = {
    *("party", "engine", "step", "component", "rounds", "sent.bytes", "received.bytes", "initiator", "state"),
    *("sent.bytes.lender", "sent.bytes.payments", "received.bytes.lender", "received.bytes.payments", "then"),
    *("attempt", "behind", "code"),
}


def test_spans_of_both_parties_are_one_trace(pair: Pair) -> None:
    job = pair.done["lender"].id
    spans = seen(
        lambda: [one for one in pair.collector.spans() if one[1].trace_id.hex() == job],
        lambda found: sum(span.name == "job mpc" for _, span in found) == 2,
    )
    by_name = {(resource["service.instance.id"], span.name): span for resource, span in spans}
    parties = ("lender", "payments")
    assert set(by_name) == {
        (party, name) for party in parties for name in ("job mpc", "step align", "step plan")
    }
    first = by_name["lender", "job mpc"]
    assert first.parent_span_id == b""
    assert by_name["payments", "job mpc"].parent_span_id == first.span_id
    assert {event.name for event in first.events} >= {"stalled"}
    for party in parties:
        above, step = by_name[party, "job mpc"], by_name[party, "step align"]
        assert step.parent_span_id == above.span_id
        assert above.start_time_unix_nano <= step.start_time_unix_nano < step.end_time_unix_nano
        assert step.end_time_unix_nano <= above.end_time_unix_nano
        egress = [one.body for one in getattr(pair, party).client.ledger() if one.kind == "egress"]
        fact = [one for one in egress if one["step"] == "align"][-1]
        told = values(step)
        assert told["coterie.sent.bytes"] == sum(fact["sent"].values())
        assert told["coterie.rounds"] == fact["rounds"]["used"]
        assert (told["coterie.party"], told["coterie.component"]) == (party, "align")
    # Nothing but these, of words that the ledger has, too.
    named = {"lender", "payments", "mpc", "align", "plan", "stage-0", "done", "wait", "coterie", "0.1.0"}
    for resource, span in spans:
        assert set(resource) == {"service.name", "service.version", "service.instance.id"}
        for part in (span, *span.events):
            assert {key.removeprefix("coterie.") for key in values(part)} <= ATTRIBUTES
        texts = [
            *resource.values(),
            *values(span).values(),
            *(v for e in span.events for v in values(e).values()),
        ]
        assert {one for one in texts if isinstance(one, str)} - {*all_codes()} <= named


def test_the_key_of_the_receiver_goes_to_it_alone(pair: Pair) -> None:
    assert {SECRET, None} == set(pair.collector.secrets)
    for daemon in pair.both:
        assert [path for path, text in logs_of(daemon).items() if SECRET in text] == []
    assert SECRET.encode() not in b"".join(pair.collector.bodies)
    assert SECRET not in metrics(pair.lender).text


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"x-key: a\n", 0o640, "others have rights"),
        (b"x-key a\n", 0o600, "line 1"),
        (b"\n x: \x1b[31m\n", 0o600, "line 2"),
        (b"x: \xff", 0o600, "cannot be read"),
    ],
)
def test_headers_that_cannot_be(tmp_path: Path, content: bytes, mode: int, told: str) -> None:
    file = tmp_path / "headers"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(CoterieError, match=f"^CT-5068 .*{told}") as caught:
        headers_of(file)
    assert content.decode("latin-1").strip() not in str(caught.value)


def test_headers_and_authorities(tmp_path: Path) -> None:
    (tmp_path / "headers").touch(0o600)
    (tmp_path / "headers").write_text("Authorization: Basic YTpi\n\nx-scope : 1\n".replace(" :", ":"))
    assert headers_of(tmp_path / "headers") == {"authorization": "Basic YTpi", "x-scope": "1"}
    wanted = TraceSettings(endpoint="https://127.0.0.1:1/v1/traces", authority=Path("none.pem"))
    with pytest.raises(CoterieError, match=r"^CT-5068 .*none\.pem"):
        Traces(tmp_path, wanted, "lender", Known(None))  # type: ignore[arg-type]
    for wrong in ("ftp://a/b", "https://", "http://a b", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="endpoint"):
            TraceSettings(endpoint=wrong)
