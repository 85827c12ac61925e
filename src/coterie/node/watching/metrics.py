"""What ``GET /metrics`` says: how many, how much, how long; of no job and no row in particular."""

from __future__ import annotations

import os
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from sqlalchemy import func, select

from coterie.crypto import parse_timestamp
from coterie.node.core import VERSION, Core
from coterie.node.jobbook import JobBook
from coterie.node.network import Network
from coterie.node.people.refusals import Refusals
from coterie.node.ready import Readiness
from coterie.node.runs import Runs
from coterie.node.store import JobRow, OutboxRow

from .tallies import Durations, Tallies

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["Metrics"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROCESSES = Path("/proc")

Labels = tuple[str, ...]


class Metrics:
    """Gauges are looked up when they are asked for; counters are those of :class:`Tallies`."""

    def __init__(
        self,
        core: Core,
        network: Network,
        book: JobBook,
        runs: Runs,
        readiness: Readiness,
        refusals: Refusals,
        tallies: Tallies,
    ) -> None:
        self._core, self._network, self._book, self._runs = core, network, book, runs
        self._readiness, self._refusals, self._tallies = readiness, refusals, tallies

    async def text(self) -> tuple[bytes, str]:
        """All of it in Prometheus's text form, and its media type. :raises CoterieError: CT-5005."""
        # Loaded by who is asked for metrics: a node that nobody watches does without.
        from prometheus_client import ProcessCollector
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
        from prometheus_client.registry import Collector, CollectorRegistry

        view = await self._readiness.examine()
        found = [
            _gauge(
                "coterie_ready",
                "1 where a part that the node needs is there.",
                ("check",),
                {(one.name,): one.ready for one in view.checks},
            ),
            *self._of_jobs(),
            *self._of_peers(),
            *self._of_node(),
            *ProcessCollector(registry=None).collect(),
        ]

        class All(Collector):
            def collect(self) -> Iterable[Metric]:
                return found

        registry = CollectorRegistry()
        registry.register(All())
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def _of_jobs(self) -> Iterator[Metric]:
        with self._core.store.session() as session:
            grouped = select(JobRow.engine, JobRow.state, func.count()).group_by(JobRow.engine, JobRow.state)
            jobs = {(engine, state): count for engine, state, count in session.execute(grouped)}
        counted, pulses = self._tallies, self._book.pulses
        yield _gauge("coterie_jobs", "Jobs that this node knows, by state.", ("engine", "state"), jobs)
        yield _gauge(
            "coterie_jobs_stalled",
            "Jobs that this node calls stalled.",
            (),
            {(): pulses.stalled(self._core.name)},
        )
        yield _gauge(
            "coterie_jobs_without_progress_seconds",
            "How long nobody has come further, in the job in which it is longest.",
            (),
            {(): pulses.stillest()},
        )
        yield _counter("coterie_jobs_started", "Jobs that were started.", ("engine",), counted.begun)
        yield _counter("coterie_jobs_ended", "Jobs that are over.", ("engine", "state"), counted.ended)
        yield _counter("coterie_stalls", "How often a job was called stalled.", ("engine",), counted.stalls)
        yield _counter(
            "coterie_attempts", "Attempts at jobs that had lost something.", ("engine",), counted.attempts
        )
        yield _counter("coterie_breaks", "Attempts that broke off, by error code.", ("code",), counted.breaks)
        yield _counter("coterie_rounds", "Rounds of communication.", ("engine",), counted.rounds)
        yield _histogram(
            "coterie_step_duration_seconds", "Steps of jobs.", ("engine", "component"), counted.steps
        )
        workers = self._runs.workers()
        memory = sum(map(_resident, workers))
        yield _gauge("coterie_workers", "Processes that run jobs.", (), {(): len(workers)})
        yield _gauge(
            "coterie_workers_resident_memory_bytes",
            "Memory of these.",
            (),
            {(): memory},
        )

    def _of_peers(self) -> Iterator[Metric]:
        counted, pulses = self._tallies, self._book.pulses
        peers = [peer.name for peer in self._core.peers()]
        links = pulses.links()
        with self._core.store.session() as session:
            grouped = select(OutboxRow.peer, func.count()).group_by(OutboxRow.peer)
            waiting = dict(session.execute(grouped).tuples().all())
        seen = {(name,): parse_timestamp(time).timestamp() for name, time in self._network.last_seen.items()}
        named = ("peer",)
        yield _counter("coterie_sent_bytes", "Payload of jobs to a peer.", named, counted.sent)
        yield _counter("coterie_received_bytes", "Payload of jobs from a peer.", named, counted.received)
        yield _gauge(
            "coterie_links_up",
            "Links of jobs that are connected.",
            named,
            {(name,): links[name] for name in peers},
        )
        reconnects = Counter({(name,): count for name, count in pulses.reconnects.items()})
        yield _counter("coterie_link_reconnects", "Connections that replaced another.", named, reconnects)
        yield _gauge(
            "coterie_outbox_messages",
            "Messages that a peer has not taken yet.",
            named,
            {(name,): waiting.get(name, 0) for name in peers},
        )
        yield _gauge(
            "coterie_peer_last_seen_timestamp_seconds", "When a peer last answered or asked.", named, seen
        )

    def _of_node(self) -> Iterator[Metric]:
        role, counted = self._core.home.settings.role, self._tallies
        yield _gauge("coterie_build_info", "What runs here.", ("version", "role"), {(VERSION, role): 1})
        yield _gauge("coterie_ledger_entries", "Length of the ledger.", (), {(): self._core.ledger.length})
        yield _histogram(
            "coterie_store_transaction_duration_seconds", "Transactions.", (), {(): counted.store}
        )
        calls = Counter({(code,): count for code, count in self._refusals.codes.items()})
        yield _counter("coterie_refused_calls", "Calls of the API that were refused.", ("code",), calls)
        yield _counter(
            "coterie_refusals",
            "What was asked for and is not agreed.",
            ("code",),
            counted.refusals,
        )
        expiries = dict(self._expiries())
        yield _gauge(
            "coterie_certificate_expiry_timestamp_seconds",
            "When certificates end.",
            ("certificate", "party"),
            expiries,
        )

    def _expiries(self) -> Iterator[tuple[Labels, float]]:
        me = self._core.identity
        api = ssl.PEM_cert_to_DER_cert(me.api_certificate_path.read_text(encoding="ascii"))
        yield ("api", me.name), _end(api)
        for kind, known in (("own", [me.public]), ("peer", self._core.peers())):
            for one in known:
                yield (kind, one.name), _end(one.certificate_der)


def _end(der: bytes) -> float:
    return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()


def _resident(process: int) -> int:
    """Bytes of memory; 0 for a process that is gone."""
    try:
        return int((_PROCESSES / str(process) / "statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _gauge(name: str, told: str, labels: Labels, values: Mapping[Any, float]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, told, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, told: str, labels: Labels, values: Mapping[Any, float]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, told, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _histogram(name: str, told: str, labels: Labels, values: Mapping[Any, Durations]) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, told, labels=labels)
    for key, durations in values.items():
        family.add_metric(key, durations.buckets(), durations.sum)
    return family
