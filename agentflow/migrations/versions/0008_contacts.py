"""Contacts: properties, labels, lists and views"""

from __future__ import annotations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Contacts: properties, labels, lists and views."""


def downgrade() -> None:
    """Undo it."""
