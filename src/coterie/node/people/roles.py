"""Who may do what: the permissions of each role, and the permission that each call of the API needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = [
    "NAMED_ROLES",
    "OF_ROLE",
    "OPEN",
    "ROUTES",
    "Permission",
    "Principal",
    "UserRole",
    "permitted",
]

UserRole = Literal["analyst", "steward", "operator", "auditor"]

NAMED_ROLES: tuple[UserRole, ...] = get_args(UserRole)

Permission = Literal[
    "own session",
    "look",
    "read agreements",
    "read plans",
    "read ledger",
    "read refused calls",
    "look after node",
    "read metrics",
    "run jobs",
    "read results",
    "ask lookups",
    "agree",
    "approve jobs",
    "share",
    "peers",
    "data",
    "tapes",
    "people",
]

_ALL: frozenset[Permission] = frozenset(get_args(Permission))
_READS: frozenset[Permission] = frozenset(
    ("own session", "look", "read agreements", "read plans", "read ledger", "look after node", "read metrics")
)

OF_ROLE: Mapping[str, frozenset[Permission]] = {
    "analyst": frozenset(
        ("own session", "look", "read agreements", "read plans", "run jobs", "read results", "ask lookups")
    ),
    "steward": frozenset(
        (
            "own session",
            "look",
            "read agreements",
            "read plans",
            "read ledger",
            "agree",
            "approve jobs",
            "share",
        )
    ),
    "operator": _READS | {"peers", "data", "tapes"},
    "auditor": frozenset(
        ("own session", "read agreements", "read plans", "read ledger", "read refused calls")
    ),
    # Of tokens alone: programs that watch, and the owner of the home.
    "reader": _READS,
    "monitor": frozenset(("read metrics",)),
    "admin": _ALL,
}
"""No role but the owner's looks after people: an operator could else become a steward by itself."""

ROUTES: Mapping[tuple[str, str], Permission] = {
    ("GET", "/metrics"): "read metrics",
    ("GET", "/v1/version"): "own session",
    ("GET", "/v1/identity"): "own session",
    ("GET", "/v1/session"): "own session",
    ("DELETE", "/v1/session"): "own session",
    ("POST", "/v1/session/password"): "own session",
    ("GET", "/v1/components"): "look",
    ("GET", "/v1/doctor"): "look after node",
    ("GET", "/v1/ready"): "look after node",
    ("GET", "/v1/tokens"): "people",
    ("POST", "/v1/tokens"): "people",
    ("DELETE", "/v1/tokens/{token}"): "people",
    ("GET", "/v1/users"): "people",
    ("POST", "/v1/users"): "people",
    ("POST", "/v1/users/{name}/roles"): "people",
    ("POST", "/v1/users/{name}/password"): "people",
    ("POST", "/v1/users/{name}/disable"): "people",
    ("POST", "/v1/users/{name}/enable"): "people",
    ("GET", "/v1/refused"): "read refused calls",
    ("GET", "/v1/invitations"): "peers",
    ("POST", "/v1/invitations"): "peers",
    ("DELETE", "/v1/invitations/{invitation}"): "peers",
    ("GET", "/v1/peers"): "look",
    ("POST", "/v1/peers"): "peers",
    ("DELETE", "/v1/peers/{name}"): "peers",
    ("POST", "/v1/peers/{name}/revoke"): "peers",
    ("GET", "/v1/datasets"): "look",
    ("POST", "/v1/datasets"): "data",
    ("GET", "/v1/datasets/{name}"): "look",
    ("POST", "/v1/datasets/{name}/refresh"): "data",
    ("DELETE", "/v1/datasets/{name}"): "data",
    ("GET", "/v1/sealed"): "look after node",
    ("POST", "/v1/sealed"): "data",
    ("DELETE", "/v1/sealed/{file}"): "data",
    ("GET", "/v1/ledger"): "read ledger",
    ("GET", "/v1/ledger/head"): "read ledger",
    ("GET", "/v1/agreements"): "read agreements",
    ("POST", "/v1/agreements"): "agree",
    ("GET", "/v1/agreements/{name}"): "read agreements",
    ("GET", "/v1/agreements/{name}/modules"): "read agreements",
    ("POST", "/v1/agreements/{name}/offer"): "agree",
    ("POST", "/v1/agreements/{name}/sign"): "agree",
    ("POST", "/v1/agreements/{name}/sync"): "agree",
    ("POST", "/v1/agreements/{name}/revoke"): "agree",
    ("GET", "/v1/modules"): "look",
    ("POST", "/v1/modules"): "share",
    ("GET", "/v1/modules/{reference}"): "look",
    ("GET", "/v1/jobs"): "look",
    ("POST", "/v1/jobs"): "run jobs",
    ("POST", "/v1/jobs/preview"): "run jobs",
    ("GET", "/v1/jobs/{job}"): "look",
    ("GET", "/v1/jobs/{job}/plan"): "read plans",
    ("POST", "/v1/jobs/{job}/approve"): "approve jobs",
    ("POST", "/v1/jobs/{job}/refuse"): "approve jobs",
    ("POST", "/v1/jobs/{job}/again"): "run jobs",
    ("POST", "/v1/jobs/{job}/cancel"): "run jobs",
    ("GET", "/v1/jobs/{job}/results"): "look",
    ("GET", "/v1/jobs/{job}/results/{name}"): "read results",
    ("GET", "/v1/jobs/{job}/stages/{stage}"): "look after node",
    ("GET", "/v1/pipelines"): "look",
    ("GET", "/v1/pipelines/{reference}"): "look",
    ("DELETE", "/v1/pipelines/{reference}"): "share",
    ("GET", "/v1/tapes"): "look after node",
    ("POST", "/v1/tapes"): "tapes",
    ("POST", "/v1/dealings"): "tapes",
    ("GET", "/v1/dealings/{dealing}"): "look after node",
    ("POST", "/v1/dealings/{dealing}/cancel"): "tapes",
    ("GET", "/v1/lookups/tables"): "look",
    ("POST", "/v1/lookups/prepare"): "data",
    ("POST", "/v1/lookups/tables"): "data",
    ("POST", "/v1/lookups/remove"): "data",
    ("POST", "/v1/lookups/ask"): "ask lookups",
    ("GET", "/v1/schemas/offers"): "look",
    ("POST", "/v1/schemas/offers"): "share",
    ("POST", "/v1/schemas/withdraw"): "share",
    ("POST", "/v1/schemas/common"): "share",
    ("GET", "/v1/schemas/runs"): "look",
    ("GET", "/v1/schemas/runs/{run}"): "look",
    ("POST", "/v1/keeper/challenges"): "share",
    ("POST", "/v1/keeper/deposits"): "share",
    ("POST", "/v1/keeper/deposits/{deposit}/withdraw"): "share",
}
"""By method and path. A call that is not here is nobody's, the owner's neither."""

OPEN: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/v1/health"),
        ("POST", "/v1/session"),
        ("GET", "/v1/session/oidc"),
        ("POST", "/v1/session/oidc"),
    }
)
"""Calls that need no token: whether the node is up, and signing in."""


@dataclass(frozen=True)
class Principal:
    """Who calls."""

    key: str
    """Of the token or session: what calls are counted under."""
    label: str
    """As people read it: ``owner``, ``user alice``, ``token score team``."""
    roles: tuple[str, ...]
    user: str | None = None
    """The name of a user who has signed in."""

    def may(self, permission: Permission) -> bool:
        """Whether one of the roles permits it."""
        return permitted(self.roles, permission)


def permitted(roles: Iterable[str], permission: Permission) -> bool:
    """Whether one of the roles permits it."""
    return any(permission in OF_ROLE[role] for role in roles)
