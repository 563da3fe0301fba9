"""The one permission matrix: which scopes each role has. Routes ask for a scope, never for a role."""

from __future__ import annotations

from crm.teams.schemas import Role, Scope

_STAFF = frozenset(
    {
        Scope.KNOWLEDGE_READ,
        Scope.AGENTS_READ,
        Scope.CONVERSATIONS_READ,
        Scope.CONVERSATIONS_WRITE,
        Scope.CONTACTS_READ,
        Scope.CONTACTS_WRITE,
        Scope.PEOPLE_READ,
    }
)
_TEAM_ADMIN = _STAFF | {
    Scope.KNOWLEDGE_WRITE,
    Scope.AGENTS_WRITE,
    Scope.CONTACTS_EXPORT,
    Scope.SETTINGS_READ,
}

SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.TEAM_ADMIN: _TEAM_ADMIN,
    Role.STAFF: _STAFF,
}
