"""A store's address in ``node.yaml``: ``postgresql://user@host:port/database``. Clients read it too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["PostgresUrl"]

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_FILES = ("sslrootcert", "sslcert", "sslkey")
_MODES = {"verify-full", "verify-ca"}
"""What keeps others on the way from reading the store."""
_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_PARTS_TOLD = "user, host, port, database, and after ? schema, sslmode, sslrootcert, sslcert, sslkey"


@dataclass(frozen=True)
class PostgresUrl:
    """Where a store's database is. It holds no password."""

    user: str | None
    host: str
    """Empty for the socket of this machine."""
    port: int | None
    database: str
    schema: str | None
    """Where the tables are, if not where the server puts them."""
    options: tuple[tuple[str, str], ...]
    """Of TLS, as libpq names them. To another machine, the server's certificate is always verified."""

    @classmethod
    def read(cls, text: str) -> PostgresUrl:
        """:raises ValueError: what is wrong; never the text itself, which may hold a password."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
            given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise ValueError("the store is neither `sqlite` nor a URL that can be read") from None
        if parts.scheme != "postgresql":
            raise ValueError("the store is `sqlite`, or begins with postgresql://")
        if parts.password is not None:
            raise ValueError(
                "the store's URL holds a password; put it into a file, and name that as store_password"
            )
        options = dict(given)
        known = {"schema", "sslmode", *_FILES}
        database = unquote(parts.path.removeprefix("/"))
        if len(options) != len(given) or not options.keys() <= known or parts.fragment or not database:
            raise ValueError(f"the store's URL may have {_PARTS_TOLD}")
        schema = options.pop("schema", None)
        if schema is not None and not _SCHEMA.fullmatch(schema):
            raise ValueError("the schema in the store's URL is not small letters, digits and _")
        if host.lower() not in _LOCAL:
            if options.setdefault("sslmode", "verify-full") not in _MODES:
                raise ValueError("sslmode of a store on another machine is verify-full or verify-ca")
            options.setdefault("sslrootcert", "system")
        user = unquote(parts.username) if parts.username else None
        return cls(user, host, port, database, schema, tuple(sorted(options.items())))

    def __str__(self) -> str:
        return f"the database {self.database!r} at {self.host or 'this machine'}"
