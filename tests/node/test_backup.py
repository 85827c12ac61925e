"""A node is put back from its backup, into a file or a database, and goes on."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.client import Client
from coterie.ledger import read_entries, verify
from coterie.node import backup_node, restore_node
from tests.data.postgres import Postgres, cluster

from .conftest import Daemon, Trio, ended, refused

PASSWORD = "kept-to-itself"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    yield from cluster(PASSWORD)


@pytest.fixture(scope="module")
def made(trio: Trio, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A backup of the lender, who runs, and the job that it has done; another one is not over."""
    agreement = trio.agree(engines="[clear]")
    spec = trio.job(agreement, "[align]").replace("engine: mpc", "engine: clear")
    spec = spec.replace(", payments: behaviour", "")
    job = trio.lender.client.submit(spec).id
    assert ended(trio.lender.client, job).state == "done"
    file = tmp_path_factory.mktemp("backup") / "lender.tar"
    backup_node(trio.lender.home, file)
    return file, job


def test_a_node_goes_on_where_its_backup_was_made(trio: Trio, made: tuple[Path, str], tmp_path: Path) -> None:
    file, job = made
    assert file.stat().st_mode & 0o777 == 0o600
    with refused("CT-5027"):
        backup_node(trio.lender.home, file)
    with tarfile.open(file) as archive:
        names = archive.getnames()
    left_out = ("lock", "node.log", "tapes/", "unfinished/", "invitations/", "store.sqlite-")
    assert [name for name in names if name.startswith(left_out)] == []
    with refused("CT-5027"):
        restore_node(file, trio.lender.home)

    home = tmp_path / "again"
    told = restore_node(file, home)
    report = verify(home / "ledger")
    assert report.ok, report
    assert report.entries == told.entries + 1
    (repair,) = read_entries(home / "ledger", "repair")
    assert repair.body["made"] == told.made
    assert [path for path in home.rglob("*") if path.is_dir() and path.stat().st_mode & 0o077] == []
    wanted = trio.lender.client
    _check(_daemon(home, trio), wanted, job)


def test_a_node_moves_into_a_database(
    trio: Trio, made: tuple[Path, str], tmp_path: Path, server: Postgres
) -> None:
    file, job = made
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    url = f"postgresql://owner@127.0.0.1:{server.port}/postgres"
    home = tmp_path / "again"
    restore_node(file, home, url, secret)
    assert not (home / "store.sqlite").exists()
    daemon = _daemon(home, trio)
    _check(daemon, trio.lender.client, job)
    assert PASSWORD not in (home / "node.log").read_text() + (home / "console.log").read_text()
    with refused("CT-5027"):
        restore_node(file, tmp_path / "more", url, secret)
    assert not (tmp_path / "more").exists()

    out = tmp_path / "from-database.tar"
    backup_node(home, out)
    back = tmp_path / "back"
    restore_node(out, back, "sqlite")
    for kind in ("peers", "agreements", "jobs", "results", "tokens", "datasets", "outbox"):
        question = f"SELECT * FROM {kind} ORDER BY 1, 2"
        with sqlite3.connect(back / "store.sqlite") as one, sqlite3.connect(":memory:") as two:
            with tarfile.open(file) as archive:
                found = archive.extractfile("store.sqlite")
                assert found is not None
                (tmp_path / "first.sqlite").write_bytes(found.read())
            two.execute(f"ATTACH '{tmp_path}/first.sqlite' AS first")
            count = two.execute(f"SELECT count(*) FROM first.{kind}").fetchone()
            assert len(one.execute(question).fetchall()) == count[0], kind


def test_folders_on_another_disk_are_in_the_backup(made: tuple[Path, str], tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    restore_node(made[0], home)
    (home / "jobs").rename(elsewhere)
    (home / "jobs").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "round").symlink_to(elsewhere, target_is_directory=True)
    backup_node(home, tmp_path / "again")
    names = []
    for file in (made[0], tmp_path / "again"):
        with tarfile.open(file) as archive:
            names.append({name for name in archive.getnames() if name.startswith("jobs/")})
    assert names[0] == names[1] != set()


def test_what_is_no_backup_is_refused(made: tuple[Path, str], tmp_path: Path) -> None:
    whole = made[0].read_bytes()
    changed = bytearray(whole)
    changed[whole.index(b'"hash"')] ^= 1  # within the ledger
    for name, content in (("cut", whole[: len(whole) // 2]), ("changed", bytes(changed)), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with refused("CT-5019"):
            restore_node(tmp_path / name, tmp_path / "home")
        assert sorted(path.name for path in tmp_path.iterdir()) == [name]
        (tmp_path / name).unlink()
    outside = tmp_path / "outside"
    with tarfile.open(outside, "w") as archive:
        about = tarfile.TarInfo("../escaped")
        about.size = 1
        archive.addfile(about, io.BytesIO(b"x"))
    with refused("CT-5019"):
        restore_node(outside, tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def _daemon(home: Path, trio: Trio) -> Daemon:
    """The node of a home that was put back, at a port of its own: the one it was copied of still runs."""
    from tests.ports import free_port

    address = f"127.0.0.1:{free_port()}"
    text = (home / "node.yaml").read_text().replace(trio.lender.address, address)
    (home / "node.yaml").write_text(text)
    made = Daemon.__new__(Daemon)
    made.home, made.name, made.address, made.client = home, "lender", address, Client(home=home)
    made.process, made.stopping = None, False
    return made


def _check(daemon: Daemon, wanted: Client, job: str) -> None:
    try:
        daemon.start()
        daemon.await_up()
        assert {one.name for one in daemon.client.peers()} == {one.name for one in wanted.peers()}
        assert {one.id for one in daemon.client.agreements()} <= {one.id for one in wanted.agreements()}
        assert daemon.client.job(job).agreement in {one.id for one in daemon.client.agreements()}
        assert daemon.client.job(job).state == "done"
        assert all(one.over for one in daemon.client.jobs())
    finally:
        daemon.client.close()
        if daemon.process is not None:
            assert daemon.stop() == 0
