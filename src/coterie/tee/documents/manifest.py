"""The job manifest: all that one attested run is. Its digest is put into the platform at launch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from coterie.agreement import ResultKind
from coterie.crypto import PartyName
from coterie.data import ColumnName, IdNames, Many, id_names
from coterie.tee.documents.base import (
    DOCUMENT_LIMIT,
    ContentName,
    Count,
    JobId,
    KeyHex,
    Size,
    StepName,
    Time,
    make,
    read,
    repeated,
)
from coterie.tee.documents.errors import MANIFEST_INVALID
from coterie.tee.evidence.binding import Sha256
from coterie.tee.evidence.model import ASSURANCE, Assurance, Document
from coterie.tee.evidence.reference import Measurements


class ManifestStep(Document):
    """A step of the job."""

    name: StepName
    component: StepName
    params: Annotated[dict[StepName, JsonValue], Field(max_length=1000)]
    """Every parameter with the value that it has."""


class ManifestDataset(Document):
    """What the job uses of one owner's sealed data."""

    owner: PartyName
    dataset: ContentName
    """``owner/name``, as in the record."""
    record: Sha256
    """Digest of the data-set record."""
    id: IdNames
    columns: Annotated[Many[ColumnName], Field(max_length=10_000)]
    """Features, in model order."""
    label: ColumnName | None
    rows: Size


class ManifestOutput(Document):
    """What one step may let out of one kind. What is not listed does not leave the runner."""

    step: StepName
    kind: ResultKind
    name: ContentName | None = None
    """The only name that it may have; None leaves it to the step."""
    receivers: Annotated[Many[PartyName], Field(min_length=1, max_length=64)]
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    """Most outputs."""
    max_bytes: Count
    """Most bytes of plaintext of all of them together."""


class JobManifest(Document):
    """One job in one kind of environment. It is not signed: grants name its digest."""

    version: Literal["coterie/manifest/v1"] = "coterie/manifest/v1"
    job: JobId
    agreement: Sha256
    plan: Sha256
    steps: Annotated[Many[ManifestStep], Field(min_length=1, max_length=100)]
    datasets: Annotated[Many[ManifestDataset], Field(min_length=1, max_length=16)]
    """At most one of each owner."""
    outputs: Annotated[Many[ManifestOutput], Field(min_length=1, max_length=1000)]
    min_rows: Count
    """Fewest rows behind any released statistic."""
    keys: Annotated[dict[PartyName, KeyHex], Field(max_length=64)]
    """Ed25519 keys of owners, receivers and host, and of nobody else."""
    host: PartyName
    """Who runs the machine. It is trusted with nothing."""
    assurance: Assurance
    measurements: Measurements
    """The code that may run, by type of platform."""
    created: Time

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose data it uses, in order."""
        return tuple(dataset.owner for dataset in self.datasets)

    @property
    def digest_bytes(self) -> bytes:
        """32 bytes, for the launch-bound field."""
        return bytes.fromhex(self.digest.removeprefix("sha256:"))

    def dataset(self, owner: str) -> ManifestDataset | None:
        """What is used of ``owner``."""
        return next((dataset for dataset in self.datasets if dataset.owner == owner), None)

    def output(self, step: str, kind: str) -> ManifestOutput | None:
        """What ``step`` may let out of ``kind``."""
        return next((output for output in self.outputs if (output.step, output.kind) == (step, kind)), None)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> JobManifest:
        """A manifest of its fields. Errors: CT-2270."""
        return make(cls, MANIFEST_INVALID, fields)

    @classmethod
    def parse(cls, data: bytes) -> JobManifest:
        """Read a manifest of at most 4 MiB, in canonical form. Errors: CT-2270."""
        return read(cls, data, DOCUMENT_LIMIT, MANIFEST_INVALID)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (name := repeated(tuple(step.name for step in self.steps))) is not None:
            raise ValueError(f"steps: two are named '{name}'")
        if (name := repeated(self.owners)) is not None:
            raise ValueError(f"datasets: two are of '{name}'")
        for dataset in self.datasets:
            _check_dataset(dataset)
        self._check_outputs()
        self._check_keys()
        if not any(self.measurements.values()):
            raise ValueError("measurements: there are none, so no code may run")
        for kind in self.measurements:
            if ASSURANCE[kind] != self.assurance:
                raise ValueError(f"measurements: {kind} is never {self.assurance}")
        return self

    def _check_outputs(self) -> None:
        steps = {step.name for step in self.steps}
        for output in self.outputs:
            if output.step not in steps:
                raise ValueError(f"outputs: there is no step '{output.step}'")
            if (name := repeated(output.receivers)) is not None:
                raise ValueError(f"outputs: '{name}' receives twice")
        if (name := repeated(tuple(f"{output.step}: {output.kind}" for output in self.outputs))) is not None:
            raise ValueError(f"outputs: '{name}' is listed twice")

    def _check_keys(self) -> None:
        receivers = {party for output in self.outputs for party in output.receivers}
        if odd := sorted({*self.owners, *receivers, self.host} ^ set(self.keys)):
            raise ValueError(f"keys: '{odd[0]}' has none, or no part in the job")
        if repeated(tuple(self.keys.values())) is not None:
            raise ValueError("keys: two parties have the same")


def _check_dataset(dataset: ManifestDataset) -> None:
    if not dataset.dataset.startswith(f"{dataset.owner}/"):
        raise ValueError(f"datasets: '{dataset.dataset}' is not one of {dataset.owner}")
    label = () if dataset.label is None else (dataset.label,)
    if (name := repeated((*id_names(dataset.id), *dataset.columns, *label))) is not None:
        raise ValueError(f"datasets: column '{name}' is named twice")
