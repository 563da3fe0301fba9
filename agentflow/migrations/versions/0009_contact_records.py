"""What is kept with a contact: notes, reminders, activity, media, objects"""

from __future__ import annotations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is kept with a contact: notes, reminders, activity, media, objects."""


def downgrade() -> None:
    """Undo it."""
