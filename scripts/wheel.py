"""Build the wheel so that whoever builds the same commit with the same compiler gets the same bytes.

python -m scripts.wheel                 build/dist/coterie-….whl of the last commit, and its digest
python -m scripts.wheel --reproduce     build the last commit twice, in other folders, with another folder of
                                        cargo's, at another time, under other settings, and compare

What would differ is taken out of the build: times are those of the commit (SOURCE_DATE_EPOCH), paths of the
checkout and of cargo's folder are replaced in what the compilers write, and the caller's flags are not heard.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "dist"
UNHEARD = (
    *("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_INCREMENTAL"),
    *("CFLAGS", "CXXFLAGS", "LDFLAGS", "MATURIN_PEP517_ARGS", "VIRTUAL_ENV", "CARGO_TARGET_DIR"),
)
"""Settings of the caller's environment that would change the crate's code."""


def last_commit() -> str:
    """Its name: what is committed while a build runs is not part of it."""
    command = ["git", "-C", ROOT, "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def committed(commit: str = "HEAD") -> str:
    """Seconds since 1970 of a commit, which stand for the time of the build."""
    command = ["git", "-C", ROOT, "show", "--no-patch", "--format=%ct", commit]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def build(source: Path, out: Path, epoch: str, given: Mapping[str, str]) -> Path:
    """The wheel of a checkout.

    :param epoch: seconds since 1970, for whatever has a time in it.
    :param given: the environment to build in.
    """
    source = source.resolve()
    environment = {name: value for name, value in given.items() if name not in UNHEARD}
    cargo = Path(environment.get("CARGO_HOME", Path.home() / ".cargo")).absolute()
    paths = {str(source): "/coterie", str(cargo): "/cargo"}
    environment |= {
        "SOURCE_DATE_EPOCH": epoch,
        "CARGO_INCREMENTAL": "0",
        "CFLAGS": " ".join(f"-ffile-prefix-map={old}={new}" for old, new in paths.items()),
        "LC_ALL": "C",
        "TZ": "UTC",
    }
    # Cargo joins flags of tables that fit; RUSTFLAGS would take the place of those in .cargo/config.toml.
    flags = ", ".join(f"'--remap-path-prefix={old}={new}'" for old, new in paths.items())
    crates = source / "build" / "sbom" / "kernels.cdx.json"
    bill = [sys.executable, "-m", "scripts.sbom", crates, "--kernels"]
    subprocess.run(bill, cwd=source, env=environment, check=True, stdout=subprocess.DEVNULL)
    command: list[str | Path] = [sys.executable, "-m", "maturin", "build", "--release", "--locked", "--quiet"]
    command += [
        "--interpreter",
        sys.executable,
        "--out",
        out,
        "--target-dir",
        source / "build" / "reproducible",
    ]
    command += ["--sbom-include", crates]
    command += ["--config", f"target.'cfg(all())'.rustflags = [{flags}]"]
    before = os.umask(0o022)  # the wheel has the files' rights
    try:
        subprocess.run(command, cwd=source, env=environment, check=True)
    finally:
        os.umask(before)
    return max(out.glob("coterie-*.whl"), key=lambda path: path.stat().st_mtime)


def digest(path: Path) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def differences(first: Path, second: Path) -> list[str]:
    """Members of two wheels that are not the same."""
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
        names = sorted({*one.namelist(), *other.namelist()})
        return [
            name
            for name in names
            if name not in one.namelist()
            or name not in other.namelist()
            or one.read(name) != other.read(name)
        ]


def unpack(commit: str, folder: Path) -> Path:
    """The files of a commit, without git."""
    command = ["git", "-C", ROOT, "archive", commit]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def reproduce() -> int:
    """Build twice, and print both digests."""
    commit = last_commit()
    epoch = committed(commit)
    print(f"commit {commit}", flush=True)
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory(prefix="a-longer-name-") as other:
        elsewhere = Path(other) / "cargo"
        elsewhere.mkdir()
        for entry in home.iterdir():
            (elsewhere / entry.name).symlink_to(entry)
        different = {
            "CARGO_HOME": str(elsewhere),
            "TZ": "Asia/Shanghai",
            "LC_ALL": "C.UTF-8",
            "RUSTFLAGS": "-g",
        }
        first = build(unpack(commit, Path(one) / "a"), Path(one) / "out", epoch, os.environ)
        print(f"{digest(first)}  {first.name}", flush=True)
        second = build(
            unpack(commit, Path(other) / "deeper" / "b"),
            Path(other) / "out",
            epoch,
            {**os.environ, **different},
        )
        print(f"{digest(second)}  {second.name}")
        same = first.name == second.name and digest(first) == digest(second)
        print(
            "the same bytes"
            if same
            else f"different: {', '.join(differences(first, second)) or 'the archive'}"
        )
    return int(not same)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build once, or twice and compare."""
    parser = argparse.ArgumentParser(description="Build a reproducible wheel.")
    parser.add_argument("--reproduce", action="store_true", help="build twice and compare")
    if parser.parse_args(arguments).reproduce:
        return reproduce()
    with tempfile.TemporaryDirectory() as folder:  # what lies about in a checkout is no part of it
        commit = last_commit()
        made = build(unpack(commit, Path(folder) / "coterie"), OUT, committed(commit), os.environ)
    print(f"{digest(made)}  {made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
