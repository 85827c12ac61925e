"""What the demo needs for its run in a trusted execution environment.

The environment is SIMULATED: everything is done as on real hardware, but the machine that signs the evidence
is a program on this computer. A software TPM is taken where there is one, else a key.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

import servers
import yaml

from coterie.errors import CoterieError
from coterie.tee import Platform, attester_for

PLATFORM_NAMES = {"sim": "a signing key", "swtpm": "a software TPM"}


def why_not() -> str | None:
    """Why there can be no such run here; None if there can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)"
    walls = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(walls, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"this system lets nobody make a sandbox: {tried.stderr.strip()[:200]}"
    return None


def platform() -> Platform:
    """The simulated platform: ``swtpm`` where a software TPM starts and answers here, else ``sim``."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            attester = attester_for("swtpm", Path(folder), bytes(48), bytes(32))
        except CoterieError:
            return "sim"
        attester.close()  # type: ignore[attr-defined]
    return "swtpm"


def settle(host: Path, kind: Platform, images: Path) -> None:
    """Write into the host's ``node.yaml`` on which platform it runs jobs, and where it keeps images."""
    with (host / "node.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"tee: {{platform: {kind}, image: {images}}}\n")


def measured(host: Path, terms: str) -> str:
    """The terms, which end in a section ``tee``, with the code that the host runs and the root of its
    simulated platform. Makes the runner's image if it is out of date, and removes older ones: each change
    of the environment makes another.
    """
    command = [str(servers.COTERIE), "--home", str(host), "--json", "tee", "measure"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise servers.StartError(told.stderr.strip())
    found = json.loads(told.stdout)
    image = Path(found["image"])
    for old in image.parent.iterdir():
        if old != image:
            shutil.rmtree(old)
    section = {name: found[name] for name in ("measurements", "simulated_roots")}
    return terms + textwrap.indent(yaml.safe_dump(section), "  ")


def without(terms: str) -> str:
    """The terms without the section ``tee``: then no job of that engine runs."""
    return terms[: terms.index("\ntee:") + 1]
