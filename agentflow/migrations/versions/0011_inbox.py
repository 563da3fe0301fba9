"""The shared inbox: status, assignment, routing, notes, search"""

from __future__ import annotations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The shared inbox: status, assignment, routing, notes, search."""


def downgrade() -> None:
    """Undo it."""
