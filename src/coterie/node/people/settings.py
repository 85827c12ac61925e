"""What an operator chooses for people: a part of ``node.yaml``."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["PeopleSettings", "ProviderSettings", "is_safe"]


def is_safe(url: str) -> bool:
    """By https; or by http on this machine alone, which is what a provider that one tries out is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    local = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    return bool(host) and len(url) <= 2000 and (parts.scheme == "https" or local)


def _issuer(url: str) -> str:
    if not is_safe(url) or urlsplit(url).query or urlsplit(url).fragment:
        raise ValueError("the issuer's https:// address, as it is in its tokens")
    return url


class ProviderSettings(BaseModel):
    """``people.oidc`` in ``node.yaml``: the identity provider at which users may sign in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[str, AfterValidator(_issuer)]
    client_id: Annotated[str, Field(min_length=1, max_length=200)]
    client_secret_file: str | None = None
    """Where the provider asks for one: a file, below the node's home unless its path is whole."""
    scope: Annotated[str, Field(pattern=r"^openid( [!-~]+)*$", max_length=200)] = "openid"
    claim: Annotated[str, Field(min_length=1, max_length=100)] = "sub"
    """What of the ID token says who somebody is. ``sub`` never changes; others, such as ``email``, may be
    somebody else's one day."""
    ca: str | None = None
    """Certificates that the provider's is signed by, PEM, where they are not the machine's own."""


class PeopleSettings(BaseModel):
    """``people`` in ``node.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    session_hours: Annotated[float, Field(gt=0, le=24)] = 8.0
    """Until a session ends by itself."""
    calls_at_once: Annotated[int, Field(ge=1, le=10**6)] = 500
    """Of one token."""
    calls_per_second: Annotated[float, Field(gt=0, le=10**5)] = 50.0
    """Of one token, in the long run."""
    free_failures: Annotated[int, Field(ge=0, le=1000)] = 5
    """Sign-ins from one address that may fail before the next has to wait."""
    oidc: ProviderSettings | None = None
    longest_wait: Annotated[float, Field(ge=1, le=86400)] = 900.0
    """Seconds, at most; after as many without a try an address's failures are forgotten."""
