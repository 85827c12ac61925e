"""``coterie audit``: check a ledger, or an attested run, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from coterie.crypto import read_at_most
from coterie.ledger import Report, verify
from coterie.node import Profile

from .output import facts, show, table, when
from .state import State, state_of

if TYPE_CHECKING:  # it loads Arrow and the verifiers, which other commands do not need
    from coterie.jobs import Replay, RunRecord

app = typer.Typer(no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Keep ``verify`` a command of its own: there will be others beside it."""


@app.command("verify")
def verify_path(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            help="A ledger's folder, such as HOME/ledger, or a copy of it; or the record of an attested run, "
            "which every participant has among the job's results as run/record.json."
        ),
    ],
    peer: Annotated[
        list[Path] | None,
        typer.Option(
            "--peer", help="Of a ledger: another party's; what it countersigned is held against this one."
        ),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            help="Of a ledger: the party's fingerprint, as `coterie node show` prints it: sha256: and hex."
        ),
    ] = None,
    ledger: Annotated[
        list[Path] | None,
        typer.Option(
            "--ledger", help="Of a run: a participant's ledger, for its word on grant, release, receipt."
        ),
    ] = None,
    sealed: Annotated[
        Path | None,
        typer.Option(help="Of a run: the folder with the sealed results, such as the host's results/run."),
    ] = None,
    endorsements: Annotated[
        list[Path] | None,
        typer.Option(help="Of a run: an owner's HOME/tee/endorsements, where the record has none."),
    ] = None,
    profile: Annotated[
        Profile, typer.Option(help="Of a run: production counts no simulated platform.")
    ] = "development",
) -> None:
    """Check a ledger: every entry's hash, order and signature, and what peers countersigned. Or replay an
    attested run: agreement, manifest, grants, evidence with the endorsements of that time, receipt, sealed
    results. No node is needed.

    Exit status 1 where anything does not hold. Give --peer or --fingerprint with a ledger: one that was made
    anew as a whole, with another key, can be told from a true one only by them.
    """
    state = state_of(context)
    if path.is_file():
        from coterie.jobs import replay
        from coterie.tee import Roots

        found = replay(
            _record(path),
            Roots(profile=profile),
            ledgers=ledger or [],
            sealed=sealed,
            endorsements=endorsements or [],
        )
        _show_run(state, found)
        raise typer.Exit(0 if found.ok else 1)
    report = verify(path, peers=peer or [], fingerprint=fingerprint)
    if not show(state, report):
        _print(path, report, compared=bool(peer or fingerprint))
    if not report.ok:
        raise typer.Exit(1)


def _record(path: Path) -> RunRecord:
    from coterie.jobs import RECORD_LIMIT, RunRecord

    return RunRecord.parse(read_at_most(path, RECORD_LIMIT))


def _show_run(state: State, found: Replay) -> None:
    if show(state, found):
        return
    verdict = Text("holds", "green") if found.ok else Text("does NOT hold", "bold red")
    title = Text.assemble((f"Attested run of “{found.title}”", "bold"), "   ", verdict)
    simulated = found.assurance == "simulated"
    rows: list[tuple[str, object]] = [
        ("run", found.run),
        ("job", found.job),
        ("agreement", found.agreement),
        ("host", found.host),
        ("platform", f"{', '.join(found.platforms)}: SIMULATED, proves nothing of the machine")
        if simulated
        else ("platform", ", ".join(found.platforms)),
        ("time", f"{when(found.started)} to {when(found.finished)} UTC, by the host's clock"),
        *(("note", note) for note in found.notes),
    ]
    facts(title, rows)
    checks = [
        (Text("ok", "green") if one.ok else Text("NO", "bold red"), one.what, one.detail)
        for one in found.checks
    ]
    table("Checks", ("|", "|what", "found"), checks, apart=True)


def _print(directory: Path, report: Report, *, compared: bool) -> None:
    verdict = Text("in order", "green") if report.ok else Text("NOT in order", "bold red")
    title = Text.assemble((f"Ledger of {report.party or 'nobody known'}", "bold"), "   ", verdict)
    covered = [f"{name}, up to entry {last:,}" for name, last in sorted(report.countersigned.items())]
    rows = [
        ("folder", directory),
        ("entries", f"{report.entries:,}, each signed, and chained to the one before"),
        ("fingerprint", report.fingerprint),
        ("countersigned by", "\n".join(covered) or "nobody"),
        *(("note", remark) for remark in report.notes),
    ]
    if not compared:
        rows.append(("note", "compare the fingerprint with the party, or give --fingerprint or --peer"))
    facts(title, rows)
    if report.findings:
        found = [(one.entry, one.line, one.kind, one.detail) for one in report.findings]
        table("Damage", (">entry", ">line", "|damage", "what"), found, apart=True)
