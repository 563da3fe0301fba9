"""Imports of contacts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import EncryptedText, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Imports of contacts."""
    op.create_table(
        "contact_imports",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("filename", EncryptedText(), nullable=False),
        sa.Column("sheet", EncryptedText(), nullable=False),
        sa.Column("sheets", EncryptedText(), nullable=False),
        sa.Column("header_row", sa.Integer(), nullable=False),
        sa.Column("hidden_rows", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("columns", EncryptedText(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("checked_rows", sa.Integer(), nullable=False),
        sa.Column("dry_run", EncryptedText(), nullable=True),
        sa.Column("problem_code", sa.String(length=60), nullable=True),
        sa.Column("problem_detail", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_imports_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_imports")),
    )
    op.create_index(op.f("ix_contact_imports_created_at"), "contact_imports", ["created_at"], unique=False)
    op.create_index("ix_contact_imports_list", "contact_imports", ["workspace_id", "id"], unique=False)
    op.create_table(
        "contact_import_batches",
        sa.Column("import_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("rows", EncryptedText(), nullable=True),
        sa.Column("refused", EncryptedText(), nullable=True),
        sa.Column("contacts", sa.Text(), nullable=True),
        sa.Column("reasons", EncryptedText(), nullable=True),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("contacts_updated", sa.Integer(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["contact_imports.id"],
            name=op.f("fk_contact_import_batches_import_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_contact_import_batches")),
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("contact_import_batches")
    op.drop_index("ix_contact_imports_list", table_name="contact_imports")
    op.drop_index(op.f("ix_contact_imports_created_at"), table_name="contact_imports")
    op.drop_table("contact_imports")
