"""Questions without an answer in both stores: grouped, drafted, published, closed, dismissed, forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentflow.kit.clock import ManualClock
from agentflow.kit.errors import Conflict, InvalidInput, NotFound
from agentflow.kit.pagination import BadCursor
from knowledge.gaps import faq, service
from knowledge.gaps.schemas import Draft, DraftEdit, GapRead, GapState, Unanswered
from knowledge.ingest import ingest
from knowledge.search import Searcher
from tests.library import OPENING, RETURNS, WORKSPACE, Library

PARKING = "Where can I park my car near the shop?"
PARKING_TOO = "Is there somewhere to park my car near your shop?"
GIFTS = "Do you sell gift cards?"
DUTCH = "Hoe zeg ik mijn lidmaatschap op?"
DUTCH_TOO = "Hoe kan ik mijn lidmaatschap opzeggen?"
ANSWER = "You can park your car for free behind the shop, in the yard on the left-hand side of the building."


async def ask(library: Library, *questions: str, known: bool = False, language: str = "en") -> None:
    """Customers ask and get no answer."""
    for question in questions:
        vector = await asyncio.to_thread(library.deps.embedder.embed_query, question)
        async with library.db.transaction() as session:
            gap = Unanswered(library.id, question, language, known, vector)
            service.note(session, WORKSPACE, "agt_1", "cnv_1", gap)


async def groups(library: Library, *states: GapState, workspace_id: str = WORKSPACE) -> list[GapRead]:
    await service.gather(library.db, library.deps.embedder, workspace_id, library.id)
    async with library.db.read() as session:
        return await service.list_gaps(session, workspace_id, library.id, states=states)


async def publish(library: Library, gap: GapRead, edit: DraftEdit) -> None:
    async with library.db.transaction() as session:
        drafted = await service.draft(session, WORKSPACE, gap.id, edit)
    assert drafted.draft is not None
    source = await faq.append(library.db, library.files, WORKSPACE, library.id, drafted.draft)
    async with library.db.transaction() as session:
        await service.mark_published(session, WORKSPACE, gap.id)
    await ingest(library.deps, source.id, source.version)


async def test_that_questions_that_ask_for_the_same_are_one_group(library: Library) -> None:
    await ask(library, PARKING, GIFTS, DUTCH, PARKING_TOO, DUTCH_TOO, PARKING)
    found = await groups(library)
    assert [(gap.count, gap.question) for gap in found] == [(3, PARKING), (2, DUTCH), (1, GIFTS)]
    assert found[0].examples == [PARKING, PARKING_TOO]
    assert (found[0].state, found[0].draft, found[0].language) == (GapState.OPEN, None, "en")
    await ask(library, "Can I buy a gift card?")
    assert [(gap.count, gap.question) for gap in await groups(library)] == [
        (3, PARKING),
        (2, DUTCH),
        (2, GIFTS),
    ]


async def test_that_questions_in_other_scripts_are_grouped_by_their_letters(library: Library) -> None:
    await ask(library, "我可以在哪里停车？", "我在哪里可以停车？", "你们卖礼品卡吗？")
    assert [gap.count for gap in await groups(library)] == [2, 1]


async def test_that_two_who_group_at_once_make_each_group_once(library: Library) -> None:
    await ask(library, PARKING, GIFTS, PARKING_TOO)
    await asyncio.gather(*(groups(library) for _ in range(3)))
    assert [gap.count for gap in await groups(library)] == [2, 1]


async def test_that_an_answer_in_the_faq_is_found_and_closes_its_group(
    library: Library, searcher: Searcher
) -> None:
    await library.add("returns.txt", RETURNS)
    await library.add("opening.txt", OPENING)
    await ask(library, PARKING, PARKING_TOO, GIFTS)
    parking, gifts = await groups(library)
    await service.sweep(library.db, searcher, library.deps.embedder)
    assert len(await groups(library)) == 2
    await publish(library, parking, DraftEdit(answer=ANSWER))
    best = (await searcher.search(WORKSPACE, library.id, PARKING)).passages[0]
    assert (best.source, ANSWER in best.text) == ("FAQ.txt", True)
    await service.sweep(library.db, searcher, library.deps.embedder)
    assert [gap.id for gap in await groups(library)] == [gifts.id]
    (closed,) = await groups(library, GapState.CLOSED)
    assert (closed.id, closed.published_at is not None) == (parking.id, True)
    # Asked in vain again, it is shown again.
    await ask(library, PARKING_TOO)
    assert (await groups(library))[0].id == parking.id
    await service.sweep(library.db, searcher, library.deps.embedder)
    assert (await groups(library))[0].state == GapState.DRAFTED


async def test_that_any_new_source_closes_what_it_answers(library: Library, searcher: Searcher) -> None:
    await library.add("opening.txt", OPENING)
    question = "How much does the return label cost?"
    await ask(library, question)
    await ask(library, "When do you open on Saturday?", known=True)
    await service.sweep(library.db, searcher, library.deps.embedder)
    assert len(await groups(library)) == 2
    await library.add("returns.txt", RETURNS)
    await service.sweep(library.db, searcher, library.deps.embedder)
    # What the search had known all along needs an answer of its own.
    assert [gap.question for gap in await groups(library)] == ["When do you open on Saturday?"]
    assert [gap.question for gap in await groups(library, GapState.CLOSED)] == [question]


async def test_that_entries_are_added_below_each_other_once_each(library: Library) -> None:
    first, second = Draft(question="Where can I park?", answer=ANSWER), Draft(question=GIFTS, answer="No.")
    await faq.append(library.db, library.files, WORKSPACE, library.id, first)
    # While the first one waits to be read, the second is added to it; none is lost to another.
    await asyncio.gather(
        *(faq.append(library.db, library.files, WORKSPACE, library.id, entry) for entry in (second, first))
    )
    (source,) = await library.sources()
    text = (await library.files.get(f"sources/{source.id}/{source.version}")).decode()
    assert source.name == "FAQ.txt"
    assert text == f"# Where can I park?\n\n{ANSWER}\n\n# {GIFTS}\n\nNo.\n"


async def test_that_a_faq_that_is_no_text_is_not_overwritten(library: Library) -> None:
    await library.upload("FAQ.txt", "Où est la boutique ?".encode("latin-1"))
    entry = Draft(question=GIFTS, answer="No.")
    with pytest.raises(Conflict, match="UTF-8"):
        await faq.append(library.db, library.files, WORKSPACE, library.id, entry)
    assert [source.version for source in await library.sources()] == [1]


async def test_that_a_draft_needs_an_answer_to_be_published(library: Library) -> None:
    await ask(library, f"  {PARKING}\n\nThanks  ")
    (gap,) = await groups(library)
    async with library.db.transaction() as session:
        drafted = await service.draft(session, WORKSPACE, gap.id, DraftEdit())
    assert drafted.draft == Draft(question=f"{PARKING} Thanks", answer="")
    assert drafted.state == GapState.DRAFTED
    with pytest.raises(InvalidInput, match="Write an answer"):
        await faq.append(library.db, library.files, WORKSPACE, library.id, drafted.draft)
    assert await library.sources() == []


async def test_that_the_nearest_sentences_are_suggested(library: Library, searcher: Searcher) -> None:
    await library.add("returns.txt", RETURNS)
    await ask(library, "Who pays for the return label of a broken lamp?")
    (gap,) = await groups(library)
    (quote,) = await service.suggest(searcher, WORKSPACE, gap)
    assert (quote.source, quote.quote) == ("returns.txt", "The return label costs 4.95 euro.")


async def test_that_a_dismissed_group_stays_away_until_it_is_reopened(library: Library) -> None:
    await ask(library, PARKING, GIFTS)
    gap = next(one for one in await groups(library) if one.question == PARKING)
    async with library.db.transaction() as session:
        assert (await service.dismiss(session, WORKSPACE, gap.id)).state == GapState.DISMISSED
    await ask(library, PARKING_TOO)
    assert [one.question for one in await groups(library)] == [GIFTS]
    assert [one.count for one in await groups(library, GapState.DISMISSED)] == [2]
    async with library.db.transaction() as session:
        assert (await service.reopen(session, WORKSPACE, gap.id)).state == GapState.OPEN
    assert len(await groups(library)) == 2


async def test_that_pages_hold_each_group_once(library: Library) -> None:
    await ask(library, PARKING, GIFTS, "Who designed the oak table?", PARKING_TOO)
    await service.gather(library.db, library.deps.embedder, WORKSPACE, library.id)
    seen, after = [], None
    async with library.db.read() as session:
        while page := await service.list_gaps(session, WORKSPACE, library.id, after=after, limit=1):
            seen += page
            after = service.cursor_of_gap(page[0])
        assert [gap.count for gap in seen] == [2, 1, 1]
        assert len({gap.id for gap in seen}) == 3
        for wrong in ("x|gap_1", "3", "-1|gap_1"):
            with pytest.raises(BadCursor):
                await service.list_gaps(session, WORKSPACE, library.id, after=wrong)


async def test_that_nothing_is_kept_for_longer_than_ninety_days(library: Library, clock: ManualClock) -> None:
    await ask(library, PARKING, GIFTS)
    assert len(await groups(library)) == 2
    clock.advance(timedelta(days=60))
    await ask(library, PARKING_TOO)
    clock.advance(timedelta(days=31))
    assert [gap.count for gap in await groups(library)] == [2, 1]
    await service.forget(library.db)
    (left,) = await groups(library)
    assert (left.count, left.question, left.examples) == (1, PARKING_TOO, [PARKING_TOO])


async def test_that_another_workspace_sees_and_changes_nothing(library: Library) -> None:
    await ask(library, PARKING)
    (gap,) = await groups(library)
    with pytest.raises(NotFound):
        await groups(library, workspace_id="wsp_other")
    async with library.db.transaction() as session:
        for refused in (service.get_gap, service.dismiss, service.reopen, service.mark_published):
            with pytest.raises(NotFound):
                await refused(session, "wsp_other", gap.id)
        with pytest.raises(NotFound):
            await service.draft(session, "wsp_other", gap.id, DraftEdit())
        assert await service.list_gaps(session, "wsp_other", library.id) == []
    with pytest.raises(NotFound):
        await faq.append(library.db, library.files, "wsp_other", library.id, Draft(question="a", answer="b"))
