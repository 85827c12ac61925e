"""``coterie evidence``: look at what a platform says of itself, and check it, offline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.text import Text

from coterie.crypto import now, parse_timestamp

from .errors import FILE_MISSING, FILE_TOO_LARGE
from .output import facts, show, table
from .state import state_of

if TYPE_CHECKING:  # these load Arrow and the verifiers, which other commands do not need
    from coterie.tee import Appraisal, Claims, Endorsements, Evidence, Statements

app = typer.Typer(no_args_is_help=True)

LARGEST = 8 * 1024 * 1024

File = Annotated[Path, typer.Argument(help="Evidence: a document, or with --type what a platform gave.")]
Kind = Annotated[
    str | None,
    typer.Option("--type", help="The file is a bare quote, report or document: sgx, tdx, snp, nitro."),
]


@app.command("show")
def show_evidence(context: typer.Context, file: File, kind: Kind = None) -> None:
    """What evidence says of itself. Nothing is verified: anybody can write such a file."""
    from coterie.tee import state_evidence

    state = state_of(context)
    evidence = _evidence(file, kind)
    said = state_evidence(evidence)
    if not show(state, said):
        facts(Text.assemble((f"{_title(said)}   ", "bold"), ("NOT verified", "bold yellow")), _rows(said))


@app.command("verify")
def verify_file(
    context: typer.Context,
    file: File,
    kind: Kind = None,
    endorsements: Annotated[
        list[Path] | None,
        typer.Option(
            help="Certificates, revocation lists (PEM, DER), Intel's collateral (JSON). May be repeated."
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The time to verify for, as in 2026-11-22T20:00:00Z; now if not given.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Reference values, YAML or JSON: is the platform good enough?")
    ] = None,
    report_data: Annotated[
        str | None, typer.Option(help="The 64 bytes that the evidence must be bound to, in hex.")
    ] = None,
    job: Annotated[
        str | None, typer.Option(help="The job's digest that it must be started for, in hex.")
    ] = None,
    tpm_key: Annotated[
        list[str] | None, typer.Option(help="Trust a TPM's attestation key: SHA-256 of it, in hex.")
    ] = None,
    simulated_root: Annotated[
        list[str] | None, typer.Option(help="Trust a simulated root: SHA-256 of its key, in hex.")
    ] = None,
) -> None:
    """Verify evidence up to the vendor's pinned root, and hold it against reference values. No network is
    used.

    Exit status 1 where it does not verify, or where the reference values refuse it. Without --reference
    only the vendor's part is checked: that such a platform made it, not that it runs the right code.
    """
    from coterie.tee import ReferenceValues, Roots, appraise, verify_evidence

    state = state_of(context)
    evidence = _evidence(file, kind)
    roots = Roots(
        profile="development" if simulated_root else "production",
        tpm_keys=frozenset(tpm_key or ()),
        simulated=frozenset(simulated_root or ()),
    )
    values = ReferenceValues.load(reference) if reference is not None else None
    claims = verify_evidence(evidence, _endorsements(evidence, endorsements or []), _time(at), roots)
    if values is None:
        if not show(state, claims):
            _print(claims, None)
        return
    appraisal = appraise(claims, values, report_data=_hex(report_data, 64), job=_hex(job, 32))
    if not show(state, [claims, appraisal]):
        _print(claims, appraisal)
    if not appraisal.accepted:
        raise typer.Exit(1)


def _print(claims: Claims, appraisal: Appraisal | None) -> None:
    facts(
        Text.assemble((f"{_title(claims)}   ", "bold"), ("verified", "green")),
        [*_rows(claims), *_endorsed(claims)],
    )
    if appraisal is None:
        return
    verdict = Text("accepted", "green") if appraisal.accepted else Text("REFUSED", "bold red")
    colours = {"passed": "green", "failed": "bold red", "skipped": "yellow"}
    rows = [
        (check.name, Text(check.outcome, colours[check.outcome]), check.reason) for check in appraisal.checks
    ]
    table(
        Text.assemble(("By the reference values: ", "bold"), verdict),
        ("|check", "|", "why"),
        rows,
        apart=True,
    )


def _title(said: Statements) -> str:
    names = {
        "sgx": "Intel SGX",
        "tdx": "Intel TDX",
        "snp": "AMD SEV-SNP",
        "nitro": "AWS Nitro",
        "tpm": "TPM 2.0",
    }
    name = names.get(said.type, f"{said.type} (SIMULATED)")
    return f"{name} {said.product or ''}".strip()


def _rows(said: Statements) -> list[tuple[str, object]]:
    measured = "\n".join(f"{name}: {value}" for name, value in said.measurements.items() if value.strip("0"))
    zero = ", ".join(name for name, value in said.measurements.items() if not value.strip("0"))
    svns = {name: value for name, value in said.svns.items() if "." not in name}
    known = {True: "ON: the host can look inside", False: "off", None: None}
    return [
        ("assurance", said.assurance),
        ("measurements", measured),
        ("all zero", zero),
        ("report data", said.report_data),
        ("bound at launch", said.launch_bound),
        ("debug", known[said.debug]),
        ("migration", {True: "allowed", False: "off", None: None}[said.migratable]),
        ("versions", ", ".join(f"{name} {value}" for name, value in svns.items())),
        ("chip", said.chip_id),
        ("VMPL", None if said.vmpl is None else str(said.vmpl)),
        ("platform", ", ".join(_bit(name, value) for name, value in said.policy.items())),
        ("made at", said.made_at),
        ("body", said.body),
    ]


def _bit(name: str, value: bool | int) -> str:
    return f"{name} {'yes' if value else 'no'}" if isinstance(value, bool) else f"{name} {value}"


def _endorsed(claims: Claims) -> list[tuple[str, object]]:
    return [
        ("root", claims.root),
        ("at", claims.verified_at),
        ("TCB status", claims.tcb_status),
        ("advisories", ", ".join(claims.advisories)),
        ("revocation", claims.revocation),
        ("valid until", claims.valid_until),
    ]


def _evidence(file: Path, kind: str | None) -> Evidence:
    from coterie.tee import EvidenceType, read_evidence

    types = get_args(EvidenceType)
    if kind is not None and kind not in types:
        raise typer.BadParameter(f"types are {', '.join(types)}")
    return read_evidence(_read(file), kind)  # type: ignore[arg-type]


def _endorsements(evidence: Evidence, files: list[Path]) -> Endorsements:
    from coterie.tee import Endorsements, certificate_table, read_endorsements

    if not files:
        return certificate_table(evidence) or Endorsements(type=evidence.type)
    return read_endorsements(evidence.type, [_read(file) for file in files])


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise FILE_MISSING(f"{path}: {error.strerror}") from error
    if len(content) > LARGEST:
        raise FILE_TOO_LARGE(f"{path}: more than {LARGEST:,} bytes")
    return content


def _time(text: str | None) -> datetime:
    return now() if text is None else parse_timestamp(text)


def _hex(text: str | None, size: int) -> bytes | None:
    if text is None:
        return None
    try:
        value = bytes.fromhex(text.removeprefix("sha256:"))
    except ValueError:
        value = b""
    if len(value) != size:
        raise typer.BadParameter(f"'{text[:20]}' is not {size} bytes in hex")
    return value
