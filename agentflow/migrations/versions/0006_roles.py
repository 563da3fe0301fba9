"""Roles of staff"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever was there already could do everything."""
    with op.batch_alter_table("staff_members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("role", sa.String(length=20), nullable=False, server_default="admin"))
    with op.batch_alter_table("staff_members", schema=None) as batch_op:
        batch_op.alter_column("role", server_default=None)


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("staff_members", schema=None) as batch_op:
        batch_op.drop_column("role")
