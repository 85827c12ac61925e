"""What befalls processes and links, when: drawn from the seed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from soak.processes import Worker, nursery, snapshot, workers
from soak.proxy import FAULTS, Fault, Proxy
from soak.records import Record
from soak.watch import Watch
from soak.world import HUB, PARTIES, Node, StartError, World

KILLS: Mapping[str, int] = {
    "worker": 6,
    "dealer worker": 2,
    "coordinator worker": 2,
    "host worker": 1,
    "runner": 3,
    "nursery": 1,
    "node": 3,
    "hub": 2,
}
"""How often each kind of process is in a deck of kills."""
HELPERS = {"mpc": "dealer worker", "fl": "coordinator worker", "tee": "host worker"}
NEEDS = {
    "dealer worker": {"mpc", "three"},
    "coordinator worker": {"fl"},
    "host worker": {"tee"},
    "runner": {"tee"},
}
"""The kinds of jobs without which there is no such process."""
TARGET_SECONDS = 10.0
"""For which a process of the drawn kind is waited for."""
LONGEST = {"cut": 3.0, "stall": 5.0, "delay": 4.0, "duplicate": 0.0, "reset": 0.0}
"""Seconds."""
LONG = 30
"""One cut or stall in so many lasts longer than the nodes' patience."""


@dataclass(frozen=True)
class Kill:
    """One that is to come."""

    wait: float
    """Seconds after the one before."""
    process: str
    pick: float
    """From 0 to 1: which of several."""
    away: float
    """Seconds until a daemon is started again."""


@dataclass(frozen=True)
class Hurt:
    """A fault that is to come."""

    wait: float
    fault: Fault
    seconds: float
    where: float
    pick: float


def kills(seed: int, every: float, engines: Sequence[str]) -> Iterator[Kill]:
    """Without end. :param every: seconds between two, in the mean."""
    chance = random.Random(f"{seed}/kills")
    kinds = [kind for kind in KILLS for _ in range(KILLS[kind]) if NEEDS.get(kind, {*engines}) & {*engines}]
    while True:
        deck = list(kinds)
        chance.shuffle(deck)
        for kind in deck:
            yield Kill(chance.uniform(0.3, 1.7) * every, kind, chance.random(), chance.uniform(0.1, 2.0))


def hurts(seed: int, every: float, patience: float) -> Iterator[Hurt]:
    """Without end."""
    chance = random.Random(f"{seed}/faults")
    while True:
        deck = list(FAULTS)
        chance.shuffle(deck)
        for fault in deck:
            seconds = chance.random() ** 2 * LONGEST[fault]
            if chance.randrange(LONG) == 0 and fault in ("cut", "stall"):
                seconds = patience * chance.uniform(1.1, 1.5)
            yield Hurt(chance.uniform(0.3, 1.7) * every, fault, seconds, chance.random(), chance.random())


class Chaos:
    """Kills and hurts until it is told to stop, and starts daemons again."""

    def __init__(self, world: World, proxy: Proxy, watch: Watch, record: Record) -> None:
        self._world, self._proxy, self._watch, self._record = world, proxy, watch, record
        self.stopping = threading.Event()
        self._starting: list[threading.Thread] = []
        self.broken: list[str] = []
        """Nodes that did not come up again."""

    def kill_all(self, coming: Iterator[Kill]) -> None:
        """Until :attr:`stopping`."""
        due = time.monotonic()
        for kill in coming:
            due = max(due + kill.wait, time.monotonic() - 5)  # what was late is made up for, in parts
            if self.stopping.wait(max(0.0, due - time.monotonic())):
                return
            deadline = time.monotonic() + TARGET_SECONDS
            while not self._kill(kill):
                if time.monotonic() > deadline:
                    self._record.nothing(kill.process)
                    break
                if self.stopping.wait(0.03):
                    return

    def hurt_all(self, coming: Iterator[Hurt]) -> None:
        """Until :attr:`stopping`."""
        due = time.monotonic()
        for hurt in coming:
            due = max(due + hurt.wait, time.monotonic() - 5)
            if self.stopping.wait(max(0.0, due - time.monotonic())):
                return
            if not self._hurt(hurt):
                self._record.nothing(hurt.fault)

    def finish(self) -> None:
        """Wait until all daemons run."""
        for one in self._starting:
            one.join()

    # -- processes

    def _kill(self, kill: Kill) -> bool:
        """Whether there was one to kill."""
        if kill.process in ("node", "hub"):
            names = PARTIES if kill.process == "node" else (HUB,)
            return self._kill_node(self._world.nodes[names[int(kill.pick * len(names))]], kill)
        there = snapshot()
        found: list[tuple[str, str | None, int]] = []
        for name, node in self._world.nodes.items():
            if node.restarting.locked():
                continue
            if kill.process == "nursery":
                source = nursery(node.pid, there)
                found += [(name, None, source)] if source and workers(node.pid, there) else []
            else:
                found += [
                    (name, one.job, pid)
                    for one in workers(node.pid, there)
                    if (pid := self._fits(kill, name, one))
                ]
        if not found:
            return False
        name, job, pid = found[int(kill.pick * len(found))]
        at = time.monotonic()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        struck = self._watch.struck(kill.process, at, nodes={name}, job=job, kill=True)
        self._record.killed(kill.process, node=name, job=job, pid=pid, jobs=struck)
        return True

    def _fits(self, kill: Kill, node: str, worker: Worker) -> int | None:
        """The process of a worker that is to be killed."""
        kind = self._watch.kind(worker.job)
        if kind is None:
            return None
        if kill.process == "runner":
            return worker.runner
        process = HELPERS[kind.engine] if node == kind.helper else "worker"
        return worker.pid if process == kill.process else None

    def _kill_node(self, node: Node, kill: Kill) -> bool:
        if not node.restarting.acquire(blocking=False):
            return False
        at = time.monotonic()
        node.kill()
        struck = self._watch.struck(kill.process, at, nodes={node.name}, kill=True)
        self._record.killed(kill.process, node=node.name, jobs=struck)
        one = threading.Thread(target=self._start_again, args=(node, kill.away), name=f"start {node.name}")
        self._starting.append(one)
        one.start()
        return True

    def _start_again(self, node: Node, away: float) -> None:
        try:
            time.sleep(away)
            node.start()
            node.await_up()
        except StartError as error:
            self.broken.append(str(error))
            self._record.event("broken", node=node.name, error=str(error))
        finally:
            node.restarting.release()

    # -- links

    def _hurt(self, hurt: Hurt) -> bool:
        names = list(self._world.nodes)
        first = int(hurt.where * len(names))
        turn = names[first:] + names[:first]
        linked = [name for name in turn if self._proxy.links(name)]
        for name in [*linked, *(name for name in turn if name not in linked)]:
            at = time.monotonic()
            hit = self._proxy.hurt(name, hurt.fault, hurt.seconds, hurt.pick)
            if hit is None:
                continue
            jobs = {job for link in hit if link and (job := self._watch.of_link(link))}
            for job in jobs:
                self._watch.struck(hurt.fault, at, nodes={name}, job=job, kill=False)
            self._record.hurt(hurt.fault, node=name, seconds=round(hurt.seconds, 2), jobs=sorted(jobs))
            return True
        return False


def begin(name: str, what: Callable[[], None]) -> threading.Thread:
    """Do it in a thread."""
    thread = threading.Thread(target=what, name=name)
    thread.start()
    return thread
