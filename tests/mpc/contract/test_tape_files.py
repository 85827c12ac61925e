"""Every case without a dealer: what it would have dealt comes from tape files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from coterie.crypto import Identity
from coterie.mpc import Binding, Dealing, Part, Tape, TapeFile, TapeFiles, deal_ahead
from tests.mpc.contract.case import PARTIES, Case
from tests.mpc.contract.test_contract import check, every_case
from tests.mpc.rig import DEALER, play

STAGE = Binding(job="0f" * 16, stage=0, plan="sha256:" + "0" * 64)


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    home: Path = tmp_path_factory.mktemp("homes")
    return {name: Identity.create(home / name, name) for name in (*PARTIES[:3], DEALER)}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.mark.parametrize("count", [2, 3])
@every_case
def test_from_tape_files(
    case: Case, count: int, identities: dict[str, Identity], tmp_path: Path, stack: ExitStack
) -> None:
    if count not in case.parties:
        pytest.skip(f"not for {count} parties")

    def dealt(tape: Tape) -> Mapping[str, Dealing]:
        assert DEALER not in {*tape.sent, *tape.rounds}
        parts = {identities[name].public: [Part.of("step", tape, name)] for name in PARTIES[:count]}
        with TapeFiles(tmp_path, identities[DEALER], STAGE, parts) as files:
            deal_ahead(tape, files)
            paths = dict(zip(PARTIES[:count], files.finish(), strict=True))
        dealer = identities[DEALER].public
        opened = {
            name: stack.enter_context(TapeFile.open(path, identities[name], dealer))
            for name, path in paths.items()
        }
        return {name: file.dealing("step", tape) for name, file in opened.items()}

    check(case, play(case.whole(), case.inputs, PARTIES[:count], dealt=dealt, tracing=case.tracing))
