"""``coterie seal``, ``coterie open`` and ``coterie container``: data that others hold and cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel, ConfigDict

from coterie.crypto import Identity, digest, open_regular
from coterie.node import Home, registered_dataset, seal_table

from .errors import FILE_EXISTS
from .output import amount, facts, note, say, show, when
from .state import State, state_of

if TYPE_CHECKING:  # these load Arrow, which other commands do not need
    from coterie.data import DatasetSpec
    from coterie.tee import DatasetRecord

app = typer.Typer(no_args_is_help=True)

Container = Annotated[Path, typer.Argument(help="A sealed container.")]
Record = Annotated[
    Path | None, typer.Option(help="Its record, where that does not lie beside it as FILE.record.")
]


class ContainerView(BaseModel):
    """What a container says of itself."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    file: str
    size: int
    sealed_size: int
    chunks: int
    schema_hash: str | None
    key: str
    key_here: bool
    """Whether this home has the key."""


def seal(
    context: typer.Context,
    dataset: Annotated[str, typer.Option(help="A registered dataset; with --as-is, any name.")],
    file: Annotated[
        Path | None, typer.Argument(help="The table; where left out, the file that the dataset names.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The container; DATASET.sealed if left out.")
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Seal the file's bytes, whatever they are: no table, no schema.")
    ] = False,
) -> None:
    """Seal a dataset: whoever holds the container can check it and cannot read it.

    The table is checked by the dataset's description, and its declared columns are sealed as Parquet.

    The key stays in this node's home; the signed record lies beside the container. No daemon is needed.
    """
    state = state_of(context)
    target = (output or Path(f"{dataset}.sealed")).absolute()
    if target.exists():
        raise FILE_EXISTS(str(target))
    if as_is and file is None:
        raise typer.BadParameter("--as-is needs a FILE")
    made = _as_is(state, file, dataset, target) if as_is and file else _table(state, file, dataset, target)
    if show(state, made):
        return
    facts(
        f"{made.dataset} is sealed",
        (
            ("container", target),
            ("record", f"{target}.record"),
            ("key", f"{Home.open(state.home).keys / made.file}.json"),
            ("root", made.root),
            ("size", amount(made.size)),
            ("rows", made.rows),
            ("columns", len(made.columns) or None),
        ),
    )


def _as_is(state: State, file: Path, dataset: str, target: Path) -> DatasetRecord:
    from coterie.tee import KeyStore, seal_file

    home = Home.open(state.home)
    with open_regular(file) as source:
        size = source.seek(0, 2)
        source.seek(0)
        return seal_file(
            source, size, target, dataset=dataset, identity=home.identity(), keys=KeyStore(home.keys)
        )


def _table(state: State, file: Path | None, dataset: str, target: Path) -> DatasetRecord:
    home = Home.open(state.home)
    spec = registered_dataset(state.home, dataset)
    if file is not None:
        spec = _from(spec, file.absolute())
    return seal_table(home, home.identity(), spec, target)


def _from(spec: DatasetSpec, file: Path) -> DatasetSpec:
    """The description with another file for its source, read as what its name says."""
    from coterie.data import CsvSource, ParquetSource

    if file.suffix.lower() in (".parquet", ".pq"):
        return spec.model_copy(update={"source": ParquetSource(path=str(file))})
    known = spec.source if isinstance(spec.source, CsvSource) else CsvSource(path=str(file))
    return spec.model_copy(update={"source": known.model_copy(update={"path": str(file)})})


def open_container(
    context: typer.Context,
    file: Container,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the content goes.")],
    record: Record = None,
) -> None:
    """Open a container with the key in this home. The output appears when all of it was found right."""
    from coterie.tee import KeyStore, open_file

    state = state_of(context)
    home = Home.open(state.home)
    if output.exists():
        raise FILE_EXISTS(str(output))
    signed = _record(file, record)
    if signed is None:
        note("No record lies beside the container: that it is the one you mean, its key alone says.")
    else:
        signed.verify(Identity.public_of(home.path))
    root = None if signed is None else signed.root_bytes
    preamble = open_file(file, output.absolute(), KeyStore(home.keys).key, root=root)
    if not state.as_json:
        say(f"{preamble.header.dataset}: {amount(preamble.header.size)} in {output}")


def _record(container: Path, given: Path | None) -> DatasetRecord | None:
    from coterie.tee import read_record, record_path

    beside = record_path(container)
    if given is None and not beside.exists():
        return None
    return read_record(given or beside)


@app.command("show")
def show_container(context: typer.Context, file: Container, record: Record = None) -> None:
    """What a container and its record say. Nothing is opened, and only `verify` checks it."""
    from coterie.tee import KeyStore, peek

    state = state_of(context)
    preamble = peek(file)
    header = preamble.header
    view = ContainerView(
        dataset=header.dataset,
        file=header.file_id.hex(),
        size=header.size,
        sealed_size=preamble.file_size,
        chunks=header.chunks,
        schema_hash=None if header.schema is None else f"sha256:{header.schema.hex()}",
        key=preamble.commitment.hex(),
        key_here=KeyStore(state.home / "keys").has(preamble),
    )
    if show(state, view):
        return
    signed = _record(file, record)
    rows: list[tuple[str, object]] = [
        ("file", view.file),
        ("size", f"{amount(view.size)} in {view.chunks:,} chunks"),
        ("schema", view.schema_hash or "none: not a table"),
        ("key", "in this home" if view.key_here else "not in this home"),
    ]
    if signed is not None:
        rows += [
            ("record by", f"{signed.owner.name}, {when(signed.created)} UTC"),
            ("rows", signed.rows),
            ("columns", ", ".join(column.name for column in signed.columns)),
            ("root", signed.root),
        ]
    facts(header.dataset, rows)


@app.command("verify")
def verify_container(
    context: typer.Context,
    file: Container,
    record: Record = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(help="The owner's fingerprint, as `coterie node show` prints it: sha256: and hex."),
    ] = None,
) -> None:
    """Check every byte of a container against its owner's record. Needs no key and no home."""
    from coterie.tee import RECORD_OTHER, read_record, record_path, verify_file

    state = state_of(context)
    signed = read_record(record or record_path(file))
    signed.verify_own()
    owner = digest(bytes.fromhex(signed.owner.key))
    if fingerprint is not None and fingerprint != owner:
        raise RECORD_OTHER(f"it is signed by {owner}", party=signed.owner.name)
    verify_file(file, signed)
    if show(state, signed):
        return
    rows: list[tuple[str, object]] = [
        ("root", signed.root),
        ("size", amount(signed.size)),
        ("rows", signed.rows),
        ("owner", f"{signed.owner.name}, {owner}"),
    ]
    if fingerprint is None:
        rows.append(("note", "compare the owner's fingerprint with the party, or give --fingerprint"))
    facts(f"{signed.dataset}: every byte is its owner's", rows)
