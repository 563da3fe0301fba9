"""Questions without an answer"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from agentflow.kit.db import EncryptedText, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Questions without an answer."""
    op.create_table(
        "knowledge_gaps",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("knowledge_base_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("draft_question", EncryptedText(), nullable=True),
        sa.Column("draft_answer", EncryptedText(), nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("checked_generation", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["knowledge_base_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_knowledge_gaps_knowledge_base_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_gaps")),
    )
    op.create_index(
        op.f("ix_knowledge_gaps_knowledge_base_id"), "knowledge_gaps", ["knowledge_base_id"], unique=False
    )

    op.create_table(
        "unanswered_questions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace_id", sa.String(length=40), nullable=False),
        sa.Column("knowledge_base_id", sa.String(length=40), nullable=False),
        sa.Column("agent_id", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("gap_id", sa.String(length=40), nullable=True),
        sa.Column("question", EncryptedText(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gap_id"], ["knowledge_gaps.id"], name=op.f("fk_unanswered_questions_gap_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["knowledge_base_id"],
            ["knowledge_bases.id"],
            name=op.f("fk_unanswered_questions_knowledge_base_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unanswered_questions")),
    )
    op.create_index(
        op.f("ix_unanswered_questions_asked_at"), "unanswered_questions", ["asked_at"], unique=False
    )
    op.create_index(op.f("ix_unanswered_questions_gap_id"), "unanswered_questions", ["gap_id"], unique=False)
    op.create_index(
        op.f("ix_unanswered_questions_knowledge_base_id"),
        "unanswered_questions",
        ["knowledge_base_id"],
        unique=False,
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index(op.f("ix_unanswered_questions_knowledge_base_id"), table_name="unanswered_questions")
    op.drop_index(op.f("ix_unanswered_questions_gap_id"), table_name="unanswered_questions")
    op.drop_index(op.f("ix_unanswered_questions_asked_at"), table_name="unanswered_questions")

    op.drop_table("unanswered_questions")
    op.drop_index(op.f("ix_knowledge_gaps_knowledge_base_id"), table_name="knowledge_gaps")

    op.drop_table("knowledge_gaps")
