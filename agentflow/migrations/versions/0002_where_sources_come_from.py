"""Where sources come from"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import EncryptedText, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Where sources come from.

    Columns are added in place: SQLite's way of rebuilding a table would cascade into what hangs on it.
    """
    op.create_table(
        "google_connections",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("access", sa.String(length=20), nullable=False),
        sa.Column("credentials", EncryptedText(), nullable=False),
        sa.Column("authorised", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_google_connections")),
    )
    op.create_index(op.f("ix_google_connections_workspace_id"), "google_connections", ["workspace_id"])
    op.add_column("source_versions", sa.Column("filename", sa.String(length=255), nullable=True))
    op.add_column(
        "sources", sa.Column("origin", sa.String(length=20), server_default="upload", nullable=False)
    )
    op.add_column("sources", sa.Column("location", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("connection_id", sa.String(length=40), nullable=True))
    op.add_column("sources", sa.Column("sync_options", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("sync_every_seconds", sa.Integer(), nullable=True))
    op.add_column("sources", sa.Column("sync_state", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("synced_at", UtcDateTime(), nullable=True))
    op.add_column("sources", sa.Column("next_sync_at", UtcDateTime(), nullable=True))
    op.add_column("sources", sa.Column("sync_claim", sa.String(length=40), nullable=True))
    op.add_column("sources", sa.Column("sync_lease_until", UtcDateTime(), nullable=True))
    op.add_column("sources", sa.Column("sync_error_code", sa.String(length=60), nullable=True))
    op.add_column("sources", sa.Column("sync_error_detail", sa.Text(), nullable=True))
    op.create_index(op.f("ix_sources_next_sync_at"), "sources", ["next_sync_at"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index(op.f("ix_sources_next_sync_at"), "sources")
    op.drop_column("sources", "sync_error_detail")
    op.drop_column("sources", "sync_error_code")
    op.drop_column("sources", "sync_lease_until")
    op.drop_column("sources", "sync_claim")
    op.drop_column("sources", "next_sync_at")
    op.drop_column("sources", "synced_at")
    op.drop_column("sources", "sync_state")
    op.drop_column("sources", "sync_every_seconds")
    op.drop_column("sources", "sync_options")
    op.drop_column("sources", "connection_id")
    op.drop_column("sources", "location")
    op.drop_column("sources", "origin")
    op.drop_column("source_versions", "filename")
    op.drop_index(op.f("ix_google_connections_workspace_id"), "google_connections")
    op.drop_table("google_connections")
