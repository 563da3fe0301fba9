"""Active contacts that are erased"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Active contacts that are erased."""
    op.create_table(
        "erased_active_contacts",
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("contacts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_erased_active_contacts_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "month", name=op.f("pk_erased_active_contacts")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("erased_active_contacts")
