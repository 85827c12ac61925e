"""A party's daemon: one port, a REST API, peers, a store, the ledger, and a worker process for each job."""

from __future__ import annotations

from pathlib import Path

from .home import ApiDoor, Home, Settings, api_door, init_node
from .views import (
    AgreementState,
    AgreementView,
    ApprovalView,
    Check,
    ColumnView,
    ComponentView,
    DatasetView,
    DealingView,
    EntryView,
    ErrorView,
    HeadView,
    HealthView,
    IdentityView,
    InvitationView,
    JobState,
    JobView,
    NewToken,
    ParticipantView,
    PeerView,
    PlanView,
    ResultView,
    RevocationView,
    Role,
    TapeView,
    TokenRole,
    TokenView,
    VersionView,
    WaitingView,
)

__all__ = [
    "AgreementState",
    "AgreementView",
    "ApiDoor",
    "ApprovalView",
    "Check",
    "ColumnView",
    "ComponentView",
    "DatasetView",
    "DealingView",
    "EntryView",
    "ErrorView",
    "HeadView",
    "HealthView",
    "Home",
    "IdentityView",
    "InvitationView",
    "JobState",
    "JobView",
    "NewToken",
    "ParticipantView",
    "PeerView",
    "PlanView",
    "ResultView",
    "RevocationView",
    "Role",
    "Settings",
    "TapeView",
    "TokenRole",
    "TokenView",
    "VersionView",
    "WaitingView",
    "api_door",
    "init_node",
    "run_node",
]


def run_node(home: Path) -> None:
    """Run the daemon of ``home``, node or hub, until SIGTERM or SIGINT.

    :raises CoterieError: where it cannot start: CT-5002 to CT-5005, CT-1230 (port taken).
    """
    Home.open(home)
    from .daemon import run  # the daemon's libraries are heavy, and clients import this door too

    run(home)
