"""A seeded, messy table of contacts, and what becomes of each of its rows when it is imported.

Merged headers under a title (workbook) or two encodings in one file (CSV); dates in three spellings; phone
numbers without a country; rows about somebody known already, and about somebody of an earlier row; bad rows.
"""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

from openpyxl import Workbook

from crm.contacts.schemas import ContactCreate

GROUPS = (("Persoon", 2), ("Contact", 3), ("Gegevens", 5))
HEADERS = (
    "Voornaam",
    "Achternaam",
    "E-mail",
    "Telefoon",
    "Land",
    "Bedrijf",
    "Labels",
    "Klant sinds",
    "Budget",
    "Plan",
)
PLANS = ("Free", "Pro", "Enterprise")
FIRST_ROW = 5  # of the workbook; in CSV it is 2
_FIRST = ("Zoë", "Jürgen", "André", "Maria", "Piet", "Inés", "François", "Ömer", "Björn", "Sofía")
_LAST = ("de Vries", "Müller", "García", "Lefèvre", "Jansen", "Smith", "Núñez", "van der Berg", "Weiß")
_MONTHS = ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec")
_BAD = ("e-mail", "phone", "no address", "date", "number", "choice")


@dataclass
class Messy:
    """The rows, who exists before, and how many rows come to which end."""

    rows: list[list[str]] = field(default_factory=list)
    existing: list[ContactCreate] = field(default_factory=list)
    expected: Counter[str] = field(default_factory=Counter)
    bad: set[int] = field(default_factory=set)  # places among the rows

    def csv(self, seed: int) -> bytes:
        """As CSV: each line in UTF-8 or in Windows-1252, as if glued together."""
        dice = random.Random(seed)
        lines = []
        for row in [list(HEADERS), *self.rows]:
            line = io.StringIO()
            csv.writer(line, delimiter=";").writerow(row)
            lines.append(line.getvalue().encode("cp1252" if dice.random() < 0.2 else "utf-8"))
        return b"".join(lines)

    def xlsx(self) -> bytes:
        """As a workbook: a title over all columns, groups over some, dates of one spelling as real ones."""
        book = Workbook()
        sheet = book.worksheets[0]
        sheet.title = "Klanten"
        sheet.append(["Klantenbestand, export van 1 maart 2026"])
        sheet.merge_cells("A1:J1")
        sheet.append([])
        groups: list[str | None] = []
        for name, width in GROUPS:
            groups += [name, *[None] * (width - 1)]
        sheet.append(groups)
        sheet.merge_cells("A3:B3")
        sheet.merge_cells("C3:E3")
        sheet.merge_cells("F3:J3")
        sheet.append(HEADERS)
        for row in self.rows:
            cells: list[object] = list(row)
            if len(row[7]) == 10 and row[7][4] == "-":
                cells[7] = date.fromisoformat(row[7])
            sheet.append(cells)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()


def make(seed: int, rows: int, *, bad: int) -> Messy:
    """`rows` rows, of which `bad` are refused; of 20 one is about somebody of an earlier row."""
    dice = random.Random(seed)
    messy = Messy()
    kinds = ["bad"] * bad + ["again"] * (rows // 25) + ["same"] * (rows // 100) + ["known"] * (rows // 50)
    kinds += ["new"] * (rows - len(kinds))
    dice.shuffle(kinds)
    kinds.sort(key=lambda kind: kind == "again" or kind == "same")  # these need somebody before them
    half = rows // 2
    kinds = [*kinds[:half], *dice.sample(kinds[half:], rows - half)]
    people: list[list[str]] = []
    for place, kind in enumerate(kinds):
        if kind in ("again", "same"):
            row = people.pop(dice.randrange(len(people)))
            if kind == "again":
                row = _other_spelling(dice, row, place)
            messy.expected["updated" if kind == "again" else "skipped"] += 1
        else:
            row = _row(dice, place)
            if kind == "bad":
                _spoil(row, _BAD[len(messy.bad) % len(_BAD)])
                messy.bad.add(place)
                messy.expected["failed"] += 1
            else:
                people.append(row)
                messy.expected["created" if kind == "new" else "updated"] += 1
            if kind == "known":
                messy.existing.append(_existing(row))
        messy.rows.append(row)
    return messy


def _row(dice: random.Random, place: int) -> list[str]:
    german = dice.random() < 0.2
    email, phone = f"Person.{place}@Example.com", _phone(dice, place, german=german)
    only = dice.random()
    if only < 0.2:
        email = ""  # a phone number alone is enough
    elif only < 0.35:
        phone = ""
    labels = ", ".join(dice.sample(("vip", "hotlead", "#nieuwsbrief", "beurs"), dice.randrange(3)))
    return [
        dice.choice(_FIRST),
        dice.choice(_LAST),
        email,
        phone,
        "Duitsland" if german else dice.choice(("Nederland", "")),
        f"Firma {place}; Söhne" if dice.random() < 0.5 else "",
        labels,
        _date(dice),
        dice.choice(("1.250,50", "€ 900", "12,5", "")),
        dice.choice((*PLANS, "pro", "")),
    ]


def _phone(dice: random.Random, place: int, *, german: bool) -> str:
    number = f"151{10_000_000 + place}" if german else f"6{10_000_000 + place}"
    code = "49" if german else "31"
    spellings = (f"+{code} {number}", f"0{number[:3]} {number[3:]}", f"00{code}{number}")
    return dice.choice(spellings)


def _date(dice: random.Random) -> str:
    day = date(2020, 1, 1) + timedelta(days=dice.randrange(2200))
    spellings = (
        day.isoformat(),
        day.strftime("%d/%m/%Y"),
        f"{day.day} {_MONTHS[day.month - 1]} {day.year}",
        "",
    )
    return dice.choice(spellings)


def _other_spelling(dice: random.Random, row: list[str], place: int) -> list[str]:
    """The same person by one address, written otherwise; empty cells, and a new company."""
    by_email = bool(row[2]) and (not row[3] or dice.random() < 0.5)
    phone = "" if by_email else row[3].replace(" ", "-")
    return ["", "", row[2].upper() if by_email else "", phone, row[4], f"Nieuw {place}", "", "", "", ""]


def _spoil(row: list[str], how: str) -> None:
    if how == "e-mail":
        row[2] = "niet bekend"
    elif how == "phone":
        row[3] = "0612345678901234567890"
    elif how == "no address":
        row[2] = row[3] = ""
    elif how == "date":
        row[7] = "31/02/2026"
    elif how == "number":
        row[8] = "veel"
    else:
        row[9] = "Platinum"


def _existing(row: list[str]) -> ContactCreate:
    """Somebody with one address of the row, and another company."""
    country = "DE" if row[4] == "Duitsland" else "NL"
    phone = row[3] if not row[3].startswith("0") or row[3].startswith("00") else _with_code(row[3], country)
    if row[2]:
        return ContactCreate(emails=[row[2].lower()], company="Oud")
    return ContactCreate(phones=[phone], company="Oud")


def _with_code(phone: str, country: str) -> str:
    return f"+{'49' if country == 'DE' else '31'}{phone.replace(' ', '')[1:]}"
