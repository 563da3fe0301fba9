"""What billing asks."""

from __future__ import annotations

from pydantic import BaseModel


class MonthlyActiveContacts(BaseModel):
    """How many contacts were active in a month of the workspace's time zone."""

    month: str
    time_zone: str
    active: int
