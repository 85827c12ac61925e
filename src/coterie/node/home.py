"""A node's home folder: where everything that it keeps lies, and the settings in ``node.yaml``.

::

    home/                 0700
      node.yaml           name, role, listen, address, patience, memory
      identity/           keys and certificates, see coterie.crypto.Identity
      token               the administrator's token, 0600
      store.sqlite        peers, datasets, agreements, jobs, tokens
      ledger/             the party's ledger
      jobs/<id>/          journal, artefacts, results of a job
      tapes/<id>/         tape files that the job has not used yet
      unfinished/         how far long steps are of jobs that broke off
      lookups/            prepared tables: the own ones with their keys, and those of others
      schemas/            offers of schemas, and what comparisons have found
      modules/            files of users' modules, by their digest
      rows/               rows of datasets that are queries, as they were taken, 0600
      keys/               keys of the data that this node has sealed, 0600
      sealed/             its own data, sealed for agreements
      tee/                what engine tee needs: counters, endorsements, archive; at a host also the runner's
                          image, the simulated root, and the sealed data of others
      node.log
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import os
import re
import secrets
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from coterie.crypto import Identity, PartyName, atomic_write, check_name, write_error

from .errors import HOME_EXISTS, HOME_IN_USE, HOME_MISSING, SETTINGS_INVALID, STORE_PASSWORD
from .observing import LogSettings, ReadySettings, StallSettings, TraceSettings
from .passphrase import PassphraseOf, read_secret_line
from .people.settings import PeopleSettings
from .postgres_url import PostgresUrl
from .resume_settings import ResumeSettings
from .views import Role

__all__ = [
    "ApiDoor",
    "Home",
    "HomeLock",
    "Platform",
    "Profile",
    "Settings",
    "api_door",
    "init_node",
    "split_address",
    "tape_place",
]

# As in coterie.tee, which loads Arrow and the verifiers: a command that only reads settings needs neither.
Platform = Literal["sim", "swtpm", "tdx", "snp", "gramine", "nitro"]
Profile = Literal["production", "development"]
_LARGEST_SETTINGS = 64 * 1024
NOT_WRITTEN = {
    "profile",
    "reference",
    "keepers",
    "tee",
    "store",
    "store_password",
    "passphrase",
    "log",
    "ready",
    "people",
    "resume",
    "stall",
    "traces",
}
"""Settings that a new ``node.yaml`` does not list: an operator adds those that are to be others."""
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` as host and port.

    :raises ValueError: with what is wrong.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError(f"{text[:80]!r} is not host:port")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if not _HOST.fullmatch(host):
        raise ValueError(f"{text[:80]!r} has no usable host; put IPv6 addresses in brackets")
    return host, int(port)


class TeeSettings(BaseModel):
    """How this node hosts attested runs, where agreements name it as their host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: Platform = "sim"
    """What makes evidence here."""
    runs: Annotated[int, Field(ge=1, le=64)] = 2
    """Most at once; others wait."""
    memory: Annotated[int, Field(ge=2**28, le=2**50)] = 2**33
    """Bytes of private memory of one run, at most."""
    seconds: Annotated[int, Field(ge=1, le=10**7)] = 24 * 3600
    """From start to end of one run, at most."""
    upload: Annotated[int, Field(ge=1, le=2**50)] = 2**36
    """Bytes of the largest sealed data set that is taken."""
    endorsements: Annotated[tuple[Path, ...], Field(max_length=64)] = ()
    """Files of the platform's vendor: certificates, revocation lists (PEM, DER), Intel's collateral (JSON).
    They go with the evidence to owners that have none."""
    machine: Annotated[tuple[str, ...], Field(max_length=256)] = ()
    """The command that starts a confidential machine for one run, word by word; ``{socket}`` and the job's
    digest are put in, see :class:`coterie.tee.Machine`. Without it runs are started on this machine."""
    image: Path = Path("tee/image")
    """Folder of the images that runs are started from; below the home, where it begins with no slash. Several
    homes may share one: what is in an image is measured at each start."""
    release: Path | None = None
    """One image that was made before, such as that of the release that agreements name; None for one of the
    present installation, which is made when it is first needed."""


class Settings(BaseModel):
    """``node.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: PartyName
    role: Role = "node"
    listen: str
    """``host:port`` that the node opens."""
    address: str | None = None
    """``host:port`` that peers dial; None where they cannot dial this node."""
    patience: Annotated[float, Field(gt=0, le=86400)] = 60.0
    """Seconds for which a lost connection to a peer is waited for before a job fails."""
    memory: Annotated[int | None, Field(ge=0)] = None
    """Bytes of private arrays that one job holds in memory, where not 1 GiB; what is beyond lies on the disk.
    """
    jobs_at_once: Annotated[int, Field(ge=1, le=1024)] = 32
    """Jobs that have a worker here at the same time; others wait."""
    profile: Profile = "development"
    """``production``: simulated platforms never count here, whatever agreements say."""
    reference: Path | None = None
    """A file of reference values that platforms must meet beyond what agreements ask for."""
    keepers: Path | None = None
    """A file of reference values: the key keepers that this party's keys may be deposited with."""
    tee: TeeSettings = TeeSettings()
    log: LogSettings = LogSettings()
    ready: ReadySettings = ReadySettings()
    resume: ResumeSettings = ResumeSettings()
    stall: StallSettings = StallSettings()
    traces: TraceSettings = TraceSettings()
    store: Annotated[str, Field(max_length=2048)] = "sqlite"
    """``sqlite``: a file in the home; or ``postgresql://user@host/database``, without a password."""
    store_password: Path | None = None
    """A file with the password of that database; below the home, where it begins with no slash."""

    passphrase: Path | None = None
    """A file with the passphrase of the key files; below the home, where it begins with no slash."""

    @field_validator("store")
    @classmethod
    def _is_store(cls, value: str) -> str:
        if value != "sqlite":
            PostgresUrl.read(value)
        return value

    people: PeopleSettings = PeopleSettings()

    @field_validator("listen", "address")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            split_address(value)
        return value

    @property
    def listen_host(self) -> str:
        return split_address(self.listen)[0]

    @property
    def listen_port(self) -> int:
        return split_address(self.listen)[1]


def tape_place(home: Path, job: str, stage: int) -> Path:
    """Where the tape file for a stage of a job lies until it is used."""
    return home / "tapes" / job / f"stage-{stage}.tape"


@dataclass(frozen=True)
class Home:
    """The paths under a home folder, and its settings."""

    path: Path
    settings: Settings

    @classmethod
    def open(cls, path: Path) -> Home:
        """:raises CoterieError: CT-5002, CT-5003."""
        file = path / "node.yaml"
        try:
            text = file.read_bytes()[:_LARGEST_SETTINGS]
        except OSError as error:
            raise HOME_MISSING(f"{path}: {error.strerror}") from error
        try:
            settings = Settings.model_validate(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise SETTINGS_INVALID(f"{file} is not YAML") from error
        except ValidationError as error:
            raise SETTINGS_INVALID(f"{file}: {_first(error)}") from error
        return cls(path, settings)

    @property
    def token_file(self) -> Path:
        return self.path / "token"

    @property
    def store_file(self) -> Path:
        return self.path / "store.sqlite"

    @property
    def store_place(self) -> Path | PostgresUrl:
        """Where the store is: a file, or a database elsewhere."""
        text = self.settings.store
        return self.store_file if text == "sqlite" else PostgresUrl.read(text)

    def store_password(self) -> str | None:
        """Of the store's database; None where node.yaml names no file: then its server asks for none, or the
        environment has it in PGPASSWORD or PGPASSFILE.

        :raises CoterieError: CT-5009.
        """
        if self.settings.store_password is None:
            return None
        return read_secret_line(self.path / self.settings.store_password, STORE_PASSWORD)

    @cached_property
    def passphrase(self) -> PassphraseOf:
        """Of the key files, where they are encrypted."""
        named = self.settings.passphrase
        return PassphraseOf(None if named is None else self.path / named)

    @property
    def ledger(self) -> Path:
        return self.path / "ledger"

    @property
    def jobs(self) -> Path:
        return self.path / "jobs"

    @property
    def tapes(self) -> Path:
        return self.path / "tapes"

    @property
    def lookups(self) -> Path:
        return self.path / "lookups"

    @property
    def schemas(self) -> Path:
        return self.path / "schemas"

    @property
    def unfinished(self) -> Path:
        return self.path / "unfinished"

    @property
    def modules(self) -> Path:
        return self.path / "modules"

    @property
    def rows(self) -> Path:
        return self.path / "rows"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def sealed(self) -> Path:
        return self.path / "sealed"

    @property
    def tee(self) -> Path:
        return self.path / "tee"

    @property
    def images(self) -> Path:
        return self.path / self.settings.tee.image

    @property
    def log_file(self) -> Path:
        return self.path / "node.log"

    def job(self, job: str) -> Path:
        """A job's own folder, made where it is missing."""
        folder = self.jobs / job
        try:
            self.jobs.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise write_error(folder, error) from error
        return folder

    def identity(self) -> Identity:
        return Identity.load(self.path, self.passphrase)


class HomeLock:
    """One daemon for one home; the lock goes with the process, however it ends."""

    def __init__(self, home: Home) -> None:
        """:raises CoterieError: CT-5004."""
        path = home.path / "lock"
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise HOME_IN_USE(str(home.path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def init_node(
    home: Path,
    name: str,
    listen: str = "127.0.0.1:7300",
    address: str | None = None,
    role: Role = "node",
    patience: float = 60.0,
) -> Home:
    """Make a home: folder, identity, settings, the administrator's token.

    :param listen: ``host:port`` that the node will open.
    :param address: ``host:port`` that peers dial; None where they cannot dial this node.
    :raises CoterieError: CT-5001, CT-5003, CT-11xx.
    """
    check_name(name)
    if (home / "node.yaml").exists():
        raise HOME_EXISTS(str(home))
    try:
        settings = Settings(name=name, role=role, listen=listen, address=address, patience=patience)
    except ValidationError as error:
        raise SETTINGS_INVALID(_first(error)) from error
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise write_error(home, error) from error
    hosts = {split_address(one)[0] for one in (listen, address) if one is not None}
    Identity.create(home, name, sorted(hosts - {"0.0.0.0", "::"}))  # noqa: S104 - left out, not bound
    atomic_write(home / "token", (secrets.token_urlsafe(32) + "\n").encode())
    text = yaml.safe_dump(settings.model_dump(mode="json", exclude=NOT_WRITTEN), sort_keys=False)
    atomic_write(home / "node.yaml", text.encode())  # last: a home with settings is a whole one
    return Home.open(home)


@dataclass(frozen=True)
class ApiDoor:
    """How the owner of a home reaches the node's REST API."""

    url: str
    token: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"ApiDoor({self.url!r}, {self.fingerprint!r})"


def api_door(path: Path) -> ApiDoor:
    """Read a node's address, token and the fingerprint of its API certificate off its home.

    :raises CoterieError: CT-5002, CT-5003.
    """
    home = Home.open(path)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(home.settings.listen_host, home.settings.listen_host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    try:
        token = home.token_file.read_text(encoding="ascii").strip()
        pem = (path / "identity" / "api-cert.pem").read_text(encoding="ascii")
        der = ssl.PEM_cert_to_DER_cert(pem)
    except (OSError, ValueError) as error:
        raise HOME_MISSING(f"{path}: the token or the certificate of the API cannot be read") from error
    fingerprint = "sha256:" + hashlib.sha256(der).hexdigest()
    return ApiDoor(f"https://{host}:{home.settings.listen_port}", token, fingerprint)


def _first(error: ValidationError) -> str:
    fault: Any = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"
