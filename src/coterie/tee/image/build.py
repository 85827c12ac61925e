"""What a confidential virtual machine boots, made of the measured tree so that the same environment gives
the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from coterie.crypto import canonical, write_error
from coterie.tee.image.errors import IMAGE_FAILED, TOOL_MISSING
from coterie.tee.image.initrd import first_files
from coterie.tee.image.modules import modules_of
from coterie.tee.image.verity import append_tree
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.contents import LIBRARIES, RUNNER_MODULE, Contents
from coterie.tee.sandbox.image import make_image

IMAGE: Final = "image.erofs"
INITRD: Final = "initrd.cpio"
COMMAND_LINE: Final = "cmdline"
FILES: Final = "files.txt"
SUMMARY: Final = "image.json"

MOUNTS: Final = ("dev", "in", "proc", "sys", "tmp")
"""Empty folders beside the tree, where the machine has what is not in the image."""
_PROGRAM: Final = "mkfs.erofs"
_PATIENCE: Final = 600
_DRAFT: Final = "tree"

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class MachineImage(BaseModel):
    """What was made: ``image.json``, canonical JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal["coterie/machine-image/v1"] = "coterie/machine-image/v1"
    measurement: str
    """Of the tree, as a simulated platform attests it: SHA-384 of ``files.txt``, in hex."""
    verity_root: str
    """In hex. It stands in the command line."""
    blocks: int
    """Of 4096 bytes, without the tree of hashes behind them."""
    command_line: str
    image: Digest
    initrd: Digest


def make_machine_image(
    folder: Path, contents: Contents, modules: Path | None = None, append: str = ""
) -> MachineImage:
    """Write ``image.erofs``, ``initrd.cpio``, ``cmdline``, ``files.txt`` and ``image.json``.

    :param folder: not there yet. After an error it is not, either.
    :param modules: ``lib/modules/VERSION`` of the kernel; None for one that has everything built in.
    :param append: further words for the kernel's command line.

    Errors: CT-2300 without mkfs.erofs, CT-2301, CT-2302, CT-2288, CT-2289, CT-1120, CT-1121.
    """
    if shutil.which(_PROGRAM) is None:
        raise TOOL_MISSING(f"{_PROGRAM} is not found")
    loaded = [] if modules is None else modules_of(modules)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        return _make(folder, contents, loaded, append)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise write_error(folder, error) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _make(folder: Path, contents: Contents, modules: list[tuple[str, bytes]], append: str) -> MachineImage:
    tree = folder / _DRAFT
    make_image(tree, contents)
    measured = Sandbox(tree, RUNNER_MODULE).measure()
    for name in MOUNTS:
        (tree / name).mkdir()
    for place, _, _ in os.walk(tree):
        Path(place).chmod(0o755)  # whatever mask this process has: modes are in the image
    # Two images with one measurement of their tree are one image.
    identity = uuid.UUID(bytes=measured.measurement[:16], version=4)
    _file_system(tree, folder / IMAGE, identity)
    verity = append_tree(folder / IMAGE, identity.bytes)
    initrd = first_files(tree, modules)
    shutil.rmtree(tree)
    words = ["console=ttyS0", "panic=-1", f"LD_LIBRARY_PATH=/{LIBRARIES}"]
    words += [f"coterie.verity={verity.root.hex()},{verity.blocks}", *append.split()]
    with (folder / IMAGE).open("rb") as file:
        image = hashlib.file_digest(file, "sha256").hexdigest()
    made = MachineImage(
        measurement=measured.measurement.hex(),
        verity_root=verity.root.hex(),
        blocks=verity.blocks,
        command_line=" ".join(words),
        image=f"sha256:{image}",
        initrd=f"sha256:{hashlib.sha256(initrd).hexdigest()}",
    )
    (folder / INITRD).write_bytes(initrd)
    (folder / COMMAND_LINE).write_text(made.command_line, encoding="ascii")
    (folder / FILES).write_bytes(measured.listing)
    (folder / SUMMARY).write_bytes(canonical(made))
    return made


def _file_system(tree: Path, target: Path, identity: uuid.UUID) -> None:
    # No compression: its bytes depend on the compressor's version. The program sorts names by itself.
    command = [_PROGRAM, "-T0", f"-U{identity}", "--all-root", "-x-1", "--quiet", str(target), str(tree)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise IMAGE_FAILED(f"{_PROGRAM} did not end") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise IMAGE_FAILED(f"{_PROGRAM}: {words[-1][:200] if words else done.returncode}")
