"""A whole run: real sandbox, real evidence, real releasers; what comes of it and who can read it."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable

import pytest

from coterie.errors import CoterieError
from coterie.tee.container.wrapping import unwrap_at_party
from tests.tee.runner.world import ROWS, World

Make = Callable[[str], World]


def test_two_owners_fuse_their_data_and_the_receivers_alone_read_the_results(world: Make) -> None:
    made = world("sum")
    steps: list[str] = []
    made.watch = steps.append
    run = made.run()
    outputs = {output.described.kind: output for output in run.outputs}
    read = json.loads(made.open(outputs["metrics"], "lender"))
    assert read["columns"] == {
        "lender": ["customer", "age", "income", "default"],
        "payments": ["client", "spend"],  # `balance` lies in the container and was not granted to the job
    }
    assert read["spend"] == sum(range(ROWS))
    assert read["prepared"] == ["libraries of boosting"]  # before the work began, though a part of it failed
    assert made.open(outputs["scores"], "lender") == b"\x01" * 2_500_000
    assert set(outputs["metrics"].wrapped) == {"lender"}
    assert steps == [
        *("challenge lender", "evidence", "release lender"),
        *("challenge payments", "evidence", "release payments"),
        *("step align", "step train"),
    ]
    run.receipt.verify()
    assert run.receipt.manifest == made.manifest.digest
    assert run.receipt.outputs == tuple(output.described for output in run.outputs)
    assert {one.owner: one.root for one in run.receipt.inputs} == {
        name: record.root for name, record in made.records.items()
    }
    assert run.receipt.resources.memory > 2**25


def test_a_result_asked_by_somebody_else_stays_closed(world: Make) -> None:
    made = world("sum")
    (output, *_) = made.run().outputs
    wrapped = output.wrapped["lender"]
    for thief in ("payments", "hub", "mallory"):
        output.wrapped[thief] = wrapped  # type: ignore[index]
        with pytest.raises(CoterieError) as caught:
            made.open(output, thief)
        assert caught.value.code == "CT-2211"
    with pytest.raises(CoterieError) as caught:  # and for another result it is of no use
        unwrap_at_party(wrapped, made.who["lender"], b"coterie/data-key/v1\0" + bytes(32))
    assert caught.value.code == "CT-2211"


def test_what_lies_beside_the_case_and_each_receivers_own_file_of_one_name(world: Make) -> None:
    made = world("beside")
    run = made.run(public=b"public facts")
    assert [one.described.receivers for one in run.outputs] == [("lender",), ("payments",)]
    assert {one.described.name for one in run.outputs} == {"run/metrics"}
    for output in run.outputs:
        (party,) = output.described.receivers
        assert set(output.wrapped) == {party}
        assert json.loads(made.open(output, party)) == {
            "public": "public facts",
            "secrets": dict.fromkeys(("lender", "payments"), made.shared.hex()),
            "for": party,
        }
    assert made.shared.hex() not in repr(run)


def test_results_that_cannot_be_written_end_the_run_with_a_code(world: Make) -> None:
    """A file where their folder should be; a disk that takes no more of them."""
    made = world("sum")
    folder = made.home / "results"
    folder.write_bytes(b"")
    with pytest.raises(CoterieError) as caught:
        made.run()
    assert caught.value.code == "CT-1121"
    folder.unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(CoterieError) as caught:
            made.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "CT-1120"
    assert list(folder.iterdir()) == []
