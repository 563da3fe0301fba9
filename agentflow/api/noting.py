"""Names what a request does, for the audit log: the function of its route, and the ids in its address."""

from __future__ import annotations

from starlette.types import Scope

from crm.audit.note import Note

AUDITED = "/api/v1/"


def name(note: Note, scope: Scope) -> None:
    """Once the route is known; what somebody else said already stays."""
    endpoint = scope.get("endpoint")
    if endpoint is not None and not note.action:
        note.action = f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__name__}"
        note.record_type = route_of(scope).removeprefix(AUDITED).partition("/")[0]
        note.add_ids(scope.get("path_params", {}).values())


def route_of(scope: Scope) -> str:
    """The path as declared; of an included router FastAPI keeps the one with the prefix beside the route."""
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(route, "path", "unmatched")
