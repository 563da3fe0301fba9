"""Erasures and back-ups"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Erasures and back-ups."""
    op.create_table(
        "backups",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("file", sa.String(length=300), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_index(op.f("ix_backups_expires_at"), "backups", ["expires_at"], unique=False)


def downgrade() -> None:
    """Undo it."""
    op.drop_index(op.f("ix_backups_expires_at"), table_name="backups")
    op.drop_table("backups")
