"""Tables of the people: the tenant, who works for it, how they log in, and their teams."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from agentflow.kit.db import Base, EncryptedText, UtcDateTime


class Workspace(Base):
    """The tenant. Every other record belongs to exactly one."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64), default="Europe/Amsterdam")
    locale: Mapped[str] = mapped_column(String(16), default="en")
    text_overrides: Mapped[str] = mapped_column(
        Text, default="{}"
    )  # JSON {key: {language: text}}, see texts.py
    hours: Mapped[str | None] = mapped_column(Text)  # JSON, see hours.py; None: always open
    admins_need_second_factor: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StaffMember(Base):
    """A person who answers in the inbox or administers the workspace."""

    __tablename__ = "staff_members"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    second_factor_secret: Mapped[str | None] = mapped_column(EncryptedText)
    second_factor_on_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: not confirmed yet
    second_factor_step: Mapped[int] = mapped_column(
        BigInteger, default=0
    )  # the newest code's; it counts once
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def state(self) -> str:
        """`invited` until a password was chosen."""
        return "active" if self.password_hash else "invited"

    @property
    def second_factor(self) -> bool:
        """Whether a log-in needs a code."""
        return self.second_factor_on_at is not None


class LoginSession(Base):
    """One browser that is logged in. Only hashes are kept, so the table opens no door by itself."""

    __tablename__ = "login_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_members.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiKey(Base):
    """A program's credential: shown once, stored as a hash, limited to its scopes."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(Text)  # JSON list
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffToken(Base):
    """A one-use secret: of a link that was mailed, or between the two steps of a log-in."""

    __tablename__ = "staff_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_members.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    secret: Mapped[str | None] = mapped_column(EncryptedText)  # only until the mail has left
    attempts: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """Opens one log-in in place of the second factor."""

    __tablename__ = "recovery_codes"

    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_members.id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LoginPlace(Base):
    """A network address somebody logged in from: an attack from elsewhere does not lock them out there."""

    __tablename__ = "login_places"

    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_members.id"), primary_key=True)
    place_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Team(Base):
    """A group of staff that conversations are handed to; one of a workspace is the default."""

    __tablename__ = "teams"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(String(200))
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    hours: Mapped[str | None] = mapped_column(Text)  # JSON, see hours.py; None: as the workspace
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TeamMember(Base):
    """Who is in which team."""

    __tablename__ = "team_members"

    team_id: Mapped[str] = mapped_column(String(40), ForeignKey("teams.id"), primary_key=True)
    staff_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("staff_members.id"), primary_key=True, index=True
    )
    workspace_id: Mapped[str] = mapped_column(String(40), ForeignKey("workspaces.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
