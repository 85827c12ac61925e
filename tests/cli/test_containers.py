"""Sealing and opening on the command line: a registered table, any bytes, a look, a check, refusals."""

from __future__ import annotations

import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from coterie.crypto import Identity
from coterie.node import init_node
from tests.cli.conftest import Cli, call


@pytest.fixture
def home(tmp_path: Path) -> Cli:
    init_node(tmp_path / "home", "lender")
    return lambda *words, text="": call("--home", str(tmp_path / "home"), *words, text=text)


@pytest.fixture
def sealed(home: Cli, tmp_path: Path) -> Path:
    source, target = tmp_path / "model.json", tmp_path / "model.sealed"
    source.write_bytes(b"a canary in clear " * 1000)
    said = home("seal", str(source), "--dataset", "model", "--as-is", "--output", str(target))
    assert said.status == 0, said.err
    return target


def test_bytes_are_sealed_and_opened(home: Cli, sealed: Path, tmp_path: Path) -> None:
    assert b"canary" not in sealed.read_bytes()
    keys = list((tmp_path / "home" / "keys").iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in keys] == [0o600]
    opened = tmp_path / "opened"
    assert home("open", str(sealed), "--output", str(opened)).status == 0
    assert opened.read_bytes() == (tmp_path / "model.json").read_bytes()
    assert stat.S_IMODE(opened.stat().st_mode) == 0o600
    assert home("open", str(sealed), "--output", str(opened)).code == "CT-6002"


def test_a_look_at_it(home: Cli, sealed: Path, tmp_path: Path) -> None:
    shown = home("container", "show", str(sealed), "--json").json
    assert (shown["dataset"], shown["size"], shown["chunks"], shown["key_here"]) == (
        "lender/model",
        18000,
        1,
        True,
    )
    assert "in this home" in home("container", "show", str(sealed)).out
    elsewhere = call("--home", str(tmp_path / "none"), "container", "show", str(sealed), "--json").json
    assert elsewhere["key_here"] is False


def test_a_check_without_key_and_home(home: Cli, sealed: Path, tmp_path: Path) -> None:
    owner = Identity.load(tmp_path / "home").public.fingerprint
    nobody = ("--home", str(tmp_path / "none"), "container", "verify", str(sealed))
    assert owner in call(*nobody).out
    assert call(*nobody, "--fingerprint", owner).status == 0
    assert call(*nobody, "--fingerprint", "sha256:" + "0" * 64).code == "CT-2208"
    data = bytearray(sealed.read_bytes())
    data[-1] ^= 1
    sealed.write_bytes(data)
    assert call(*nobody).code == "CT-2203"
    assert home("open", str(sealed), "--output", str(tmp_path / "opened")).code == "CT-2203"
    assert not (tmp_path / "opened").exists()


def test_without_its_record(home: Cli, sealed: Path, tmp_path: Path) -> None:
    record = sealed.with_name("model.sealed.record").rename(tmp_path / "elsewhere")
    assert home("container", "verify", str(sealed)).code == "CT-1122"
    assert home("container", "verify", str(sealed), "--record", str(record)).status == 0
    said = home("open", str(sealed), "--output", str(tmp_path / "one"))
    assert said.status == 0
    assert "No record" in said.err
    assert home("open", str(sealed), "--output", str(tmp_path / "two"), "--record", str(record)).err == ""


def test_another_home_opens_nothing(sealed: Path, tmp_path: Path) -> None:
    init_node(tmp_path / "other", "payments")
    other = ("--home", str(tmp_path / "other"))
    assert call(*other, "open", str(sealed), "-o", str(tmp_path / "x")).code == "CT-2208"
    sealed.with_name("model.sealed.record").unlink()
    assert call(*other, "open", str(sealed), "-o", str(tmp_path / "x")).code == "CT-2209"


def test_what_is_refused(home: Cli, sealed: Path, tmp_path: Path) -> None:
    source = str(tmp_path / "model.json")
    assert home("seal", source, "--dataset", "model", "--as-is", "-o", str(sealed)).code == "CT-6002"
    assert home("seal", source, "--dataset", "nobody", "-o", str(tmp_path / "x")).code == "CT-5031"
    assert home("seal", "--dataset", "model", "--as-is", "-o", str(tmp_path / "x")).status == 2
    assert (
        home("seal", source, "--dataset", "No name", "--as-is", "-o", str(tmp_path / "x")).code == "CT-2215"
    )
    assert (
        home("seal", str(tmp_path / "none"), "--dataset", "a", "--as-is", "-o", str(tmp_path / "x")).code
        == "CT-1122"
    )
    assert home("container", "show", source).code == "CT-2201"
    assert home("container", "show", str(tmp_path / "none")).code == "CT-1122"
    assert (
        call("--home", str(tmp_path / "none"), "seal", "--dataset", "a", "-o", str(tmp_path / "x")).code
        == "CT-5002"
    )
    assert not (tmp_path / "x").exists()


def test_a_registered_table(lender: Cli, tmp_path: Path) -> None:
    target, opened = tmp_path / "customers.sealed", tmp_path / "customers.parquet"
    made = lender("seal", "--dataset", "customers", "--output", str(target), "--json").json
    assert (made["dataset"], made["owner"]["name"]) == ("lender/customers", "lender")
    assert made["schema_hash"].startswith("sha256:")
    assert lender("container", "verify", str(target)).status == 0
    assert lender("open", str(target), "--output", str(opened)).status == 0
    table = pq.read_table(opened)
    assert table.num_rows == made["rows"]
    assert table.column_names == [column["name"] for column in made["columns"]]

    pq.write_table(table.slice(0, 50), tmp_path / "part.parquet")
    again = (
        "seal",
        str(tmp_path / "part.parquet"),
        "--dataset",
        "customers",
        "-o",
        str(tmp_path / "part.sealed"),
    )
    part = lender(*again, "--json").json
    assert (part["rows"], part["schema_hash"]) == (50, made["schema_hash"])
    assert (part["file"], part["key"]) != (made["file"], made["key"])
