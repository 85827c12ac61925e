"""The command that starts a process inside the walls: bubblewrap (bwrap(1)) and what it shows.

Own namespaces of every kind, so no network but an empty one, no processes but its own, no users; no
capabilities; nothing of the environment; the image and the inputs read-only; devices ``null`` and
``urandom``; a scratch folder in memory, of limited size.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coterie.tee.sandbox.confine import INPUTS, SCRATCH, WITHOUT_LANDLOCK
from coterie.tee.sandbox.contents import LIBRARIES, PYTHON, START
from coterie.tee.sandbox.errors import IMAGE_STRANGE, SANDBOX_MISSING
from coterie.tee.sandbox.limits import RunLimits
from coterie.tee.sandbox.measure import Measured, measure

PROGRAM: Final = "bwrap"
NOBODY: Final = "65534"
_TOP: Final = frozenset({"coterie", "lib", "lib64"})
"""What an image may hold at its root: the rest of the sandbox is made by its command."""

ENVIRONMENT: Final = {
    "HOME": str(SCRATCH),
    "JOBLIB_MULTIPROCESSING": "0",  # there are no further processes: it need not find out with a warning
    "LC_ALL": "C.UTF-8",
    "LD_LIBRARY_PATH": f"/{LIBRARIES}",
    "TMPDIR": str(SCRATCH),
    "TZ": "UTC",
}


@dataclass(frozen=True)
class Sandbox:
    """What runs: an image, and a module in it whose ``main`` is called."""

    image: Path
    module: str
    landlock: bool = True
    """False: also on a kernel without Landlock. It changes the measurement."""

    @property
    def environment(self) -> dict[str, str]:
        """All variables that the process gets."""
        return ENVIRONMENT if self.landlock else {**ENVIRONMENT, WITHOUT_LANDLOCK: "1"}

    @property
    def run(self) -> list[str]:
        """The command inside. ``-I``: no environment, no user's folders; ``-S``: no site; ``-B``: no bytecode
        is written.
        """
        return [f"/{PYTHON}", "-I", "-S", "-B", "-X", "utf8", f"/{START}", self.module]

    def measure(self) -> Measured:
        """Everything that is executed, really read. Errors: CT-2289."""
        return measure(self.image, self.run, self.environment)

    def command(self, inputs: Sequence[Path], limits: RunLimits) -> list[str]:
        """The whole command. Input number n is shown as ``/in/n``. Errors: CT-2285, CT-2289.

        Start it in a session of its own, so that it has no terminal: nothing inside leaves the session's
        process group, and killing the group ends all of it at any moment.
        """
        environment = tuple(self.environment.items())
        shown: list[tuple[Path, str]] = []
        for top in sorted(path.name for path in self.image.iterdir()):
            if top not in _TOP:
                raise IMAGE_STRANGE(f"/{top}")
            shown.append((self.image / top, f"/{top}"))
        shown += [(path.resolve(), str(INPUTS / str(number))) for number, path in enumerate(inputs)]
        return [*walls(shown, environment, limits), *self.run, *limits.arguments()]


def walls(
    shown: Sequence[tuple[Path, str]],
    environment: Sequence[tuple[str, str]],
    limits: RunLimits,
    links: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """Bubblewrap's words, up to the command inside, which follows them.

    :param shown: files and folders, and where they are inside; read-only.
    :param environment: all variables that the process gets.
    :param links: symbolic links inside: what they say, and where they are.

    Errors: CT-2285.
    """
    made = [bubblewrap(), "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"]
    made += ["--cap-drop", "ALL", "--uid", NOBODY, "--gid", NOBODY]
    made += ["--hostname", "runner", "--clearenv"]
    for name, value in environment:
        made += ["--setenv", name, value]
    made += ["--proc", "/proc", "--dev-bind", "/dev/null", "/dev/null"]
    made += ["--dev-bind", "/dev/urandom", "/dev/urandom"]
    made += ["--size", str(limits.scratch), "--tmpfs", str(SCRATCH), "--dir", str(INPUTS)]
    for path, place in shown:
        made += ["--ro-bind", str(path), place]
    for says, place in links:
        made += ["--symlink", says, place]
    return [*made, "--remount-ro", "/", "--chdir", "/", "--"]


def bubblewrap() -> str:
    """Where the program is. Errors: CT-2285."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise SANDBOX_MISSING("the program bwrap is not found")
    return program
