"""A whole run on a software TPM: its registers say what runs and for which job; real releasers believe it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.tee.evidence.attest.platforms import attester_for
from coterie.tee.evidence.attest.swtpm import TOOLS, SwtpmAttester
from coterie.tee.evidence.model import Evidence
from coterie.tee.evidence.verify import state
from coterie.tee.sandbox.command import Sandbox
from tests.tee.material import flipped
from tests.tee.runner.world import ROWS, World

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS), reason="no swtpm or tpm2-tools here"
)


class OnTpm(World):
    """One job on a software TPM."""

    platform = "swtpm"
    made: SwtpmAttester
    changed: str = ""

    def attest(self, measurement: bytes, job: bytes) -> Any:
        """The platform's own attester, told of other code or another job where the test says so."""
        measurement = flipped(measurement, 0) if self.changed == "measurement" else measurement
        job = flipped(job, 0) if self.changed == "job" else job
        made = attester_for("swtpm", self.home / "sim", measurement, job)
        assert isinstance(made, SwtpmAttester)
        self.made = made
        return made


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox, measurement: bytes) -> Iterator[OnTpm]:
    made = OnTpm(tmp_path / "world", sandbox, "sum", measurement)
    yield made
    made.close()


def gone(attester: SwtpmAttester) -> bool:
    """The TPM's process has ended, and its state is removed."""
    assert attester._process is not None
    return attester._process.returncode is not None and not attester._folder.exists()


def test_a_run_on_a_software_tpm(world: OnTpm, measurement: bytes) -> None:
    run = world.run()
    outputs = {output.described.kind: output for output in run.outputs}
    assert json.loads(world.open(outputs["metrics"], "lender"))["spend"] == sum(range(ROWS))
    run.receipt.verify()
    assert (run.receipt.assurance, run.receipt.manifest) == ("simulated", world.manifest.digest)
    assert gone(world.made)
    for owner, ledger in world.ledgers.items():
        (entry,) = ledger.entries("release")
        assert entry.body["platform"] == "swtpm"
        kept = (world.home / f"archive-{owner}" / str(entry.body["evidence"])).read_bytes()
        said = state(Evidence.parse(kept))
        # By hand: a register is extended once, from zeros; 48 bytes go in as their SHA-256.
        extended = hashlib.sha256(bytes(32) + hashlib.sha256(measurement).digest()).hexdigest()
        assert said.measurements["pcr8"] == extended
        job = bytes.fromhex(world.manifest.digest.removeprefix("sha256:"))
        assert said.measurements["pcr16"] == hashlib.sha256(bytes(32) + job).hexdigest()
        assert run.receipt.evidence[owner] == said.body


@pytest.mark.parametrize(("changed", "reason"), [("measurement", "measurements"), ("job", "launch")])
def test_other_code_or_another_job_in_the_registers_gets_no_key(
    world: OnTpm, changed: str, reason: str
) -> None:
    world.changed = changed
    with pytest.raises(CoterieError) as caught:
        world.run()
    assert caught.value.code == "CT-2240"
    assert reason in caught.value.detail
    assert gone(world.made)
    assert not any(list(ledger.entries("release")) for ledger in world.ledgers.values())


def test_a_register_that_was_extended_once_more_gets_no_key(world: OnTpm) -> None:
    """Code that is loaded behind the measured one extends the register again: it has another value."""

    def attest(measurement: bytes, job: bytes) -> Any:
        made = world.attest(measurement, job)
        made._extend(8, bytes(32))
        return made

    with pytest.raises(CoterieError) as caught:
        world.run(attest=attest)
    assert (caught.value.code, "measurements" in caught.value.detail) == ("CT-2240", True)
