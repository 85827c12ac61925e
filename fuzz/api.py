"""Feed a running node's REST API with what its description allows, and with what it does not.

python -m fuzz.api --examples 100 [--seed 7] [--only /jobs]

schemathesis makes calls from ``/v1/openapi.json``: valid ones, and ones that break it. Some are given names
that the node knows, and texts that it reads as YAML or JSON. Each is sent by nobody, by a stranger, by a
token of each role, and in the end by the owner. A finding is an answer of status 500, an answer that the
description does not allow, an error without code or next step, or a role that may do what it may not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

from coterie.client import Client
from coterie.node import api_door
from coterie.node.people.roles import OF_ROLE, OPEN, ROUTES

ROLES = ("reader", "analyst", "steward", "operator", "auditor")
CONFORMS = ("content_type_conformance", "response_headers_conformance", "response_schema_conformance")
FRAMEWORKS = frozenset(("CT-5010", "CT-5011", "CT-5012", "CT-5013", "CT-5014"))
"""What a call may be refused with before its role is looked at, or by it."""
CODES = frozenset(
    re.findall(r"CT-\d{4}", (Path(__file__).parents[1] / "docs" / "errors.md").read_text("utf-8"))
)
DEEP = "[" * 5000
TEXTS = (
    *(
        "",
        "\0",
        "- " * 3000,
        DEEP,
        "{" * 5000,
        "a: &a [*a]",
        "a: &a x\nb: [*a, *a]",
        "!!python/object:os.system x",
    ),
    *(
        '{"a": 1e999}',
        "1_000",
        "2026-01-01",
        "\ud7ff\ue000",
        "~",
        "? a",
        "%YAML 9.9\n---\na",
        "a: 1\na: 2",
        "x" * 70_000,
    ),
)


@dataclass
class Target:
    """A node, and what is known of it."""

    home: Path
    tokens: dict[str, str]
    known: dict[str, tuple[str, ...]]
    """Values of parameters in paths, and of fields of bodies, that the node does something with."""
    sent: Counter[int] = field(default_factory=Counter)
    """Calls by status."""

    def __post_init__(self) -> None:
        door = api_door(self.home)
        self.url = door.url
        self.session = requests.Session()
        self.session.trust_env = False  # a bundle of authorities in the environment would take precedence
        self.session.verify = str(self.home / "identity" / "api-cert.pem")
        answer = self.session.get(f"{self.url}/v1/openapi.json", timeout=10)
        self.schema = schemathesis.openapi.from_dict(answer.json())


def prepare(home: Path, client: Client) -> Target:
    """Give a node something to be asked for: tokens, a table, and where it has a peer, a draft.

    :param client: the owner's.
    """
    tokens = {role: client.create_token(role, role).secret for role in ROLES}  # type: ignore[arg-type]
    tokens = {"nobody": "", "stranger": "no token of this node", **tokens, "owner": api_door(home).token}
    data = home.parent / "data"
    data.mkdir()
    (data / "t.csv").write_text("id,x\na,1\nb,2\n")
    spare = client.create_token("spare").id
    client.add_dataset(TABLE, data)
    terms = TERMS.format(name=client.identity().name)
    drafts = [client.draft_agreement(terms)] if client.peers() else []
    agreements = tuple(name for draft in drafts for name in (draft.id, draft.name)) or ("credit",)
    invitation = client.invite()
    known = {
        "token": (spare, "home"),
        "name": ("table", *agreements, "alice"),
        "invitation": (invitation.id, str(invitation.text)),
        "reference": ("table@1", "last"),
        "run": ("last",),
        "agreement": agreements,
        "dataset": ("table",),
        "folder": (str(data), "/nowhere", "\0", "/" + "x" * 5000),
        "path": (str(data / "t.csv"), str(data), "/nowhere", "\0"),
        "container": (str(data / "t.csv"), "\0"),
        "spec": (TABLE.replace("table", "other"), JOB.format(agreement=agreements[0]), *TEXTS),
        "text": (terms.replace("credit", "other"), *TEXTS),
        **dict.fromkeys(("offer", "request", "source"), TEXTS),
    }
    return Target(home, tokens, known)


TABLE = """\
name: table
source: {kind: csv, path: t.csv}
columns: [{name: id, type: text, role: id}, {name: x, type: float}]
"""
TERMS = """\
name: credit
parties: [{name}, payments]
services: []
datasets:
  - {{name: table, owner: {name}, id: id, columns: [x]}}
  - {{name: behaviour, owner: payments, id: user, columns: [flow]}}
components: [{{name: align}}]
engines: [mpc]
results: [{{kind: common_ids, to: [{name}]}}]
min_rows: 1
not_before: "2026-01-01T00:00:00Z"
expires: "2096-01-01T00:00:00Z"
max_runs: 10
approval: {{{name}: automatic, payments: automatic}}
"""
JOB = "name: j\nagreement: {agreement}\nengine: mpc\ndatasets: {{lender: table}}\nsteps: [align]\n"


def operations(target: Target) -> Iterator[Any]:
    """All calls of the node, as schemathesis knows them."""
    for found in target.schema.get_all_operations():
        yield found.ok()


def attack(target: Target, operation: Any, examples: int, number: int, shrink: bool = False) -> None:
    """Send so many calls of one kind, each by everybody.

    :param number: the seed.
    :raises AssertionError: a finding.
    """
    mode = schemathesis.GenerationMode
    cases = st.one_of(*(operation.as_strategy(generation_mode=one) for one in (mode.POSITIVE, mode.NEGATIVE)))
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

    @seed(number)
    @settings(
        max_examples=examples,
        phases=phases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, choice=st.randoms(use_true_random=False))
    def each(case: Any, choice: Any) -> None:
        _name(target.known, case, choice.choice)
        for role, token in target.tokens.items():
            _send(target, case, role, token)

    each()


def _name(known: Mapping[str, tuple[str, ...]], case: Any, choose: Callable[[Any], Any]) -> None:
    """Put in place of some made-up values those that the node knows."""
    for values in (case.path_parameters, case.query, case.body):
        if not isinstance(values, dict):
            continue
        for name in values:
            if name in known and choose((True, True, False)):
                values[name] = choose(known[name])


def _send(target: Target, case: Any, role: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    case.headers.pop("Authorization", None)
    answer = case.call(
        base_url=target.url,
        session=target.session,
        headers=headers,
        timeout=60,
        verify=target.session.verify,
    )
    target.sent[answer.status_code] += 1
    about = f"{case.method} {case.formatted_path} by {role}: {answer.status_code} {answer.text[:300]}"
    route = (case.method, case.operation.full_path)
    if answer.status_code >= 400:
        _check_error(answer, about)
    elif answer.status_code != 200:
        raise AssertionError(about)
    if route in ROUTES and not any(ROUTES[route] in OF_ROLE[one] for one in _roles(role)):
        assert answer.status_code >= 400, about
        assert answer.json()["code"] in FRAMEWORKS, about
    if role in ("nobody", "stranger") and route not in OPEN and route in ROUTES:
        assert answer.status_code == 401, about
    case.validate_response(answer, checks=[CHECKS.get_one(name) for name in CONFORMS])


def _roles(role: str) -> tuple[str, ...]:
    return {"owner": ("admin",), "nobody": (), "stranger": ()}.get(role, (role,))


def _check_error(answer: Any, about: str) -> None:
    assert answer.status_code != 500, about
    if answer.headers.get("content-type", [""])[0].startswith("text/plain"):
        assert answer.status_code == 503, about  # /readyz
        return
    said = answer.json()
    assert said["code"] in CODES, about
    assert said["family"] != "Bug", about
    assert said["next_step"], about
    assert "Traceback" not in answer.text, about


def main() -> int:
    """Start a node, attack it, print what was found."""
    from tests.node.conftest import Daemon

    parser = argparse.ArgumentParser(description="Feed hostile calls to a node's REST API.")
    parser.add_argument("--examples", type=int, default=100, help="of each call; each is sent by everybody")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="calls whose path has this in it")
    wanted = parser.parse_args()
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        daemon, peer = Daemon(Path(folder) / "node"), Daemon(Path(folder) / "payments")
        with (daemon.home / "node.yaml").open("a") as file:
            file.write("people: {calls_at_once: 1000000, calls_per_second: 100000}\n")
        try:
            for one in (daemon, peer):
                one.start()
            for one in (daemon, peer):
                one.await_up()
            daemon.client.accept(str(peer.client.invite().text))
            target = prepare(daemon.home, daemon.client)
            for operation in operations(target):
                if wanted.only not in operation.full_path:
                    continue
                try:
                    attack(target, operation, wanted.examples, wanted.seed, shrink=True)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                    for one in getattr(error, "exceptions", (error,)):
                        findings.append(f"{operation.label}: {one}")
                        print(f"found: {findings[-1]}"[:1000], flush=True)
        finally:
            for one in (daemon, peer):
                one.client.close()
                one.stop()
    calls = ", ".join(f"{count} of {status}" for status, count in sorted(target.sent.items()))
    print(json.dumps({"calls": sum(target.sent.values()), "findings": len(findings)}), calls)
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
