"""A contact's page holds every group, and the panel of a conversation the same."""

from __future__ import annotations

import pytest

from crm.contacts.activity.schemas import ActivityKind
from crm.contacts.errors import ContactNotFound
from crm.contacts.profile import service as profiles
from crm.contacts.profile.schemas import ActionKind, QuickAction
from tests.crm.contacts.test_merging import merge, two
from tests.talk import Talk, make_talk


async def test_that_a_profile_holds_every_group(talk: Talk) -> None:
    maria, other = await two(talk)
    await merge(talk, maria, other)
    async with talk.db.read() as session:
        profile = await profiles.get_profile(session, talk.workspace_id, maria)
    assert profile.left.contact.name == "Maria Silva"
    assert {one.key for one in profile.left.properties} == {"size", "colour"}
    middle = profile.middle
    assert middle.activity[0].kind == ActivityKind.MERGED
    assert sorted(one.title for one in middle.objects) == ["vis_1", "vis_2"]
    assert sorted(one.text for one in middle.notes) == ["About vis_1", "About vis_2"]
    assert sorted(one.name for one in middle.files) == ["vis_1.pdf", "vis_2.pdf"]
    assert len(middle.reminders) == 2
    assert sorted(label.name for label in profile.right.labels) == ["both", "lead", "vip"]
    assert profile.right.quick_actions[0] == QuickAction(kind=ActionKind.CALL, target="+5511987654321")
    assert len(profile.right.quick_actions) == 4
    stranger = await make_talk(talk.db)
    async with talk.db.read() as session:
        with pytest.raises(ContactNotFound):
            await profiles.get_profile(session, stranger.workspace_id, maria)
