"""E-mail addresses and phone numbers in one spelling, so that the same person is found by any other.

In three countries a mobile number has two spellings, and providers do not agree on which to give: Brazil
(with or without the ninth digit), Mexico (with or without a 1 after 52), Argentina (with or without a 9
after 54). The key takes one; for sending, what was given is kept.
"""

from __future__ import annotations

import re
import unicodedata

import phonenumbers

from crm.contacts.errors import BadEmail, BadPhone
from crm.contacts.schemas import AddressKind

_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\.]+(?:\.[^\s@<>,;:\"()\[\]\\.]+)+")
MAX_EMAIL = 254
MAX_PHONE = 40
_BRAZIL, _MEXICO, _ARGENTINA = 55, 52, 54


def is_region(code: str) -> bool:
    """Whether phone numbers have this country, by ISO 3166-1 alpha-2."""
    return code in phonenumbers.SUPPORTED_REGIONS


def email_key(value: str) -> str:
    """The key of an e-mail address. Raises BadEmail."""
    key = unicodedata.normalize("NFKC", value).strip().casefold()
    if len(value) > MAX_EMAIL or len(key) > MAX_EMAIL or not key.isprintable() or not _EMAIL.fullmatch(key):
        raise BadEmail(f"“{value[:60]}” is no e-mail address such as ada@example.com.", field="emails")
    return key


def phone_key(value: str, region: str | None) -> str:
    """The key of a phone number; one without country code is of `region`. Raises BadPhone."""
    shown = value[:MAX_PHONE]
    if len(value) > MAX_PHONE:
        raise BadPhone(f"“{shown}…” is longer than {MAX_PHONE} characters.", field="phones")
    text = unicodedata.normalize("NFKC", value).strip()
    text = "+" + text[2:] if text.startswith("00") else text
    if region is None and not text.startswith("+"):
        raise BadPhone(
            f"“{shown}” has no country code, and the workspace has no country: write it as +31 6 12345678.",
            field="phones",
        )
    try:
        number = _with_one_spelling(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException as wrong:
        raise BadPhone(f"“{shown}” is no phone number such as +31 6 12345678.", field="phones") from wrong
    if number.extension or not phonenumbers.is_possible_number(number):
        raise BadPhone(f"“{shown}” has too few or too many digits for a phone number.", field="phones")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def address_key(kind: AddressKind, value: str, region: str | None) -> str:
    """The key of either. Raises BadEmail, BadPhone."""
    return email_key(value) if kind is AddressKind.EMAIL else phone_key(value, region)


def _with_one_spelling(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    digits = str(number.national_number)
    if number.country_code == _BRAZIL and len(digits) == 10 and digits[2] in "6789":
        digits = f"{digits[:2]}9{digits[2:]}"
    elif (number.country_code == _MEXICO and len(digits) == 11 and digits[0] == "1") or (
        number.country_code == _ARGENTINA and len(digits) == 11 and digits[0] == "9"
    ):
        digits = digits[1:]
    number.national_number = int(digits)
    return number
