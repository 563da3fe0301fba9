from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.kit.pagination import BadCursor, decode_cursor, encode_cursor, page_of


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1))
def test_that_a_cursor_comes_back_as_it_went(position: str) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@pytest.mark.parametrize("cursor", ["", "?", "a", "AAAA", "/w", "w6", "gA", "aWQ=", " aWQ"])
def test_that_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(cursor)


def test_that_pages_join_to_the_whole_list() -> None:
    numbers = [f"{n:03}" for n in range(25)]
    seen: list[str] = []
    cursor = None
    while True:
        after = decode_cursor(cursor)
        rest = [number for number in numbers if after is None or number > after]
        page = page_of(rest, limit=10, cursor_of=str)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == numbers


def test_that_a_full_last_page_has_no_next() -> None:
    assert page_of(["a", "b"], limit=2, cursor_of=str).next_cursor is None
