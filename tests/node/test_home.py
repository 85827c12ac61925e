"""The home folder: what init makes, and what start refuses."""

from __future__ import annotations

import contextlib
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie import tee
from coterie.client import Client
from coterie.crypto import Identity
from coterie.node import Home, Profile, api_door, init_node
from coterie.node.home import Platform, split_address
from tests.node.conftest import refused
from tests.ports import free_port


def start(home: Path) -> subprocess.CompletedProcess[str]:
    """Run the daemon in the hope that it refuses."""
    command = [sys.executable, "-c", "import sys; from coterie.cli import main; sys.exit(main())"]
    command += ["--home", str(home), "node", "start"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_init_makes_a_home_that_only_its_owner_reads(tmp_path: Path) -> None:
    home = init_node(tmp_path / "bank", "bank", listen="127.0.0.1:7300", address="bank.example:443")
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    for secret in ("token", "identity/key.pem", "identity/api-key.pem"):
        assert stat.S_IMODE((home.path / secret).stat().st_mode) == 0o600
    assert home.identity().name == "bank"
    assert (home.settings.listen_host, home.settings.listen_port) == ("127.0.0.1", 7300)
    door = api_door(home.path)
    assert door.url == "https://127.0.0.1:7300"
    assert door.token not in repr(door)
    with refused("CT-5001"):
        init_node(home.path, "bank")
    assert Identity.load(home.path).public == home.identity().public


@pytest.mark.parametrize(
    ("settings", "images"),
    [("", "/x/bank/tee/image"), ("{image: i}", "/x/bank/i"), ("{image: /y}", "/y")],
)
def test_images_lie_below_the_home_or_where_it_says(tmp_path: Path, settings: str, images: str) -> None:
    home = init_node(tmp_path / "bank", "bank")
    with (home.path / "node.yaml").open("a") as file:
        file.write(f"tee: {settings}\n" if settings else "")
    assert str(Home.open(home.path).images) == images.replace("/x", str(tmp_path))


def test_settings_know_every_platform_and_profile() -> None:
    assert get_args(Platform) == tee.PLATFORMS
    assert get_args(Profile) == get_args(tee.Profile)


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    with refused("CT-5003"):
        init_node(tmp_path / "a", "bank", listen="nowhere")
    with refused("CT-1106"):
        init_node(tmp_path / "b", "Bank")
    with refused("CT-5002"):
        Client(home=tmp_path / "c")
    home = init_node(tmp_path / "d", "bank")
    (home.path / "node.yaml").write_text("name: bank\nlisten: 127.0.0.1:7300\npatience: soon\n")
    with refused("CT-5003"):
        Home.open(home.path)
    (home.path / "node.yaml").write_text("name: bank\nlisten: 127.0.0.1:7300\nmemory: -1\n")
    with refused("CT-5003"):
        Home.open(home.path)
    (home.path / "node.yaml").write_text("name: bank\nlisten: 127.0.0.1:7300\nmemory: 5000000000\n")
    assert Home.open(home.path).settings.memory == 5 * 10**9
    with (home.path / "node.yaml").open("a") as file:
        file.write("tee: {platform: abacus}\n")
    with refused("CT-5003"):
        Home.open(home.path)
    (home.path / "node.yaml").write_text("name: [")
    with refused("CT-5003"):
        Home.open(home.path)


@pytest.mark.parametrize(
    "text", ["", "host", ":1", "host:", "host:0", "host:65536", "h h:1", "::1:7300", "[x]:1"]
)
def test_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|usable host|IPv6|address|octet|[Aa]t least"):
        split_address(text)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_addresses(ip: object, port: int) -> None:
    host = str(ip)
    text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if "%" not in host:
        assert split_address(text) == (host, port)


@pytest.mark.parametrize(
    ("mode", "handed_over", "taken"),
    [(0o600, False, True), (0o440, False, False), (0o440, True, True), (0o444, True, False)],
)
def test_the_password_of_the_store_is_its_owners_or_a_credential_of_systemds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, handed_over: bool, taken: bool
) -> None:
    secret = tmp_path / "credentials" / "store.password"
    secret.parent.mkdir()
    secret.write_text("open sesame\n")
    secret.chmod(mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secret.parent if handed_over else tmp_path))
    init_node(tmp_path / "home", "lender")
    with (tmp_path / "home" / "node.yaml").open("a") as settings:
        settings.write(f"store: postgresql://lender@localhost/db\nstore_password: {secret}\n")
    with contextlib.nullcontext() if taken else refused("CT-5009"):
        assert Home.open(tmp_path / "home").store_password() == "open sesame"


def test_a_port_that_is_taken_is_a_coded_error_and_a_status(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home = init_node(tmp_path / "bank", "bank", listen=f"127.0.0.1:{taken.getsockname()[1]}")
        ended = start(home.path)
    assert ended.returncode != 0
    assert "CT-1230" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout


def test_a_home_runs_once(tmp_path: Path) -> None:
    from coterie.node.home import HomeLock

    home = init_node(tmp_path / "bank", "bank", listen=f"127.0.0.1:{free_port()}")
    with HomeLock(home):
        ended = start(home.path)
    assert ended.returncode != 0
    assert "CT-5004" in ended.stderr + ended.stdout


def test_no_home_no_node(tmp_path: Path) -> None:
    ended = start(tmp_path / "nothing")
    assert ended.returncode != 0
    assert "CT-5002" in ended.stderr + ended.stdout
