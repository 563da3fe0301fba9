"""Tables of sources"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables of sources."""
    op.create_table(
        "source_tables",
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id", "version"],
            ["source_versions.source_id", "source_versions.version"],
            name=op.f("fk_source_tables_source_id_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_id", "version", "position", name=op.f("pk_source_tables")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("source_tables")
