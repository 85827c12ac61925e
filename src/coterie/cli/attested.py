"""``coterie tee``: what attested code measures here, and images of machines that run it."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel, ConfigDict

from coterie.crypto import now, write_error
from coterie.errors import CoterieError
from coterie.node import Home

from . import keepers
from .errors import FILE_EXISTS
from .output import amount, facts, note, say, show
from .state import State, state_of

if TYPE_CHECKING:  # these load Arrow and the verifiers, which other commands do not need
    from coterie.tee import Platform, Sandbox, SnpLaunch

app = typer.Typer(no_args_is_help=True)
app.add_typer(keepers.app, name="keeper", help="A key keeper on this machine, for owners who are offline.")

SIMULATED: tuple[Platform, ...] = ("sim", "swtpm")
REFERENCE = "reference-snp.yaml"


class Part(StrEnum):
    """What attested code is measured for."""

    runner = "runner"
    dealer = "dealer"
    keeper = "keeper"


class MeasureView(BaseModel):
    """What is executed here, and how platforms say so."""

    model_config = ConfigDict(frozen=True)

    image: Path
    part: Part
    measurement: str
    """SHA-384 of the list of files, in hex."""
    measurements: dict[str, list[dict[str, str]]]
    """For an agreement."""
    simulated_roots: list[str]
    """For an agreement: that of this home."""
    files: int
    listing: str | None
    """The list, where it was asked for."""


@app.command()
def measure(
    context: typer.Context,
    part: Annotated[
        Part, typer.Option("--part", help="The runner of jobs, the attested dealer, or the keeper of keys.")
    ] = Part.runner,
    image: Annotated[
        Path | None, typer.Option(help="Folder of images, where that is not the one of this node.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="The list of all measured files.")] = False,
) -> None:
    """What attested code measures on this machine, as lines for an agreement.

    The image that is measured is the one that this node's runs use; it is made if it is out of date. Owners
    who have the same version of everything compute the same. No daemon is needed.
    """
    from coterie.tee import SimulatedHome, expected_measurements

    state = state_of(context)
    home = Home.open(state.home)
    release = home.settings.tee.release if image is None and part is Part.runner else None
    sandbox = _sandbox(part, image or home.images, release)
    measured = sandbox.measure()
    view = MeasureView(
        image=sandbox.image,
        part=part,
        measurement=measured.measurement.hex(),
        measurements={kind: [expected_measurements(kind, measured.measurement)] for kind in SIMULATED},
        simulated_roots=[SimulatedHome(home.tee / "simulated", now()).pin],
        files=measured.listing.count(b"\nfile "),
        listing=measured.listing.decode() if listed else None,
    )
    if show(state, view):
        return
    if view.listing is not None:
        typer.echo(view.listing, nl=False)
        return
    note(f"{view.files:,} files in {view.image}; --list shows what is measured")
    typer.echo(_terms(view))


def _terms(view: MeasureView) -> str:
    """The lines for an agreement."""
    lines = ["measurements:"]
    for kind, sets in view.measurements.items():
        lines.append(f"  {kind}:")
        for one in sets:
            lines.append("    - {" + ", ".join(f'{name}: "{value}"' for name, value in one.items()) + "}")
    lines.append("simulated_roots: [" + ", ".join(f'"{pin}"' for pin in view.simulated_roots) + "]")
    return "\n".join(lines)


def _sandbox(part: Part, folder: Path, release: Path | None) -> Sandbox:
    from coterie.jobs import DEALER_MODULE
    from coterie.tee import KEEPER_MODULE, RUNNER_MODULE, Sandbox, ensure_image

    modules = {Part.runner: RUNNER_MODULE, Part.dealer: DEALER_MODULE, Part.keeper: KEEPER_MODULE}
    try:
        return Sandbox(release or ensure_image(folder), modules[part])
    except OSError as error:
        raise write_error(folder, error) from error


class ImageView(BaseModel):
    """What ``coterie tee image`` has made."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    measurement: str
    verity_root: str
    command_line: str
    image: str
    initrd: str
    snp: str | None
    """Launch digest, in hex."""


@app.command()
def image(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder that is not there yet.")],
    modules: Annotated[
        Path | None,
        typer.Option(help="lib/modules/VERSION of the kernel; left out for one that has all built in."),
    ] = None,
    append: Annotated[str, typer.Option(help="Further words for the kernel's command line.")] = "",
    ovmf: Annotated[
        Path | None, typer.Option(help="Firmware for SEV-SNP: its launch digest is computed.")
    ] = None,
    kernel: Annotated[Path | None, typer.Option(help="The kernel, with --ovmf.")] = None,
    vcpus: Annotated[int, typer.Option(min=1, max=512, help="Processors of the machine.")] = 4,
    vcpu_type: Annotated[str, typer.Option(help="QEMU's word for the processor.")] = "EPYC-Milan",
    features: Annotated[
        int, typer.Option(min=1, help="SEV_FEATURES of the machine; 1 is SNP and nothing else.")
    ] = 1,
) -> None:
    """Make what a confidential virtual machine boots to run jobs.

    A file system whose every block is checked, the first program, which sees to that, and the kernel's
    command line. The same environment gives the same bytes. Needs mkfs.erofs.

    With --ovmf and --kernel, also the launch digest of SEV-SNP and a file of reference values.
    """
    from coterie.tee import Contents, SnpLaunch, make_machine_image

    state = state_of(context)
    if (ovmf is None) != (kernel is None):
        raise typer.BadParameter("--ovmf and --kernel go together")
    target = output.absolute()
    if target.exists():
        raise FILE_EXISTS(str(target))
    made = make_machine_image(target, Contents(), modules, append)
    digest = None
    if ovmf is not None and kernel is not None:
        initrd = target / "initrd.cpio"
        launch = SnpLaunch(ovmf, kernel, initrd, made.command_line, vcpus, vcpu_type, features)
        try:
            digest = _reference(target, launch)
        except CoterieError:
            shutil.rmtree(target)  # half of what was asked for would be in the way of the next attempt
            raise
    fields = made.model_dump(exclude={"version", "blocks"})
    _print_image(state, ImageView(folder=target, snp=None if digest is None else digest.hex(), **fields))


def _reference(folder: Path, launch: SnpLaunch) -> bytes:
    from coterie.tee import launch_digest, snp_reference_values

    digest = launch_digest(launch)
    path = folder / REFERENCE
    try:
        path.write_text(snp_reference_values(digest, launch), encoding="ascii")
    except OSError as error:
        raise write_error(path, error) from error
    return digest


def _print_image(state: State, view: ImageView) -> None:
    if show(state, view):
        return
    facts(
        "The image is made",
        (
            ("folder", view.folder),
            ("size", amount((view.folder / "image.erofs").stat().st_size)),
            ("image", view.image),
            ("initrd", view.initrd),
            ("tree", view.measurement),
            ("SNP launch digest", view.snp),
        ),
    )
    say("The command line, which is in the file cmdline:")
    typer.echo(view.command_line)
