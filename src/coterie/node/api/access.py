"""Whether the caller may make a call: by the table of routes in ``people/roles.py`` alone."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request

from coterie.node.people.roles import OPEN, Principal
from coterie.node.services import Services

__all__ = ["METRICS", "PERMITTED", "PREFIX", "caller_of", "path_of", "services_of"]

PREFIX = "/v1"
METRICS = "/metrics"
"""Where collectors look for them: outside of the versions."""


def services_of(request: Request) -> Services:
    """The services of the node that answers."""
    services: Services = request.app.state.services
    return services


def caller_of(request: Request) -> Principal:
    """Who calls, as the guard before all routes has found."""
    caller: Principal = request.state.caller
    return caller


def path_of(route: Any) -> str:
    """A route's path as it is written, with the prefix of the version: the framework may say it without."""
    path = str(route.path_format)
    return path if path.startswith(f"{PREFIX}/") or path == METRICS else PREFIX + path


def _permitted(request: Request) -> None:
    path = path_of(request.scope["route"])
    if (request.method, path) not in OPEN:
        services_of(request).people.require(caller_of(request), request.method, path)


PERMITTED = Depends(_permitted)
