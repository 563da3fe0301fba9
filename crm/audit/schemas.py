"""What the audit log and the alerts look like from outside."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field


class AuditRead(BaseModel):
    """One access: ids, never content."""

    id: str
    at: datetime
    who_id: str | None
    who_kind: str = Field(description="staff, api_key, or nobody for a log-in that failed")
    role: str | None
    action: str = Field(examples=["staff.delete_staff"])
    method: str
    record_type: str
    record_ids: list[str]
    status: int | None = Field(description="null: written together with the change, before its answer")
    amount: int | None = Field(description="how many lines an export held")
    ip: str
    user_agent: str


class AlertKind(StrEnum):
    """What looked unusual."""

    FAILED_LOG_INS = "failed_log_ins"
    MASS_EXPORT = "mass_export"


class AlertRead(BaseModel):
    """Raised once for a stretch of time, and mailed to the admins."""

    id: str
    kind: AlertKind
    subject: str = Field(description="whom it is about: a staff member or a key by id, or a network address")
    count: int = Field(description="failed log-ins, or exported lines")
    created_at: datetime


class AuditFilter(BaseModel):
    """Which entries are wanted; what is None does not narrow."""

    who: str | None = None
    action: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
