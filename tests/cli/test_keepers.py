"""``coterie tee keeper``: a keeper that runs until it is told to end, and documents that are handed to it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.crypto import canonical, timestamp
from coterie.node import init_node
from coterie.tee import (
    KEEPER_MODULE,
    Collect,
    Contents,
    KeeperChallenge,
    KeeperOffer,
    Sandbox,
    Withdrawal,
    state_evidence,
)
from tests.cli.conftest import Cli, call
from tests.tee.joint import NOW, people


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_node(tmp_path / "home", "hub")
    return tmp_path


@pytest.fixture
def hub(folder: Path) -> Cli:
    return lambda *words: call("--home", str(folder / "home"), *words)


@pytest.fixture
def keeper(folder: Path, image: Path) -> Iterator[dict[str, str]]:
    """A keeper in a process of its own: what it says first."""
    (folder / "images").mkdir()
    (folder / "images" / Contents().fingerprint()).symlink_to(image)
    command = [sys.executable, "-c", "import sys; from coterie.cli import main; main()"]
    command += ["--home", str(folder / "home"), "--json", "tee", "keeper", "start"]
    with subprocess.Popen(
        [*command, "--image", str(folder / "images")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = b""
        while not said.rstrip().endswith(b"}"):
            line = process.stdout.readline()
            assert line, process.stderr.read().decode()
            said += line
        yield json.loads(said)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, process.stderr.read().decode()


def test_documents_are_handed_to_a_keeper_and_answered(
    hub: Cli, keeper: dict[str, str], folder: Path, image: Path
) -> None:
    assert keeper["measurement"] == Sandbox(image, KEEPER_MODULE).measure().measurement.hex()
    challenge = KeeperChallenge(
        provider="lender", nonce="ab" * 32, assurance="simulated", expires=timestamp(NOW)
    )
    asked = folder / "challenge.json"
    asked.write_bytes(challenge.to_bytes())
    answer = folder / "offer.json"
    assert hub("tee", "keeper", "ask", "offer", str(asked), "--output", str(answer)).status == 0
    offer = KeeperOffer.parse(answer.read_bytes())
    assert (offer.binding.nonce, offer.binding.provider) == ("ab" * 32, "lender")
    shown = state_evidence(offer.evidence)
    assert shown.measurements == {"measurement": keeper["measurement"]}
    assert hub("tee", "keeper", "ask", "offer", str(asked), "--output", str(answer)).code == "CT-6002"
    assert KeeperOffer.parse(hub("tee", "keeper", "ask", "offer", str(asked)).out.strip().encode()) != offer
    name = offer.binding.log_pk
    (folder / "collect.json").write_bytes(Collect(deposit=name, nonce="cd" * 32, after=0).to_bytes())
    collected = hub("tee", "keeper", "ask", "collect", str(folder / "collect.json")).json
    assert collected["statement"]["holds"] is False
    owner = people(folder / "people")["lender"]
    withdrawal = Withdrawal.sign(owner, {"deposit": name, "created": timestamp(NOW)})
    (folder / "withdrawal.json").write_bytes(canonical(withdrawal))
    assert hub("tee", "keeper", "ask", "withdraw", str(folder / "withdrawal.json")).code == "CT-2328"
    assert hub("tee", "keeper", "ask", "deposit", str(asked)).code == "CT-2326"
    assert hub("tee", "keeper", "ask", "deposit", str(folder / "gone.json")).code == "CT-6001"


def test_without_a_keeper(hub: Cli, folder: Path) -> None:
    challenge = KeeperChallenge(
        provider="lender", nonce="ab" * 32, assurance="simulated", expires=timestamp(NOW)
    )
    (folder / "challenge.json").write_bytes(challenge.to_bytes())
    assert hub("tee", "keeper", "ask", "offer", str(folder / "challenge.json")).code == "CT-2325"


def test_a_platform_that_is_not_there(hub: Cli, folder: Path) -> None:
    tree = folder / "images" / Contents().fingerprint() / "coterie"
    tree.mkdir(parents=True)
    (tree / "start.pyc").write_bytes(b"code")
    said = hub("tee", "keeper", "start", "--image", str(folder / "images"), "--platform", "nothing")
    assert said.code == "CT-2247"
