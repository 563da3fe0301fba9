"""What is seen in columns and cells: headers in five languages, dates in any order, numbers, names."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.contacts.cells import csv_lines, guarded, joined, parted, unguarded
from crm.contacts.imports.columns import seen, suggest
from crm.contacts.imports.schemas import DateOrder
from crm.contacts.imports.values import (
    BadCell,
    parse_boolean,
    parse_country,
    parse_date,
    parse_language,
    parse_number,
    split_name,
)
from knowledge.reading import GridSheet


def sheet(header: list[str], *rows: list[str]) -> GridSheet:
    cells = [
        (number, {at: text for at, text in enumerate(row) if text}) for number, row in enumerate(rows, 2)
    ]
    return GridSheet("", dict(enumerate(header)), 1, cells)


def suggested(
    header: list[str], *rows: list[str], properties: dict[str, str] | None = None
) -> dict[int, str]:
    columns = seen(sheet(header, *rows), order=DateOrder.DAY_FIRST, decimal=".")
    return {one.column: one.target for one in suggest(columns, properties or {})}


@pytest.mark.parametrize(
    "header",
    [
        ["Voornaam", "Achternaam", "E-mailadres", "Telefoonnummer", "Land", "Bedrijf", "Functie"],
        ["First Name", "last_name", "EMAIL", "Phone number", "Country", "Company", "Job title"],
        ["Vorname", "Nachname", "E-Mail-Adresse", "Handy", "Land", "Firma", "Position"],
        ["Nombre de pila", "Apellidos", "Correo electrónico", "Teléfono", "País", "Empresa", "Puesto"],
        ["Prénom", "Nom de famille", "Courriel", "Numéro de téléphone", "Pays", "Société", "Poste"],
    ],
)
def test_that_headers_are_known_in_five_languages(header: list[str]) -> None:
    targets = ["first_name", "last_name", "email", "phone", "country", "company", "job_title"]
    assert suggested(header) == dict(enumerate(targets))


def test_that_cells_tell_what_a_header_does_not() -> None:
    rows = [["ada@example.com", "+31 6 12345678", "x"], ["bob@example.com", "06-87654321", "y"]]
    assert suggested(["Column A", "Column B", "Column C"], *rows) == {0: "email", 1: "phone"}


def test_that_a_column_called_name_with_addresses_in_it_is_no_name() -> None:
    assert suggested(["Name"], ["ada@example.com"], ["bob@example.com"]) == {0: "email"}


def test_that_custom_properties_are_found_by_name_and_key() -> None:
    header = ["E-mail", "Customer since", "plan"]
    found = suggested(header, properties={"since": "Customer since", "plan": "Abonnement"})
    assert found == {0: "email", 1: "property:since", 2: "property:plan"}


@pytest.mark.parametrize(
    ("cells", "order", "decided_by"),
    [
        (["25/03/2026", "01/03/2026"], "day_first", "rows"),
        (["03/25/2026", "01/03/2026"], "month_first", "rows"),
        (["01/03/2026", "02/03/2026"], "day_first", "workspace"),
        (["25/03/2026", "03/25/2026", "01/03/2026"], None, "conflict"),
    ],
)
def test_that_the_rows_decide_the_order_of_day_and_month(
    cells: list[str], order: str | None, decided_by: str
) -> None:
    (column,) = seen(sheet(["Since"], *([one] for one in cells)), order=DateOrder.DAY_FIRST, decimal=".")
    assert column.dates is not None
    assert (column.dates.order, column.dates.decided_by) == (order, decided_by)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "01/03/2026",
        "1.3.2026",
        "1 Mar 2026",
        "1 mrt 2026",
        "1. März 2026",
        "1 de marzo de 2026",
    ],
)
def test_that_a_date_is_read_in_any_spelling(text: str) -> None:
    assert parse_date(text, DateOrder.DAY_FIRST) == date(2026, 3, 1)


def test_that_an_american_date_is_read_and_an_ambiguous_one_refused() -> None:
    assert parse_date("March 1, 2026", None) == date(2026, 3, 1)
    assert parse_date("03/01/2026", DateOrder.MONTH_FIRST) == date(2026, 3, 1)
    for text, code in (("01/03/2026", "ambiguous_date"), ("31/02/2026", "bad_date"), ("soon", "bad_date")):
        with pytest.raises(BadCell) as bad:
            parse_date(text, None)
        assert bad.value.code == code


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.250,50", ".", 1250.5),
        ("1,250.50", ",", 1250.5),
        ("1.234", ",", 1234),
        ("1.234", ".", 1.234),
        ("€ 900", ",", 900),
        ("12,5 %", ".", 12.5),
        ("1.234.567", ".", 1234567),
        ("-3", ".", -3),
    ],
)
def test_that_numbers_are_read_with_either_mark(text: str, decimal: str, value: float) -> None:
    assert parse_number(text, decimal) == value


def test_that_names_of_countries_and_languages_are_codes() -> None:
    countries = [parse_country(name) for name in ("Duitsland", "Germany", "de", "España", "Pays-Bas", "UK")]
    assert countries == ["DE", "DE", "DE", "ES", "NL", "GB"]
    assert [parse_language(name) for name in ("Dutch", "nl", "pt-BR", "français")] == [
        "nl",
        "nl",
        "pt-BR",
        "fr",
    ]
    assert (parse_boolean("Ja"), parse_boolean("nein")) == (True, False)
    assert split_name("Vries, Anna de") == ("Anna de", "Vries")
    assert split_name("Anna de Vries") == ("Anna", "de Vries")


@given(st.text())
def test_that_no_cell_is_a_formula_and_each_comes_back(text: str) -> None:
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r") or not text
    assert unguarded(guarded(text)) == text


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), unique=True))
def test_that_labels_in_one_cell_come_apart_again(labels: list[str]) -> None:
    assert not labels or parted(joined(labels)) == labels


def test_that_a_csv_line_quotes_everything() -> None:
    assert csv_lines([["=1+1", 'a "b"', ""]]) == '"\'=1+1","a ""b""",""\r\n'
