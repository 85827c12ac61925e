"""A party's daemon: one port, a REST API, peers, a store, the ledger, and a worker process for each job."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from .arrow import put_off_arrow
from .attempt_views import AttemptView
from .home import ApiDoor, Home, Profile, Settings, api_door, init_node
from .lookup_views import LookupTableView, LookupView
from .lost_views import DropoutsView, LostView
from .module_views import AgreedModuleView, ModuleView
from .observed_views import ReadyCheck, ReadyView
from .passphrase import read_secret_line
from .people.roles import UserRole
from .people.views import NewSession, ProviderView, RefusedCallView, SessionView, UserView
from .pipeline_views import PipelineView
from .privacy_views import PrivacyView
from .schema_views import CommonColumnView, SchemaOfferView, SchemaRunView
from .views import (
    AgreementState,
    AgreementView,
    ApprovalView,
    Check,
    ColumnView,
    ComponentView,
    DatasetView,
    DealingView,
    DepositView,
    DocumentView,
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
    SealedView,
    TapeView,
    TokenRole,
    TokenView,
    VersionView,
    WaitingView,
)
from .watching.pulses import awaited_parties
from .watching.views import StallView

if TYPE_CHECKING:
    from coterie.crypto import Identity
    from coterie.data import DatasetSpec
    from coterie.tee import DatasetRecord

    from .backup import Backup

__all__ = [
    "AgreedModuleView",
    "AgreementState",
    "AgreementView",
    "ApiDoor",
    "ApprovalView",
    "AttemptView",
    "Check",
    "ColumnView",
    "CommonColumnView",
    "ComponentView",
    "DatasetView",
    "DealingView",
    "DepositView",
    "DocumentView",
    "DropoutsView",
    "EntryView",
    "ErrorView",
    "HeadView",
    "HealthView",
    "Home",
    "IdentityView",
    "InvitationView",
    "JobState",
    "JobView",
    "LookupTableView",
    "LookupView",
    "LostView",
    "ModuleView",
    "NewSession",
    "NewToken",
    "ParticipantView",
    "PeerView",
    "PipelineView",
    "PlanView",
    "PrivacyView",
    "Profile",
    "ProviderView",
    "ReadyCheck",
    "ReadyView",
    "RefusedCallView",
    "ResultView",
    "RevocationView",
    "Role",
    "SchemaOfferView",
    "SchemaRunView",
    "SealedView",
    "SessionView",
    "Settings",
    "StallView",
    "TapeView",
    "TokenRole",
    "TokenView",
    "UserRole",
    "UserView",
    "VersionView",
    "WaitingView",
    "api_door",
    "awaited_parties",
    "backup_node",
    "init_node",
    "read_secret_line",
    "registered_dataset",
    "restore_node",
    "run_node",
    "seal_table",
]


def run_node(home: Path) -> None:
    """Run the daemon of ``home``, node or hub, until SIGTERM or SIGINT.

    :raises CoterieError: where it cannot start: CT-5002 to CT-5005, CT-1230 (port taken).
    """
    Home.open(home)
    gc.disable()  # nothing of what is imported goes again
    put_off_arrow()
    from .daemon import run  # the daemon's libraries are heavy, and clients import this door too

    gc.freeze()
    gc.enable()
    run(home)


def backup_node(home: Path, target: Path) -> Backup:
    """Write a home with its keys and its store into a new file (0600); its node may run meanwhile.

    :raises CoterieError: CT-5002 to CT-5009, CT-5027 where ``target`` is there, CT-1120 to CT-1122.
    """
    from .backup import backup  # the store's library is heavy

    return backup(home, target)


def restore_node(file: Path, home: Path, store: str | None = None, password: Path | None = None) -> Backup:
    """Make a home of a backup, where nothing is yet. Jobs that were not over have failed.

    :param store: as in node.yaml, where the store is to be elsewhere; ``password`` is a file then.
    :raises CoterieError: CT-5019, CT-5027 where something is there, CT-5003 to CT-5009, CT-1120 to CT-1122.
    """
    from .backup import restore

    return restore(file, home, store, password)


def registered_dataset(home: Path, name: str) -> DatasetSpec:
    """The description of a dataset that is registered in a home; its daemon may run or not.

    :raises CoterieError: CT-5002, CT-5003, CT-5005, CT-5031.
    """
    from .registered import registered_dataset as found  # the store's library is heavy

    return found(home, name)


def seal_table(home: Home, identity: Identity, spec: DatasetSpec, target: Path) -> DatasetRecord:
    """Check a table by its description, and seal its declared columns as Parquet; the key stays in the home.

    :raises CoterieError: what is wrong with the table, CT-1120, CT-1121, CT-2205, CT-2206, CT-2215.
    """
    from .sealing import seal_table as sealed  # loads Arrow

    return sealed(home, identity, spec, target)
