"""Roles of staff"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever was there already could do everything.

    The default stays: to take it away SQLite would drop the table, which its log-ins refer to.
    """
    with op.batch_alter_table("staff_members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("role", sa.String(length=20), nullable=False, server_default="admin"))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("staff_members", schema=None) as batch_op:
        batch_op.drop_column("role")
