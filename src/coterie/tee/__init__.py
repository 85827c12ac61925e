"""Attested execution: sealed containers, evidence, and the release of keys to code that is proven to run."""

from coterie.tee.container.chunks import root_of
from coterie.tee.container.errors import KEY_MISSING, RECORD_OTHER, UPLOAD_BUSY
from coterie.tee.container.files import open_file, peek, record_path, seal_file, verify_file
from coterie.tee.container.header import Header, Preamble, check_content_name, read_preamble, sealed_at_most
from coterie.tee.container.keystore import KeyStore
from coterie.tee.container.opening import OpenContainer, open_in_memory, open_stream
from coterie.tee.container.pieces import PIECE_LIMIT, Sender, as_ranges, upload_bytes
from coterie.tee.container.receiving import Receiver
from coterie.tee.container.record import DatasetRecord, parse_record, read_record, schema_digest, sign_record
from coterie.tee.container.sealing import Sealed, seal
from coterie.tee.container.wrapping import (
    RunnerKey,
    purpose,
    unwrap_at_party,
    wrap_for_party,
    wrap_for_runner,
    wrap_for_signer,
)
from coterie.tee.dealing.binding import DealingBinding, DealingOrder, DealingSubject, DealtFile, TapeEvidence
from coterie.tee.dealing.check import ExpectedDealing, check_dealing
from coterie.tee.dealing.errors import DEALING_REFUSED, EVIDENCE_ABSENT, OTHER_DEALING
from coterie.tee.dealing.inside import DealingTask, serve_dealing
from coterie.tee.dealing.session import deal_attested
from coterie.tee.documents.base import read as read_document
from coterie.tee.documents.derive import grant_for, grant_within, manifest_refusals, require_tee
from coterie.tee.documents.exchange import (
    MESSAGE_LIMIT,
    Challenge,
    Checkpoint,
    LoggedGrant,
    Release,
    ReleaseRequest,
    release_info,
)
from coterie.tee.documents.grant import Grant, GrantedOutput, Partner
from coterie.tee.documents.grants import GrantRefusal, Verdict, grants_root, judge
from coterie.tee.documents.limits import Limits, OutputLimit, inherited, meet_policies
from coterie.tee.documents.manifest import JobManifest, ManifestDataset, ManifestOutput, ManifestStep
from coterie.tee.documents.receipt import Receipt, ReceiptInput, ReceiptKey, ReceiptOutput, Resources
from coterie.tee.evidence.appraise import Appraisal, Check, appraise
from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.gramine import GramineAttester
from coterie.tee.evidence.attest.home import SimulatedHome
from coterie.tee.evidence.attest.nitro import NitroAttester
from coterie.tee.evidence.attest.platforms import PLATFORMS, Platform, attester_for, expected_measurements
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.attest.swtpm import SwtpmAttester
from coterie.tee.evidence.attest.tsm import TsmAttester
from coterie.tee.evidence.binding import ReportBinding, launched, reported
from coterie.tee.evidence.errors import NONCE_REFUSED, SIMULATED_REFUSED
from coterie.tee.evidence.files import certificate_table, read_endorsements, read_evidence
from coterie.tee.evidence.model import Assurance, Claims, Endorsements, Evidence, EvidenceType, Statements
from coterie.tee.evidence.nonces import NonceBook
from coterie.tee.evidence.reference import PlatformPolicy, ReferenceValues
from coterie.tee.evidence.roots import Profile, Roots
from coterie.tee.evidence.store import EndorsementStore, archived_endorsements
from coterie.tee.evidence.verify import state as state_evidence
from coterie.tee.evidence.verify import verify as verify_evidence
from coterie.tee.image.build import MachineImage, make_machine_image
from coterie.tee.image.machine import Machine, OwnPlatform
from coterie.tee.image.snp import SnpLaunch, launch_digest
from coterie.tee.image.snp import reference_values as snp_reference_values
from coterie.tee.keeper.deposit import Deposit
from coterie.tee.keeper.documents import NAME as KEEPER
from coterie.tee.keeper.documents import (
    Collect,
    Collected,
    KeeperChallenge,
    KeeperOffer,
    KeeperStatement,
    Withdrawal,
)
from coterie.tee.keeper.host import Keeper, KeeperStore
from coterie.tee.keeper.inside import MODULE as KEEPER_MODULE
from coterie.tee.keeper.provider import Collection, Depositor
from coterie.tee.keeper.questions import KeeperQuestions
from coterie.tee.keeper.relay import KeptKey, KeptRelay
from coterie.tee.keeper.service import KeeperAt, KeeperService
from coterie.tee.release.case import Case
from coterie.tee.release.counters import FileCounters
from coterie.tee.release.receipts import Proof, check_receipt
from coterie.tee.release.releaser import Releaser, ReleaserNode
from coterie.tee.runner.errors import RUNNER_CANCELLED
from coterie.tee.runner.inputs import OpenedDataset
from coterie.tee.runner.inside import Progress, Task, Work, serve
from coterie.tee.runner.outputs import PER_ROW, Output
from coterie.tee.runner.records import Channel, Closed
from coterie.tee.runner.session import Attest, AttestedRun, Relay, SealedOutput, run_attested
from coterie.tee.sandbox.command import Sandbox, bubblewrap
from coterie.tee.sandbox.contents import BASE as IMAGE_BASE
from coterie.tee.sandbox.contents import LEARNERS as IMAGE_LEARNERS
from coterie.tee.sandbox.contents import RUNNER_MODULE, Contents
from coterie.tee.sandbox.image import ensure_image, make_image
from coterie.tee.sandbox.installed import installed_command
from coterie.tee.sandbox.limits import RunLimits
from coterie.tee.sandbox.measure import Measured
from coterie.tee.sandbox.process import WalledProcess

__all__ = [
    "DEALING_REFUSED",
    "EVIDENCE_ABSENT",
    "IMAGE_BASE",
    "IMAGE_LEARNERS",
    "KEEPER",
    "KEEPER_MODULE",
    "KEY_MISSING",
    "MESSAGE_LIMIT",
    "NONCE_REFUSED",
    "OTHER_DEALING",
    "PER_ROW",
    "PIECE_LIMIT",
    "PLATFORMS",
    "RECORD_OTHER",
    "RUNNER_CANCELLED",
    "RUNNER_MODULE",
    "SIMULATED_REFUSED",
    "UPLOAD_BUSY",
    "Appraisal",
    "Assurance",
    "Attest",
    "AttestedRun",
    "Attester",
    "Case",
    "Challenge",
    "Channel",
    "Check",
    "Checkpoint",
    "Claims",
    "Closed",
    "Collect",
    "Collected",
    "Collection",
    "Contents",
    "DatasetRecord",
    "DealingBinding",
    "DealingOrder",
    "DealingSubject",
    "DealingTask",
    "DealtFile",
    "Deposit",
    "Depositor",
    "EndorsementStore",
    "Endorsements",
    "Evidence",
    "EvidenceType",
    "ExpectedDealing",
    "FileCounters",
    "GramineAttester",
    "Grant",
    "GrantRefusal",
    "GrantedOutput",
    "Header",
    "JobManifest",
    "Keeper",
    "KeeperAt",
    "KeeperChallenge",
    "KeeperOffer",
    "KeeperQuestions",
    "KeeperService",
    "KeeperStatement",
    "KeeperStore",
    "KeptKey",
    "KeptRelay",
    "KeyStore",
    "Limits",
    "LoggedGrant",
    "Machine",
    "MachineImage",
    "ManifestDataset",
    "ManifestOutput",
    "ManifestStep",
    "Measured",
    "NitroAttester",
    "NonceBook",
    "OpenContainer",
    "OpenedDataset",
    "Output",
    "OutputLimit",
    "OwnPlatform",
    "Partner",
    "Platform",
    "PlatformPolicy",
    "Preamble",
    "Profile",
    "Progress",
    "Proof",
    "Receipt",
    "ReceiptInput",
    "ReceiptKey",
    "ReceiptOutput",
    "Receiver",
    "ReferenceValues",
    "Relay",
    "Release",
    "ReleaseRequest",
    "Releaser",
    "ReleaserNode",
    "ReportBinding",
    "Resources",
    "Roots",
    "RunLimits",
    "RunnerKey",
    "Sandbox",
    "Sealed",
    "SealedOutput",
    "Sender",
    "SimAttester",
    "SimulatedHome",
    "SnpLaunch",
    "Statements",
    "SwtpmAttester",
    "TapeEvidence",
    "Task",
    "TsmAttester",
    "Verdict",
    "WalledProcess",
    "Withdrawal",
    "Work",
    "appraise",
    "archived_endorsements",
    "as_ranges",
    "attester_for",
    "bubblewrap",
    "certificate_table",
    "check_content_name",
    "check_dealing",
    "check_receipt",
    "deal_attested",
    "ensure_image",
    "expected_measurements",
    "grant_for",
    "grant_within",
    "grants_root",
    "inherited",
    "installed_command",
    "judge",
    "launch_digest",
    "launched",
    "make_image",
    "make_machine_image",
    "manifest_refusals",
    "meet_policies",
    "open_file",
    "open_in_memory",
    "open_stream",
    "parse_record",
    "peek",
    "purpose",
    "read_document",
    "read_endorsements",
    "read_evidence",
    "read_preamble",
    "read_record",
    "record_path",
    "release_info",
    "reported",
    "require_tee",
    "root_of",
    "run_attested",
    "schema_digest",
    "seal",
    "seal_file",
    "sealed_at_most",
    "serve",
    "serve_dealing",
    "sign_record",
    "snp_reference_values",
    "state_evidence",
    "unwrap_at_party",
    "upload_bytes",
    "verify_evidence",
    "verify_file",
    "wrap_for_party",
    "wrap_for_runner",
    "wrap_for_signer",
]
