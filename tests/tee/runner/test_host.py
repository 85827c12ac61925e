"""A host that cheats: other code, other documents, other containers, other answers. No key, no result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.tee.documents.exchange import Challenge, Release, ReleaseRequest
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.model import Evidence
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.contents import PACKAGES
from tests.tee.runner.world import World

Make = Callable[[str], World]


def refused(made: World, **changes: Any) -> tuple[CoterieError, list[str]]:
    """The error, and what happened until then."""
    seen: list[str] = []
    made.watch = seen.append
    with pytest.raises(CoterieError) as caught:
        made.run(**changes)
    assert list((made.home / "results").iterdir()) == []
    assert "step align" not in seen
    return caught.value, seen


@pytest.fixture
def altered(image: Path) -> Iterator[Path]:
    """A file of the runner's code with one bit changed, for as long as the test runs."""
    path = image / PACKAGES / "coterie" / "tee" / "runner" / "outputs.pyc"
    before, mode = path.read_bytes(), path.stat().st_mode
    # In the hash of its source, which nobody looks at: the code runs as before, and is other code.
    replaced(path, before[:8] + bytes([before[8] ^ 1]) + before[9:], mode)
    yield path
    replaced(path, before, mode)


def replaced(path: Path, content: bytes, mode: int) -> None:
    """Another file in its place: of the old one, other images have links."""
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)


def test_one_bit_of_other_code_gets_no_key(world: Make, altered: Path) -> None:
    error, seen = refused(world("sum"))
    assert error.code == "CT-2240"
    assert "measurement" in error.detail
    assert seen == ["challenge lender", "evidence", "release lender"]


def test_a_measurement_that_is_off_by_one_bit_gets_no_key(
    tmp_path: Path, sandbox: Sandbox, measurement: bytes
) -> None:
    made = World(tmp_path / "off", sandbox, "sum", measurement[:-1] + bytes([measurement[-1] ^ 1]))
    error, _ = refused(made)
    made.close()
    assert error.code == "CT-2240"


def test_results_to_somebody_else_are_refused_before_anybody_is_asked(world: Make) -> None:
    made = world("sum")
    fields = made.manifest.model_dump(mode="json")
    fields["outputs"][0]["receivers"] = ["payments"]
    made.with_case(manifest=JobManifest.model_validate(fields))
    error, seen = refused(made)
    assert error.code == "CT-2275"
    assert seen == []


def test_a_key_of_ones_own_under_the_receivers_name_is_refused(world: Make) -> None:
    made = world("sum")
    fields = made.manifest.model_dump(mode="json")
    fields["keys"]["lender"] = made.who["mallory"].public.key
    made.with_case(manifest=JobManifest.model_validate(fields))
    error, seen = refused(made)
    assert error.code == "CT-2275"
    assert seen == []


@pytest.mark.parametrize("kept", [(0,), (1,), (0, 0), (0, 1, 1)])
def test_grants_that_are_missing_or_more_are_refused(world: Make, kept: tuple[int, ...]) -> None:
    made = world("sum")
    made.with_case(grants=tuple(made.case.grants[index] for index in kept))
    error, seen = refused(made)
    assert error.code == "CT-2294"
    assert seen == []


def test_a_checkpoint_of_another_ledger_is_refused(world: Make) -> None:
    made = world("sum")
    first, second = made.case.checkpoint.logged
    swapped = (first.model_copy(update={"head": second.head}), second)
    made.with_case(checkpoint=made.case.checkpoint.model_copy(update={"logged": swapped}))
    error, seen = refused(made)
    assert error.code == "CT-2279"
    assert seen == []


def test_containers_that_are_swapped_stay_closed(world: Make) -> None:
    made = world("sum")
    error, _ = refused(made, containers=list(reversed(made.containers.values())))
    assert error.code == "CT-2204"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data[:-1], "CT-2202"),
        (lambda data: data + b"\0", "CT-2203"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "CT-2203"),
        (lambda data: data[:100], "CT-2202"),
        (lambda data: b"", "CT-2202"),
        (lambda data: b"PAR1" + data, "CT-2201"),
    ],
)
def test_containers_that_are_altered_stay_closed(
    world: Make, change: Callable[[bytes], bytes], code: str
) -> None:
    made = world("sum")
    path = made.containers["payments"]
    path.write_bytes(change(path.read_bytes()))
    error, _ = refused(made)
    assert error.code == code


def test_an_older_sealing_of_the_same_data_stays_closed(world: Make) -> None:
    made = world("sum")
    made._seal("lender")  # the record of the job is of the one before
    error, _ = refused(made)
    assert error.code == "CT-2204"


def test_one_owners_refusal_ends_the_run(world: Make) -> None:
    made = world("sum")
    made.releasers["payments"].withdraw(made.case.job)
    error, seen = refused(made)
    assert error.code == "CT-2277"
    assert seen[-1] == "challenge payments"


class Cheating(World):
    """A host whose answers are not the owners'."""

    cheat = ""
    before: Challenge | None = None

    def challenge(self, owner: str) -> Challenge:
        made = super().challenge(owner)
        if self.cheat == "other owner":
            return made.model_copy(update={"provider": "payments"})
        if self.cheat == "other job":
            return made.model_copy(update={"job": made.job[:-1] + ("1" if made.job[-1] == "0" else "0")})
        return made

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        if self.cheat == "own key":
            binding = request.binding.model_copy(update={"hpke_pk": "00" * 1216})
            request = request.model_copy(update={"binding": binding})
        made = super().release(owner, request)
        if self.cheat == "other nonce":
            return made.model_copy(update={"nonce": "00" * 32})
        if self.cheat == "other grant":
            return made.model_copy(update={"grant": self.case.grants[1].digest})
        if self.cheat == "altered key":
            return made.model_copy(update={"wrapped": made.wrapped[:-1] + bytes([made.wrapped[-1] ^ 1])})
        return made

    def attest(self, measurement: bytes, job: bytes) -> Any:
        attester = super().attest(measurement, job)
        if self.cheat != "other evidence":
            return attester

        class Other:
            def quote(self, report_data: bytes) -> Evidence:
                return attester.quote(bytes(64))

        return Other()


@pytest.mark.parametrize(
    ("cheat", "code"),
    [
        ("other owner", "CT-2294"),
        ("other job", "CT-2294"),
        ("other evidence", "CT-2294"),
        ("own key", "CT-2240"),
        ("other nonce", "CT-2294"),
        ("other grant", "CT-2294"),
        ("altered key", "CT-2211"),
    ],
)
def test_answers_that_are_not_the_owners_are_refused(
    tmp_path: Path, sandbox: Sandbox, measurement: bytes, cheat: str, code: str
) -> None:
    made = Cheating(tmp_path / "cheating", sandbox, "sum", measurement)
    made.cheat = cheat
    error, _ = refused(made)
    made.close()
    assert error.code == code
