"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from coterie.crypto.errors import CANNOT_WRITE, DISK_FULL
from coterie.errors import CoterieError


def write_error(path: Path, error: OSError) -> CoterieError:
    """The coded error for a failed write to ``path``: CT-1120 when space ran out, else CT-1121.

    It names the file and its folder only: the error may end a job, and then peers read it.
    """
    code = DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else CANNOT_WRITE
    return code(f"{path.parent.name}/{path.name}: {error.strerror or type(error).__name__}")


def atomic_write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` at ``path``: a crash leaves the old content or the new, and the new survives power loss.

    Errors: CT-1120 (disk full), CT-1121 (any other failure). The old content stays in both cases.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # The mode is given at creation: a key must not be readable by others even for a moment.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)  # the umask may have taken rights that were asked for
                os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise write_error(path, error) from error


def sync_directory(directory: Path) -> None:
    """Make a creation or rename inside ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
