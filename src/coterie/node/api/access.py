"""Which token may call which route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Depends, Request

from coterie.node.services import Services
from coterie.node.views import TokenRole

__all__ = ["ADMIN", "ANALYST", "READER", "services_of"]


def services_of(request: Request) -> Services:
    """The services of the node that answers."""
    services: Services = request.app.state.services
    return services


def _requires(role: TokenRole) -> Any:
    def check(request: Request) -> None:
        services_of(request).tokens.check(request.headers.get("authorization"), role)

    checked: Callable[[Request], None] = check
    return Depends(checked)


READER = _requires("reader")
ANALYST = _requires("analyst")
ADMIN = _requires("admin")
