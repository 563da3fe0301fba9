from __future__ import annotations

import pytest

from knowledge.language import detect, languages_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wat kost het?", "nl"),
        ("mijn pakket is niet aangekomen", "nl"),
        ("En op zondag?", "nl"),
        ("Ik wil een medewerker spreken", "nl"),
        ("How much is shipping?", "en"),
        ("Where's my parcel?", "en"),
        ("Was kostet das?", "de"),
        ("Wo ist mein Paket AB-1234?", "de"),
        ("und sonntags?", "de"),
        ("¿Cuánto cuesta el envío?", "es"),
        ("quiero hablar con una persona", "es"),
        ("Combien coûte la livraison ?", "fr"),
        ("merci beaucoup", "fr"),
        ("Quanto costa la spedizione?", "it"),
        ("Qual é o prazo de entrega?", "pt"),
        ("Ile kosztuje wysyłka?", "pl"),
        ("Kargo ne kadar?", "tr"),
        ("Hur mycket kostar frakten?", "sv"),
        ("Hvad koster fragten?", "da"),
        ("Phí giao hàng là bao nhiêu?", "vi"),
        ("Сколько стоит доставка?", "ru"),
        ("Скільки коштує доставка?", "uk"),
        ("送料はいくらですか", "ja"),
        ("배송비가 얼마예요?", "ko"),
        ("ค่าส่งเท่าไหร่", "th"),
        ("ما هي تكلفة الشحن؟", "ar"),
        ("Πόσο κοστίζει;", "el"),
        ("כמה עולה המשלוח?", "he"),
        ("शिपिंग का खर्च कितना है?", "hi"),
        ("运费多少？", "zh"),
        ("iPhone 15 的运费是多少？", "zh"),
    ],
)
def test_that_a_short_question_shows_its_language(text: str, language: str) -> None:
    assert detect(text, "en" if language != "en" else "nl") == language


@pytest.mark.parametrize(
    "text", ["", "12345", "AB-1234", "ok", "👍", "a@shop.example", "https://shop.example/en"]
)
@pytest.mark.parametrize("fallback", ["nl", "en", "de"])
def test_that_a_text_without_a_language_gets_the_fallback(text: str, fallback: str) -> None:
    assert detect(text, fallback) == fallback


def test_that_a_word_of_two_languages_gets_the_fallback() -> None:
    assert [detect("Hallo!", language) for language in ("nl", "de")] == ["nl", "de"]


def test_that_the_languages_of_sources_are_told_from_samples_of_each() -> None:
    english = "The kettle switches itself off when the water boils."
    dutch = "De bezorgkosten zijn 3,50 euro en we bezorgen op werkdagen."
    german = "Wir liefern innerhalb von zwei Tagen, wenn Sie vor Mittag bestellen."
    site = [("site", text) for text in [english] * 600 + [dutch] * 400]
    assert languages_of(site) == ("en", "nl")
    assert languages_of([*site, ("a", german), ("b", german), ("c", german)]) == ("de", "en", "nl")
    assert languages_of([("a", english)] * 50 + [("a", german)]) == ("en",)
    assert languages_of([("list", "AB-12"), ("list", "9 99")]) == ()
    assert languages_of([]) == ()
    many = [(f"source {number}", english if number % 5 else dutch) for number in range(500)]
    assert languages_of(many) == ("en", "nl")
