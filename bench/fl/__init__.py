"""Secure sums beside Flower's SecAgg+; many clients; generalised linear models beside the pooled table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from bench.fl import fedavg, flower_side, glm, ours, trees, trees_auc
from bench.fl.records import records_of
from bench.fl.side import Run
from bench.fl.work import OURS, WORKS, Sum
from bench.records import Record
from bench.turns import in_turn

__all__ = ["METHOD", "benchmark", "works"]

METHOD = """Sums of many clients' vectors of which nobody sees one, and what is made of such sums.

- Seconds of secure sums are *processor* seconds of all clients and the server together, all threads, in one
  process with each one's own state and no network; making the vectors is not counted. Bytes are those that
  one client sends from the first message to the last, the client with most; `/bytes` sets them beside its
  vector in the same ring, as it is. The dropped clients are gone after they have shared their secrets, before
  their masked vectors arrive. `error` is the largest difference from the survivors' sum in float64; a total
  that is further off than rounding explains ends the benchmark.
- *Ours*: 32-bit ring, values within 1 rounded to nearest, steps of 2^-18 (`clients_500`: 2^-13); the
  neighbours' graph and threshold for so many clients as `Rules.of` takes them; every signature, commitment
  and seal is made and checked; messages are made and read within the clock; so is the total that each client
  gets, checks and decodes. In the first line the coordinator learns the total, as Flower's server does;
  `/total hidden` is with the group's key, by which it does not.
- *Flower*: version 1.41.0 from the package registry, its `SecAggPlusWorkflow` and, in a `ClientApp` for each
  client, `secaggplus_mod`; a grid in one process in place of its network. Its default quantisation, which has
  the same step, 2^-18 (values within 8, rounded up or down by chance), and modulus 2^32; all weights 1. As
  many neighbours as ours on average, in a ring as it has them, and the same threshold. What cannot be equal:
  in 32 bits it holds values up to 8, ours up to 1.28 of as many clients, as bits are left for hiding the
  total; it sends each number of 32 bits as 8 bytes; folds seeds to 32 bits, of which NumPy's Mersenne Twister
  makes masks; has no signatures, no commitments and no agreement on who survived; and clients get no total in
  its workflow. Not counted for it: making and reading its protobuf messages, which the note has, and the mean
  that its strategy would take.
- `clients_500`: so many clients with 100,000 values and 50 drop-outs; the note has the most memory that the
  process held.
- `glm_3_parties`: logistic regression with standard errors, three parties with 100,000 rows of 20 columns
  each and a helper without data that adds up, four processes, links over TLS 1.3 on loopback, the component
  `glm` as a job runs it. Seconds at the slowest, its rows in memory, making of keys included. `rounds` are
  Newton's iterations, each one secure sum; one more sum precedes them. `error` is the largest difference of a
  coefficient from the peer's. Peers have the pooled table in one process: statsmodels' `GLM`, with standard
  errors, and scikit-learn's `LogisticRegression` (`newton-cholesky`), without.
- `trees_300k`: 100 boosted trees of depth 6, three parties with 100,000 rows of 30 columns each, one of which
  adds up; three processes on this machine, links over TLS 1.3 on loopback, the component `boosting` as a job
  runs it. Seconds at the slowest, from rows in memory to the model, bins included. The peer is XGBoost's
  `hist` on the pooled table with the same parameters, one process on all cores, from an array to the model.
  `error` is the difference of the AUCs on 100,000 rows that nobody trained on.
- `trees_auc`: the real table of the example `branches` at three parties, 30 % held back: the largest
  difference of the AUC from XGBoost's on the pooled rows, over seven settings; below it, how far XGBoost's
  own AUC moves with 255 or 250 bins in place of 256. Where bins coincide trees are the same.
- `fedavg_mnist`: one network (784-100-10) by federated averaging at twenty clients, 200 images of two kinds
  of digits at each, 30 rounds of one pass in batches of 10: images, first weights and loop of training at
  home (PyTorch, one thread) are the same on both sides, the orders of the images are not. Processor seconds
  of all clients and the server, in one process. Ours has every secure sum as a job with a hub has it, masks
  and all, over queues; `/sums in the open` is without. Flower's `FedAvg` in its `DefaultWorkflow` adds up
  what it sees; its messages are not serialised, as there is no network. `error` is the difference of the
  accuracies on 1,000 images that nobody trained on, after the last round; the note has both curves."""

OTHERS: dict[str, Callable[[int, frozenset[str]], tuple[list[Record], list[dict[str, Any]]]]] = {
    glm.NAME: glm.benchmark,
    trees.NAME: trees.benchmark,
    trees_auc.NAME: trees_auc.benchmark,
    fedavg.NAME: fedavg.benchmark,
}
"""Works that go another way."""


def works() -> list[str]:
    """What is measured where nothing else is asked for."""
    return [*(work.name for work in WORKS), *OTHERS]


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure every side in turn, ``turns`` times.

    :param works: of :func:`works`; all where None.
    :param without: sides to leave out, by name or its first word: "flwr", "coterie", "statsmodels".
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for work in WORKS:
        if works and work.name not in works:
            continue
        runs, missing = in_turn(work.name, sides_of(work, without), turns)
        everything += [{"work": work.name} | asdict(run) for run in runs]
        records += records_of(work, runs, missing)
    for name, measure in OTHERS.items():
        if not works or name in works:
            found, told = measure(turns, without)
            records, everything = records + found, everything + told
    return records, everything


def sides_of(work: Sum, without: frozenset[str]) -> dict[str, Callable[[], list[Run]]]:
    """How each side of a work is measured once, by name."""
    found: dict[str, Callable[[], list[Run]]] = {}
    for side in work.sides:
        first = side.partition(" ")[0].rstrip(",")
        if without & {side, first}:
            continue
        measure = partial(ours.measure if first == OURS else flower_side.measure, work, side)
        found[side] = _first(measure) if side in work.once else partial(_listed, measure)
    return found


def _listed(measure: Callable[[], Run]) -> list[Run]:
    return [measure()]


def _first(measure: Callable[[], Run]) -> Callable[[], list[Run]]:
    """Measures when called for the first time."""
    left = [measure]
    return lambda: [left.pop()()] if left else []
