"""Contacts: properties, labels, lists and views"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # bound, because each store spells it its own way
Folded = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Contacts: properties, labels, lists and views.

    The defaults of `contacts` stay, and its references come with their columns: anything else would have SQLite
    drop the table, to which conversations refer.
    """
    op.create_table(
        "contact_lists",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("filter", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_lists_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_lists")),
    )
    with op.batch_alter_table("contact_lists", schema=None) as batch_op:
        batch_op.create_index(
            "ix_contact_lists_id",
            ["workspace_id", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "contact_properties",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("for_agents", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_properties_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_properties")),
    )
    with op.batch_alter_table("contact_properties", schema=None) as batch_op:
        batch_op.create_index(
            "ix_contact_properties_key",
            ["workspace_id", "key"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "labels",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_key", Folded, nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_labels_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
    )
    with op.batch_alter_table("labels", schema=None) as batch_op:
        batch_op.create_index(
            "ix_labels_name",
            ["workspace_id", "name_key"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "contact_views",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.id"], name=op.f("fk_contact_views_staff_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_views_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_views")),
    )
    with op.batch_alter_table("contact_views", schema=None) as batch_op:
        batch_op.create_index(
            "ix_contact_views_staff",
            ["workspace_id", "staff_id", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "contact_addresses",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(length=254), nullable=False),
        sa.Column("key", Folded, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_addresses_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contact_addresses_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_addresses")),
    )
    with op.batch_alter_table("contact_addresses", schema=None) as batch_op:
        batch_op.create_index("ix_contact_addresses_contact", ["contact_id", "place"], unique=False)
        batch_op.create_index("ix_contact_addresses_key", ["workspace_id", "kind", "key"], unique=False)

    op.create_table(
        "contact_labels",
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("label_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_contact_labels_contact_id")),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name=op.f("fk_contact_labels_label_id")),
        sa.PrimaryKeyConstraint("contact_id", "label_id", name=op.f("pk_contact_labels")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("contact_labels", schema=None) as batch_op:
        batch_op.create_index("ix_contact_labels_label", ["label_id", "contact_id"], unique=False)

    op.create_table(
        "contact_list_members",
        sa.Column("list_id", sa.String(length=40), nullable=False),
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_list_members_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["contact_lists.id"], name=op.f("fk_contact_list_members_list_id")
        ),
        sa.PrimaryKeyConstraint("list_id", "contact_id", name=op.f("pk_contact_list_members")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("contact_list_members", schema=None) as batch_op:
        batch_op.create_index("ix_contact_list_members_contact", ["contact_id"], unique=False)

    op.create_table(
        "contact_values",
        sa.Column("contact_id", sa.String(length=40), nullable=False),
        sa.Column("property_id", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("key", Folded, nullable=True),
        sa.Column("number", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_contact_values_contact_id")),
        sa.ForeignKeyConstraint(
            ["property_id"], ["contact_properties.id"], name=op.f("fk_contact_values_property_id")
        ),
        sa.PrimaryKeyConstraint("contact_id", "property_id", name=op.f("pk_contact_values")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("contact_values", schema=None) as batch_op:
        batch_op.create_index("ix_contact_values_key", ["property_id", "key", "contact_id"], unique=False)
        batch_op.create_index(
            "ix_contact_values_number", ["property_id", "number", "contact_id"], unique=False
        )

    for column, referred in (("owner_id", "staff_members.id"), ("merged_into_id", "contacts.id")):
        reference = sa.ForeignKey(referred, name=op.f(f"fk_contacts_{column}"))
        op.add_column("contacts", sa.Column(column, sa.String(length=40), reference), inline_references=True)
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("first_name", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("last_name", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("company", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("job_title", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("location", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("country", sa.String(length=2), nullable=True))
        batch_op.add_column(
            sa.Column("source", sa.String(length=20), nullable=False, server_default="channel")
        )
        batch_op.add_column(sa.Column("first_key", Folded, nullable=True))
        batch_op.add_column(sa.Column("last_key", Folded, nullable=True))
        batch_op.add_column(sa.Column("company_key", Folded, nullable=True))
        batch_op.add_column(sa.Column("title_key", Folded, nullable=True))
        batch_op.add_column(sa.Column("location_key", Folded, nullable=True))
        batch_op.add_column(sa.Column("language_key", Folded, nullable=True))
        batch_op.add_column(sa.Column("sort_name", Folded, nullable=False, server_default="\U0010ffff"))
        batch_op.add_column(
            sa.Column("contacted_at", UtcDateTime(), nullable=False, server_default="1970-01-01 00:00:00")
        )
        batch_op.add_column(
            sa.Column("updated_at", UtcDateTime(), nullable=False, server_default="1970-01-01 00:00:00")
        )
        batch_op.add_column(sa.Column("deleted_at", UtcDateTime(), nullable=True))
        batch_op.create_index(
            "ix_contacts_by_company",
            ["workspace_id", "company_key", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contacts_by_contact",
            ["workspace_id", "contacted_at", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contacts_by_name",
            ["workspace_id", "sort_name", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contacts_by_owner",
            ["workspace_id", "owner_id", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.create_index(
            "ix_contacts_by_country",
            ["workspace_id", "country", "id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    _describe_present_contacts()


def _describe_present_contacts() -> None:
    """Those there already came over a channel; they had no names, and their last message says when."""
    described = sa.text(
        """
        UPDATE contacts SET
            updated_at = created_at,
            language_key = lower(locale),
            sort_name = CASE WHEN name IS NULL OR name = '' THEN sort_name ELSE lower(name) END,
            contacted_at = COALESCE(
                (SELECT max(last_inbound_at) FROM conversations WHERE conversations.contact_id = contacts.id),
                :never
            )
        """
    )
    op.execute(described.bindparams(sa.bindparam("never", NEVER, UtcDateTime())))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_contacts_merged_into_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_contacts_owner_id"), type_="foreignkey")
        batch_op.drop_index(
            "ix_contacts_by_country",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contacts_by_owner",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contacts_by_name",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contacts_by_contact",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_contacts_by_company",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_column("merged_into_id")
        batch_op.drop_column("deleted_at")
        batch_op.drop_column("updated_at")
        batch_op.drop_column("contacted_at")
        batch_op.drop_column("sort_name")
        batch_op.drop_column("language_key")
        batch_op.drop_column("location_key")
        batch_op.drop_column("title_key")
        batch_op.drop_column("company_key")
        batch_op.drop_column("last_key")
        batch_op.drop_column("first_key")
        batch_op.drop_column("source")
        batch_op.drop_column("owner_id")
        batch_op.drop_column("country")
        batch_op.drop_column("location")
        batch_op.drop_column("job_title")
        batch_op.drop_column("company")
        batch_op.drop_column("last_name")
        batch_op.drop_column("first_name")

    with op.batch_alter_table("contact_values", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_values_number")
        batch_op.drop_index("ix_contact_values_key")

    op.drop_table("contact_values")
    with op.batch_alter_table("contact_list_members", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_list_members_contact")

    op.drop_table("contact_list_members")
    with op.batch_alter_table("contact_labels", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_labels_label")

    op.drop_table("contact_labels")
    with op.batch_alter_table("contact_addresses", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_addresses_key")
        batch_op.drop_index("ix_contact_addresses_contact")

    op.drop_table("contact_addresses")
    with op.batch_alter_table("contact_views", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_contact_views_staff",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.drop_table("contact_views")
    with op.batch_alter_table("labels", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_labels_name",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.drop_table("labels")
    with op.batch_alter_table("contact_properties", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_contact_properties_key",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.drop_table("contact_properties")
    with op.batch_alter_table("contact_lists", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_contact_lists_id",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.drop_table("contact_lists")
