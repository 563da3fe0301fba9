"""What is kept with a contact: notes, reminders, activity, media, objects"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import EncryptedText, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is kept with a contact: notes, reminders, activity, media, objects."""
    # A contact may have several names on one account, once two are merged: a talk is with a name.
    op.drop_index(op.f("ix_conversations_account_id_conversations_contact_id"), table_name="conversations")
    op.create_index(
        op.f("ix_conversations_account_id_conversations_contact_ref"),
        "conversations",
        ["account_id", "contact_ref"],
        unique=True,
    )
    op.create_index(
        op.f("ix_conversations_contact_id_conversations_last_message_at"),
        "conversations",
        ["contact_id", "last_message_at"],
        unique=False,
    )
    op.create_table(
        "object_definitions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("title_field", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_object_definitions_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object_definitions")),
    )
    op.create_index(
        "ix_object_definitions_key",
        "object_definitions",
        ["workspace_id", "key"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "object_records",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("definition_id", sa.String(length=40), nullable=False),
        sa.Column(
            "title",
            sa.String(length=500).with_variant(sa.String(length=500, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["definition_id"],
            ["object_definitions.id"],
            name=op.f("fk_object_records_definition_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_object_records_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object_records")),
    )
    op.create_index("ix_object_records_definition", "object_records", ["definition_id", "id"], unique=False)
    op.create_index(op.f("ix_object_records_deleted_at"), "object_records", ["deleted_at"], unique=False)
    op.create_index(
        "ix_object_records_title",
        "object_records",
        ["definition_id", "title"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "active_contacts",
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_active_contacts_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_active_contacts_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "month", "contact_id", name=op.f("pk_active_contacts")),
    )
    op.create_index(op.f("ix_active_contacts_contact_id"), "active_contacts", ["contact_id"], unique=False)
    op.create_table(
        "contact_activities",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=True),
        sa.Column("actor_id", sa.String(length=40), nullable=True),
        sa.Column("detail", EncryptedText(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_activities_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_activities_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_activities")),
    )
    op.create_index(op.f("ix_contact_activities_at"), "contact_activities", ["at"], unique=False)
    op.create_index(
        op.f("ix_contact_activities_contact_id_contact_activities_id"),
        "contact_activities",
        ["contact_id", "id"],
        unique=False,
    )
    op.create_table(
        "contact_files",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("name", EncryptedText(), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("file_key", sa.String(length=200), nullable=False),
        sa.Column("added_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_files_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_files_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_files")),
    )
    op.create_index(
        op.f("ix_contact_files_contact_id_contact_files_id"),
        "contact_files",
        ["contact_id", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_contact_files_deleted_at"), "contact_files", ["deleted_at"], unique=False)
    op.create_table(
        "contact_merges",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("survivor_id", sa.String(length=40), nullable=False),
        sa.Column("merged_id", sa.String(length=40), nullable=False),
        sa.Column("moved", EncryptedText(), nullable=False),
        sa.Column("filled", EncryptedText(), nullable=False),
        sa.Column("forgotten", sa.Boolean(), nullable=False),
        sa.Column("merged_by", sa.String(length=40), nullable=False),
        sa.Column("merged_at", UtcDateTime(), nullable=False),
        sa.Column("undone_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merged_id"], ["contacts.id"], name=op.f("fk_contact_merges_merged_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["survivor_id"], ["contacts.id"], name=op.f("fk_contact_merges_survivor_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_merges_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_merges")),
    )
    op.create_index(op.f("ix_contact_merges_merged_at"), "contact_merges", ["merged_at"], unique=False)
    op.create_index(op.f("ix_contact_merges_merged_id"), "contact_merges", ["merged_id"], unique=False)
    op.create_index(
        op.f("ix_contact_merges_survivor_id_contact_merges_id"),
        "contact_merges",
        ["survivor_id", "id"],
        unique=False,
    )
    op.create_table(
        "contact_notes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("author_id", sa.String(length=40), nullable=False),
        sa.Column("text", EncryptedText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("edited_at", UtcDateTime(), nullable=True),
        sa.Column("edited_by", sa.String(length=40), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_notes_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_notes_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_notes")),
    )
    op.create_index(
        op.f("ix_contact_notes_contact_id_contact_notes_id"),
        "contact_notes",
        ["contact_id", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_contact_notes_deleted_at"), "contact_notes", ["deleted_at"], unique=False)
    op.create_table(
        "contact_reminders",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=True),
        sa.Column("text", EncryptedText(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("fired_at", UtcDateTime(), nullable=True),
        sa.Column("firings", sa.Integer(), nullable=False),
        sa.Column("told_id", sa.String(length=40), nullable=True),
        sa.Column("mailed_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_reminders_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff_members.id"], name=op.f("fk_contact_reminders_staff_id")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_reminders_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_reminders")),
    )
    op.create_index(
        op.f("ix_contact_reminders_contact_id_contact_reminders_id"),
        "contact_reminders",
        ["contact_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_contact_reminders_deleted_at"), "contact_reminders", ["deleted_at"], unique=False
    )
    op.create_index(
        op.f("ix_contact_reminders_fired_at_contact_reminders_due_at"),
        "contact_reminders",
        ["fired_at", "due_at"],
        unique=False,
    )
    op.create_table(
        "object_links",
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_object_links_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["object_records.id"], name=op.f("fk_object_links_record_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "record_id", name=op.f("pk_object_links")),
    )
    op.create_index("ix_object_links_record", "object_links", ["record_id"], unique=False)
    op.create_table(
        "object_values",
        sa.Column("record_id", sa.String(length=40), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("definition_id", sa.String(length=40), nullable=False),
        sa.Column(
            "key",
            sa.String(length=500).with_variant(sa.String(length=500, collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("number", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["record_id"], ["object_records.id"], name=op.f("fk_object_values_record_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("record_id", "field", name=op.f("pk_object_values")),
    )
    op.create_index(
        "ix_object_values_key", "object_values", ["definition_id", "field", "key", "record_id"], unique=False
    )
    op.create_index(
        "ix_object_values_number",
        "object_values",
        ["definition_id", "field", "number", "record_id"],
        unique=False,
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index(
        op.f("ix_conversations_contact_id_conversations_last_message_at"), table_name="conversations"
    )
    op.drop_index(op.f("ix_conversations_account_id_conversations_contact_ref"), table_name="conversations")
    op.create_index(
        op.f("ix_conversations_account_id_conversations_contact_id"),
        "conversations",
        ["account_id", "contact_id"],
        unique=True,
    )
    op.drop_index("ix_object_values_number", table_name="object_values")
    op.drop_index("ix_object_values_key", table_name="object_values")
    op.drop_table("object_values")
    op.drop_index("ix_object_links_record", table_name="object_links")
    op.drop_table("object_links")
    op.drop_index(
        op.f("ix_contact_reminders_fired_at_contact_reminders_due_at"), table_name="contact_reminders"
    )
    op.drop_index(op.f("ix_contact_reminders_deleted_at"), table_name="contact_reminders")
    op.drop_index(
        op.f("ix_contact_reminders_contact_id_contact_reminders_id"), table_name="contact_reminders"
    )
    op.drop_table("contact_reminders")
    op.drop_index(op.f("ix_contact_notes_deleted_at"), table_name="contact_notes")
    op.drop_index(op.f("ix_contact_notes_contact_id_contact_notes_id"), table_name="contact_notes")
    op.drop_table("contact_notes")
    op.drop_index(op.f("ix_contact_merges_survivor_id_contact_merges_id"), table_name="contact_merges")
    op.drop_index(op.f("ix_contact_merges_merged_id"), table_name="contact_merges")
    op.drop_index(op.f("ix_contact_merges_merged_at"), table_name="contact_merges")
    op.drop_table("contact_merges")
    op.drop_index(op.f("ix_contact_files_deleted_at"), table_name="contact_files")
    op.drop_index(op.f("ix_contact_files_contact_id_contact_files_id"), table_name="contact_files")
    op.drop_table("contact_files")
    op.drop_index(
        op.f("ix_contact_activities_contact_id_contact_activities_id"), table_name="contact_activities"
    )
    op.drop_index(op.f("ix_contact_activities_at"), table_name="contact_activities")
    op.drop_table("contact_activities")
    op.drop_index(op.f("ix_active_contacts_contact_id"), table_name="active_contacts")
    op.drop_table("active_contacts")
    op.drop_index(
        "ix_object_records_title",
        table_name="object_records",
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(op.f("ix_object_records_deleted_at"), table_name="object_records")
    op.drop_index("ix_object_records_definition", table_name="object_records")
    op.drop_table("object_records")
    op.drop_index(
        "ix_object_definitions_key",
        table_name="object_definitions",
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_table("object_definitions")
