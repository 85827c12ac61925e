"""Data keys at their owner's node: ``home/keys/<file id>.json``, mode 0600.

Whoever may read the home may read the keys, like the party's own key; a container without its key is noise,
so removing the key is how sealed data is deleted wherever its copies lie.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from coterie.crypto import (
    atomic_write,
    canonical,
    equal,
    now,
    parse_json,
    sync_directory,
    timestamp,
    write_error,
)
from coterie.errors import CoterieError
from coterie.tee.container.errors import KEY_MISSING, KEY_UNUSABLE
from coterie.tee.container.header import Preamble

KEY_LIMIT = 4096


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1] = 1
    file: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    dataset: str
    commitment: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    created: str

    def __repr__(self) -> str:
        return f"_KeyFile({self.file})"


class KeyStore:
    """The data keys of one home."""

    def __init__(self, folder: Path) -> None:
        """:param folder: ``home/keys``; made with the first key."""
        self._folder = folder

    def keep(self, preamble: Preamble, key: bytes) -> Path:
        """Write a key down; it is on the disk when this returns. Errors: CT-1120, CT-1121, CT-2210."""
        header = preamble.header
        path = self._path(header.file_id)
        if path.exists():
            raise KEY_UNUSABLE(f"there is one for file {header.file_id.hex()} already")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._folder.parent)
        except OSError as error:
            raise write_error(self._folder, error) from error
        document = _KeyFile(
            file=header.file_id.hex(),
            dataset=header.dataset,
            commitment=preamble.commitment.hex(),
            key=key.hex(),
            created=timestamp(now()),
        )
        atomic_write(path, canonical(document) + b"\n")
        return path

    def key(self, preamble: Preamble) -> bytes:
        """The key of this container. Errors: CT-2209 (none), CT-2210 (unreadable, readable by others,
        damaged).
        """
        path = self._path(preamble.header.file_id)
        try:
            with path.open("rb") as file:
                mode = path.stat().st_mode
                data = file.read(KEY_LIMIT + 1)
        except FileNotFoundError as error:
            raise KEY_MISSING(f"file {preamble.header.file_id.hex()}, {preamble.header.dataset}") from error
        except OSError as error:
            raise KEY_UNUSABLE(f"{path}: {error.strerror}") from error
        if mode & 0o077:
            raise KEY_UNUSABLE(f"{path} can be read by other users")
        try:
            found = _KeyFile.model_validate(parse_json(data.rstrip(b"\n"), limit=KEY_LIMIT))
        except (CoterieError, ValidationError):
            raise KEY_UNUSABLE(f"{path} is damaged") from None  # the cause would quote the key
        if not equal(bytes.fromhex(found.commitment), preamble.commitment):
            raise KEY_MISSING(f"file {found.file} is known here with another commitment")
        return bytes.fromhex(found.key)

    def has(self, preamble: Preamble) -> bool:
        """Whether a key of this file lies here."""
        return self._path(preamble.header.file_id).exists()

    def remove(self, file_id: bytes) -> None:
        """Forget a key: what it sealed is lost. Errors: CT-2209, CT-1121."""
        path = self._path(file_id)
        try:
            path.unlink()
            sync_directory(self._folder)
        except FileNotFoundError as error:
            raise KEY_MISSING(f"file {file_id.hex()}") from error
        except OSError as error:
            raise write_error(path, error) from error

    def _path(self, file_id: bytes) -> Path:
        return self._folder / f"{file_id.hex()}.json"
