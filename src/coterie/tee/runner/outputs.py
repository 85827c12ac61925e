"""The output gate: what leaves the runner, to whom, and how much of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from coterie.agreement import ResultKind
from coterie.crypto import PartyName
from coterie.errors import CoterieError
from coterie.tee.container.header import check_content_name
from coterie.tee.container.sealing import seal
from coterie.tee.container.wrapping import purpose, wrap_for_signer
from coterie.tee.documents.limits import Limits
from coterie.tee.documents.manifest import JobManifest, ManifestOutput
from coterie.tee.documents.receipt import ReceiptOutput
from coterie.tee.runner.errors import OUTPUT_REFUSED
from coterie.tee.runner.inputs import overwrite

PER_ROW: Final[frozenset[ResultKind]] = frozenset({"scores", "shap", "common_ids", "reasons"})
"""Kinds that list rows: that is what their receivers were granted. Every other kind is a statistic."""


@dataclass(frozen=True)
class Output:
    """What the work gives, in clear; it never leaves the runner so."""

    step: str
    kind: ResultKind
    name: str
    """As in the header of its container: ``party/dataset``, or a result's name."""
    content: bytes | memoryview = field(repr=False)
    rows: int | None = None
    """Fewest rows behind any number in it. None only for kinds that list rows."""
    to: tuple[PartyName, ...] | None = None
    """Who receives it, some of those that the manifest lists; None for all of them. Two outputs of one name
    go to different receivers."""

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return memoryview(self.content).nbytes


def gate(outputs: Iterable[Output], manifest: JobManifest, limits: Limits) -> list[Output]:
    """All outputs, or none: each is of a step and kind that the manifest lists, under a name that it may
    have, to receivers whom every grant names; together they are no more and no larger than is allowed; and
    no statistic is over fewer rows than every owner asks for. Outputs are taken one at a time, so that one
    too many is refused before more are made.

    Errors: CT-2295, which says nothing of the content but its length.
    """
    passed: list[Output] = []
    counts: dict[tuple[str, str], int] = {}
    sizes: dict[tuple[str, str], int] = {}
    for output in outputs:
        where = f"{output.kind} of step {output.step}"
        listed = _listed(output, manifest, limits, where)
        place = (output.step, output.kind)
        counts[place] = counts.get(place, 0) + 1
        sizes[place] = sizes.get(place, 0) + output.size
        most = min(listed.max_bytes, limits.outputs[output.kind].max_bytes)
        if counts[place] > listed.count:
            raise _refused(f"more than {listed.count} of {where}", output)
        if sizes[place] > most:
            raise _refused(f"{sizes[place]:,} bytes of {where}, where {most:,} are allowed", output)
        for one in passed:
            if one.name == output.name and set(_receivers(one, manifest)) & set(_receivers(output, manifest)):
                raise _refused(f"two of one name for one receiver, {where} among them", output)
        passed.append(output)
    return passed


def _listed(output: Output, manifest: JobManifest, limits: Limits, where: str) -> ManifestOutput:
    listed, granted = manifest.output(output.step, output.kind), limits.outputs.get(output.kind)
    if listed is None or granted is None:
        raise OUTPUT_REFUSED("a kind and step that are not listed")  # their names are the work's own words
    if output.to is not None and (not output.to or not set(output.to) <= set(listed.receivers)):
        raise _refused(f"{where} to others than the manifest lists", output)
    if not set(listed.receivers) <= set(granted.receivers):
        raise _refused(f"{where} to receivers whom not every grant names", output)
    try:
        check_content_name(output.name)
    except CoterieError as error:
        raise _refused(f"{where} under a name that is none", output) from error
    if listed.name is not None and output.name != listed.name:
        raise _refused(f"{where} under another name than {listed.name}", output)
    fewest = max(manifest.min_rows, limits.min_rows)
    if output.rows is None:
        if output.kind not in PER_ROW:
            raise _refused(f"{where} does not say how many rows are behind it", output)
    elif output.rows < fewest and output.kind not in PER_ROW:
        raise _refused(f"{where} is over fewer than {fewest} rows", output)
    return listed


def _receivers(output: Output, manifest: JobManifest) -> tuple[str, ...]:
    """Of an output that is listed, in the manifest's order."""
    listed = manifest.output(output.step, output.kind)
    assert listed is not None, "it has passed the gate"
    return tuple(name for name in listed.receivers if output.to is None or name in output.to)


def _refused(detail: str, output: Output) -> CoterieError:
    return OUTPUT_REFUSED(detail, step=output.step[:64])


def seal_output(
    output: Output, manifest: JobManifest, write: Callable[[bytes | memoryview], object]
) -> tuple[ReceiptOutput, list[bytes]]:
    """Seal one output under a fresh key: what the receipt says of it, and the key for each receiver, in
    their order, under the keys that the manifest has for them and nobody else.

    :param write: takes the container.
    """
    receivers = _receivers(output, manifest)
    sealed = seal(io.BytesIO(output.content), write, size=output.size, dataset=output.name)
    info = purpose(sealed.preamble)
    try:
        wrapped = [wrap_for_signer(sealed.key, name, manifest.keys[name], info) for name in receivers]
    finally:
        overwrite(sealed.key)
    described = ReceiptOutput(
        step=output.step,
        kind=output.kind,
        name=output.name,
        file=sealed.preamble.header.file_id.hex(),
        root=f"sha256:{sealed.root.hex()}",
        commitment=sealed.preamble.commitment.hex(),
        size=output.size,
        receivers=receivers,
    )
    return described, wrapped
