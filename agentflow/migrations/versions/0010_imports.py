"""Imports of contacts"""

from __future__ import annotations

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Imports of contacts."""


def downgrade() -> None:
    """Undo it."""
