"""Who works here: second factors, invitations, members, hours, what they did"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import EncryptedText, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who works here: second factors, invitations, members, hours, what they did."""
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who_id", sa.String(length=40), nullable=True),
        sa.Column("who_kind", sa.String(length=20), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=True),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("record_type", sa.String(length=60), nullable=False),
        sa.Column("record_ids", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=True),
        sa.Column("ip", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_audit_entries_ip_audit_entries_action_audit_entries_at"),
            ["ip", "action", "at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_audit_entries_who_id_audit_entries_action_audit_entries_at"),
            ["who_id", "action", "at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_audit_entries_workspace_id_audit_entries_id"), ["workspace_id", "id"], unique=False
        )

    op.create_table(
        "security_alerts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_alerts")),
        sa.UniqueConstraint(
            "workspace_id",
            "kind",
            "subject",
            "period",
            name=op.f("uq_security_alerts_workspace_id_kind_subject_period"),
        ),
    )
    op.create_table(
        "login_places",
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("place_hash", sa.String(length=64), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.id"], name=op.f("fk_login_places_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "place_hash", name=op.f("pk_login_places")),
    )
    with op.batch_alter_table("login_places", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_places_seen_at"), ["seen_at"], unique=False)

    op.create_table(
        "recovery_codes",
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.id"], name=op.f("fk_recovery_codes_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "staff_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("secret", EncryptedText(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.id"], name=op.f("fk_staff_tokens_staff_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_tokens")),
    )
    with op.batch_alter_table("staff_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_tokens_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_staff_tokens_staff_id"), ["staff_id"], unique=False)

    op.create_table(
        "team_members",
        sa.Column("team_id", sa.String(length=40), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.id"], name=op.f("fk_team_members_staff_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_team_members_workspace_id")
        ),
        sa.PrimaryKeyConstraint("team_id", "staff_id", name=op.f("pk_team_members")),
    )
    with op.batch_alter_table("team_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_team_members_staff_id"), ["staff_id"], unique=False)

    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expires_at", UtcDateTime(), nullable=True))

    with op.batch_alter_table("staff_members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("second_factor_secret", EncryptedText(), nullable=True))
        batch_op.add_column(sa.Column("second_factor_on_at", UtcDateTime(), nullable=True))
        batch_op.add_column(
            sa.Column("second_factor_step", sa.BigInteger(), nullable=False, server_default="0")
        )

    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hours", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("deleted_at", UtcDateTime(), nullable=True))

    with op.batch_alter_table("workspaces", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hours", sa.Text(), nullable=True))
        batch_op.add_column(
            sa.Column("admins_need_second_factor", sa.Boolean(), nullable=False, server_default="0")
        )


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("workspaces", schema=None) as batch_op:
        batch_op.drop_column("admins_need_second_factor")
        batch_op.drop_column("hours")

    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.drop_column("deleted_at")
        batch_op.drop_column("hours")

    with op.batch_alter_table("staff_members", schema=None) as batch_op:
        batch_op.drop_column("second_factor_step")
        batch_op.drop_column("second_factor_on_at")
        batch_op.drop_column("second_factor_secret")

    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_column("expires_at")

    with op.batch_alter_table("team_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_team_members_staff_id"))

    op.drop_table("team_members")
    with op.batch_alter_table("staff_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_tokens_staff_id"))
        batch_op.drop_index(batch_op.f("ix_staff_tokens_expires_at"))

    op.drop_table("staff_tokens")
    op.drop_table("recovery_codes")
    with op.batch_alter_table("login_places", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_places_seen_at"))

    op.drop_table("login_places")
    op.drop_table("security_alerts")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_entries_workspace_id_audit_entries_id"))
        batch_op.drop_index(batch_op.f("ix_audit_entries_who_id_audit_entries_action_audit_entries_at"))
        batch_op.drop_index(batch_op.f("ix_audit_entries_ip_audit_entries_action_audit_entries_at"))

    op.drop_table("audit_entries")
