"""The catalogue is whole in every language, and an override cannot break or reach anything."""

from __future__ import annotations

import re

import pytest

from crm.teams import texts

PLACEHOLDER = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("key", texts.keys())
def test_that_every_text_exists_in_every_language_with_the_same_placeholders(key: str) -> None:
    shown = [texts.text(key, language) for language in texts.languages()]
    assert all(shown)
    assert len({frozenset(PLACEHOLDER.findall(one)) for one in shown}) == 1


def test_that_values_are_put_in_and_the_language_may_carry_a_region() -> None:
    assert texts.text("handoff_done", "nl-NL", team="Verkoop") == "Ik verbind je door met Verkoop."
    assert texts.text("place_row", "de_AT", sheet="Preise", row=4) == "Preise, Zeile 4"


def test_that_an_unknown_language_is_english_and_an_unknown_key_an_error() -> None:
    assert texts.text("widget_send", "ja") == "Send"
    with pytest.raises(KeyError):
        texts.text("no_such_text", "en")


def test_that_an_override_replaces_one_language_and_looks_up_whole_names_only() -> None:
    overrides = {"handoff_done": {"en": "{team.__class__} {missing} takes over: {team}"}}
    assert texts.text("handoff_done", "en", overrides, team="Sales") == (
        "{team.__class__} {missing} takes over: Sales"
    )
    assert texts.text("handoff_done", "fr", overrides, team="Sales") == texts.text(
        "handoff_done", "fr", team="Sales"
    )


def test_that_a_value_is_never_read_as_a_pattern() -> None:
    assert texts.text("place_row", "en", sheet="{row}", row=4) == "{row}, row 4"


def test_that_the_widget_gets_all_its_texts_without_their_prefix() -> None:
    shown = texts.widget_texts("es", {"widget_title": {"es": "Pregúntenos"}})
    assert shown["title"] == "Pregúntenos"
    assert shown["send"] == "Enviar"
    assert {"placeholder", "typing", "reconnecting", "ended", "conversation_log"} <= shown.keys()


def test_that_a_language_is_called_by_the_name_the_customer_uses() -> None:
    named = {language: texts.language_name("en", language) for language in texts.languages()}
    assert named == {"nl": "Engels", "en": "English", "de": "Englisch", "es": "inglés", "fr": "anglais"}
    assert texts.language_name("vi", "nl-NL") == "Vietnamees"
    assert texts.language_name("xx", "pl") == "xx"
    note = texts.text("source_language_note", "de", source_language=texts.language_name("nl", "de"))
    assert note == "Unsere Informationen dazu sind auf Niederländisch; ich zitiere sie unverändert."
