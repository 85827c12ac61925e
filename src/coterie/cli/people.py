"""``coterie user``, ``coterie login`` and ``coterie logout``."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from coterie.client import Client
from coterie.errors import CoterieError
from coterie.node import Home, UserRole, api_door

from .browser import sign_in_by_browser
from .errors import NAME_OR_PROVIDER, NO_NODE_NAMED, NOT_SIGNED_IN
from .output import note, say, show, table, when
from .sessions import KeptSession, forget_session, keep_session, read_session
from .state import State, state_of

app = typer.Typer(no_args_is_help=True)


class RoleName(StrEnum):
    """A :data:`coterie.node.UserRole`, as an option that may be given several times."""

    ANALYST = "analyst"
    STEWARD = "steward"
    OPERATOR = "operator"
    AUDITOR = "auditor"


Name = Annotated[str, typer.Argument(help="The user's name: lower-case letters, digits, dots, hyphens.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password as a line of standard input.")
]
Roles = Annotated[
    list[RoleName],
    typer.Option(
        "--role",
        help="May be given several times. analyst: jobs and results; steward: agreements and approvals; "
        "operator: peers, data, tapes; auditor: ledger, plans, agreements.",
    ),
]


def _password(prompt: str, from_stdin: bool, *, twice: bool = False) -> str:
    if from_stdin:
        return sys.stdin.readline(2000).rstrip("\r\n")
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))


def _values(roles: list[RoleName]) -> list[UserRole]:
    return [one.value for one in roles]


def _owner(state: State) -> Client:
    """Users are the owner's business, whoever has signed in in the home."""
    return Client(home=state.home)


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Roles,
    password_stdin: FromStdin = False,
    oidc: Annotated[
        str | None,
        typer.Option(metavar="SUBJECT", help="Who it is to the identity provider, in place of a password."),
    ] = None,
) -> None:
    """Let a person in, with a password of 12 characters or more, or at the identity provider."""
    state = state_of(context)
    password = _password("Password", password_stdin, twice=True) if oidc is None else None
    with _owner(state) as client:
        made = client.add_user(name, _values(role), password, subject=oidc)
        fingerprint = client.identity().api_fingerprint
    if not show(state, made):
        say(f"{made.name} is {', '.join(made.roles)} here now.")
        who = made.name if oidc is None else "--oidc"
        note(f"Next: coterie login {who} --url {client.url} --fingerprint {fingerprint}")


@app.command("list")
def list_users(context: typer.Context) -> None:
    """All users, with their roles."""
    state = state_of(context)
    with _owner(state) as client:
        found = client.users()
    if not show(state, found):
        rows = [
            (
                one.name,
                ", ".join(one.roles),
                "disabled" if one.disabled else "",
                one.sessions,
                when(one.created),
            )
            for one in found
        ]
        table("Users", ("name", "roles", "|state", ">sessions", "|since (UTC)"), rows)


@app.command()
def roles(context: typer.Context, name: Name, role: Roles) -> None:
    """Give a user these roles in place of those before. They hold from the next call on."""
    state = state_of(context)
    with _owner(state) as client:
        made = client.set_roles(name, _values(role))
    if not show(state, made):
        say(f"{made.name} is {', '.join(made.roles)} here now.")


@app.command("password")
def password_of(context: typer.Context, name: Name, password_stdin: FromStdin = False) -> None:
    """Set a user's password. The user's sessions end."""
    state = state_of(context)
    password = _password("New password", password_stdin, twice=True)
    with _owner(state) as client:
        made = client.set_password(name, password)
    if not show(state, made):
        say(f"{made.name} has a new password, and signs in again.")


@app.command()
def disable(context: typer.Context, name: Name) -> None:
    """Let a user in no more. Open sessions end at once."""
    state = state_of(context)
    with _owner(state) as client:
        made = client.disable_user(name)
    if not show(state, made):
        say(f"{made.name} is not let in any more. Next: `coterie user enable {made.name}` undoes it.")


@app.command()
def enable(context: typer.Context, name: Name) -> None:
    """Let a disabled user in again."""
    state = state_of(context)
    with _owner(state) as client:
        made = client.enable_user(name)
    if not show(state, made):
        say(f"{made.name} may sign in again.")


@app.command()
def refused(
    context: typer.Context, limit: Annotated[int, typer.Option(help="At most so many lines.")] = 100
) -> None:
    """Calls that the node has refused: who, what, why, from where, how often. Auditors see it, too."""
    state = state_of(context)
    with state.client() as client:
        found = client.refused_calls(limit)
    if not show(state, found):
        rows = [(when(one.last), one.who, one.route, one.code, one.address, one.count) for one in found]
        table("Refused calls", ("|last (UTC)", "who", "call", "|code", "address", ">times"), rows)


def login(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The user's name; none with --oidc.")] = None,
    url: Annotated[str | None, typer.Option(help="The node's address: https://host:port.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="Of the node's API certificate, from `coterie node show`.")
    ] = None,
    password_stdin: FromStdin = False,
    oidc: Annotated[bool, typer.Option("--oidc", help="At the identity provider, by a browser.")] = False,
    browser: Annotated[bool, typer.Option(help="Open a browser, or only print the address.")] = True,
) -> None:
    """Sign in. Commands with this --home are then yours, until the session ends or `coterie logout`."""
    state = state_of(context)
    if (name is None) != oidc:
        raise NAME_OR_PROVIDER("neither is given" if name is None else "both are given")
    if url is None or fingerprint is None:
        kept = read_session(state.home)
        if kept is not None:
            url, fingerprint = url or kept.url, fingerprint or kept.fingerprint
        elif (state.home / "node.yaml").is_file():
            door = api_door(Home.open(state.home).path)
            url, fingerprint = url or door.url, fingerprint or door.fingerprint
        else:
            raise NO_NODE_NAMED(f"{state.home} is no node's home, and nobody has signed in here before")
    # No token is known yet; the call that needs none is the only one that is made.
    with Client(url, "none", fingerprint) as client:
        if name is None:
            made = sign_in_by_browser(client, opens=browser)
        else:
            made = client.sign_in(name, _password(f"Password of {name}", password_stdin))
    keep_session(
        state.home, KeptSession(url=url, fingerprint=fingerprint, name=made.name, secret=made.secret)
    )
    shown = made.model_copy(update={"secret": ""})
    if not show(state, shown):
        say(f"Signed in as {made.name} ({', '.join(made.roles)}) until {when(made.expires)} UTC.")


def logout(context: typer.Context) -> None:
    """End the session that was begun by `coterie login`, at the node and here."""
    state = state_of(context)
    kept = read_session(state.home)
    if kept is None:
        raise NOT_SIGNED_IN(str(state.home))
    try:
        with Client(kept.url, kept.secret, kept.fingerprint) as client:
            client.sign_out()
    except CoterieError as error:
        # Over already, or the node is away: then it ends by itself. Here it is forgotten in any case.
        note(f"The node did not take it: {error.code} {error.title}. The session ends by itself.")
    forget_session(state.home)
    say(f"{kept.name} is signed out.")
