"""The shared inbox: status, assignment, routing, notes, search"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import EncryptedText, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FILTERED = ("status", "owner_kind", "agent_id", "staff_id", "team_id", "channel", "language")


def upgrade() -> None:
    """The shared inbox: status, assignment, routing, notes, search.

    The default of `status` stays: to take it away SQLite would drop the table, to which messages refer.
    """
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("status", sa.String(length=10), nullable=False, server_default="open"))
        batch_op.add_column(sa.Column("snoozed_until", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("preview", EncryptedText(), nullable=True))
        batch_op.add_column(sa.Column("preview_author", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("search_key", sa.String(length=16), nullable=True))
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_conversations_snoozed_until"), ["snoozed_until"], unique=False)
        batch_op.create_index(op.f("ix_conversations_search_key"), ["search_key"], unique=False)
        for column in FILTERED:
            columns = ["workspace_id", column, "last_message_at", "id"]
            batch_op.create_index(op.f(f"ix_conversations_by_{column}"), columns, unique=False)
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("failure", EncryptedText(), nullable=True))
    op.create_table(
        "read_positions",
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_read_positions_conversation_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.id"], name=op.f("fk_read_positions_staff_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_read_positions_workspace_id")
        ),
        sa.PrimaryKeyConstraint("staff_id", "conversation_id", name=op.f("pk_read_positions")),
    )
    op.create_index(
        op.f("ix_read_positions_conversation_id"), "read_positions", ["conversation_id"], unique=False
    )
    op.create_table(
        "conversation_notes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("text", EncryptedText(), nullable=False),
        sa.Column("mentions", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("edited_at", UtcDateTime(), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_conversation_notes_conversation_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_members.id"], name=op.f("fk_conversation_notes_staff_id")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_conversation_notes_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_notes")),
    )
    op.create_index(
        op.f("ix_conversation_notes_conversation_id_conversation_notes_id"),
        "conversation_notes",
        ["conversation_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_conversation_notes_deleted_at"), "conversation_notes", ["deleted_at"], unique=False
    )
    op.create_table(
        "conversation_words",
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("word", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_conversation_words_conversation_id")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_conversation_words_workspace_id")
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "word", "conversation_id", name=op.f("pk_conversation_words")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_conversation_words_conversation_id"), "conversation_words", ["conversation_id"], unique=False
    )
    op.create_table(
        "routing_rules",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("last_staff_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_routing_rules_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_rules")),
    )
    op.create_index(
        op.f("ix_routing_rules_workspace_id_routing_rules_position"),
        "routing_rules",
        ["workspace_id", "position"],
        unique=False,
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_table("routing_rules")
    op.drop_table("conversation_words")
    op.drop_table("conversation_notes")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_column("failure")
    op.drop_index(op.f("ix_read_positions_conversation_id"), table_name="read_positions")
    op.drop_table("read_positions")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        for column in FILTERED:
            batch_op.drop_index(op.f(f"ix_conversations_by_{column}"))
        batch_op.drop_index(op.f("ix_conversations_search_key"))
        batch_op.drop_index(op.f("ix_conversations_snoozed_until"))
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        for column in ("search_key", "preview_author", "preview", "snoozed_until", "status"):
            batch_op.drop_column(column)
