"""The audit log by record and by person; the CSRF token comes from the log-in itself"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The audit log by record and by person; the CSRF token comes from the log-in itself."""
    op.create_table(
        "audit_records",
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "record_id", name=op.f("pk_audit_records")),
    )
    each = (
        "json_each(record_ids)"
        if op.get_bind().dialect.name == "sqlite"
        else "json_array_elements_text(record_ids::json)"
    )
    op.execute(
        "INSERT INTO audit_records (entry_id, record_id) "
        f"SELECT audit_entries.id, each.value FROM audit_entries, {each} AS each"
    )
    op.create_index(
        op.f("ix_audit_records_record_id_audit_records_entry_id"),
        "audit_records",
        ["record_id", "entry_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entries_workspace_id_audit_entries_who_id_audit_entries_id"),
        "audit_entries",
        ["workspace_id", "who_id", "id"],
        unique=False,
    )
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.drop_column("csrf_hash")


def downgrade() -> None:
    """Undo it; every log-in ends."""
    op.execute("DELETE FROM login_sessions")
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("csrf_hash", sa.String(length=64), nullable=False))
    op.drop_index(
        op.f("ix_audit_entries_workspace_id_audit_entries_who_id_audit_entries_id"),
        table_name="audit_entries",
    )
    op.drop_table("audit_records")
