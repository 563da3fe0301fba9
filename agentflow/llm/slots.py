"""Arguments for a tool, read from what the customer wrote by the tool's JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import phonenumbers

Schema = Mapping[str, object]
Value = str | int | float | bool | list[str]

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_REFERENCE = re.compile(r"(?<![\w-])(?=[A-Za-z0-9-]*\d)[A-Za-z]{0,5}[-#]?\d[\dA-Za-z-]{2,}(?![\w-])")
_URL = re.compile(r"https?://[^\s<>\"']+")
_INTEGER = re.compile(r"(?<![\w.,-])\d{1,9}(?![\w-]|[.,]\d)")
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)?(?![\w-])")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})[-./](\d{1,2})[-./](\d{4})(?!\d)")
_NAME = re.compile(
    r"(?i:my name is|i am called|this is|mijn naam is|ik heet|mein name ist|ich hei(?:ss|ß)e|me llamo|"
    r"mi nombre es|je m'appelle|mon nom est)\s+((?:[A-ZÀ-Þ][\w'’-]+\s?){1,4})"
)
# A parameter that takes the message itself.
_FREE_TEXT = (
    "query",
    "question",
    "reason",
    "message",
    "text",
    "description",
    "note",
    "summary",
    "body",
    "subject",
)
_REFERENCES = (
    "order",
    "number",
    "reference",
    "ticket",
    "invoice",
    "tracking",
    "parcel",
    "booking",
    "code",
    "_id",
)
_REGIONS = {"nl": "NL", "de": "DE", "es": "ES", "fr": "FR", "en": "GB"}


def fill(schema: Schema, message: str, language: str) -> dict[str, Value]:
    """The arguments that `message` gives, for the `properties` of a JSON schema."""
    properties = schema.get("properties")
    found: dict[str, Value] = {}
    for name, spec in properties.items() if isinstance(properties, Mapping) else ():
        value = _value(str(name), _resolved(spec, schema), message, language)
        if value is not None:
            found[str(name)] = value
    return found


def missing(schema: Schema, arguments: Mapping[str, Value]) -> list[str]:
    """The required parameters without a value."""
    required = schema.get("required")
    return [str(name) for name in required if name not in arguments] if isinstance(required, Sequence) else []


def label(schema: Schema, name: str) -> str:
    """What to call a parameter when asking for it: its title in words, else its name."""
    properties = schema.get("properties")
    spec = properties.get(name) if isinstance(properties, Mapping) else None
    title = spec.get("title") if isinstance(spec, Mapping) else None
    return str(title or name).replace("_", " ").lower()


def _resolved(spec: object, schema: Schema) -> Schema:
    """The parameter's own schema, through a $ref and past "or null"."""
    if not isinstance(spec, Mapping):
        return {}
    if isinstance(spec.get("anyOf"), list):
        return _resolved(next((part for part in spec["anyOf"] if part.get("type") != "null"), {}), schema)
    if isinstance(spec.get("$ref"), str):
        definitions = schema.get("$defs")
        return _resolved(
            definitions.get(spec["$ref"].rsplit("/", 1)[-1]) if isinstance(definitions, Mapping) else {},
            schema,
        )
    return spec


def _value(name: str, spec: Schema, message: str, language: str) -> Value | None:
    if "const" in spec or "enum" in spec:
        return _choice(spec.get("enum") or [spec.get("const")], message)
    hint = f"{name} {spec.get('title', '')} {spec.get('format', '')}".lower()
    kind = spec.get("type", "string")
    if kind == "integer":
        match = _INTEGER.search(message)
        return int(match[0]) if match else None
    if kind == "number":
        match = _NUMBER.search(message)
        return float(match[0].replace(",", ".")) if match else None
    if kind != "string":
        return None
    for words, read in _READERS:
        if any(word in hint for word in words):
            return read(message, language)
    return message.strip() if any(word in hint for word in _FREE_TEXT) else None


def _choice(options: object, message: str) -> str | None:
    folded = message.casefold()
    for option in options if isinstance(options, Sequence) else ():
        if re.search(rf"(?<!\w){re.escape(str(option).casefold().replace('_', ' '))}(?!\w)", folded):
            return str(option)
    return None


def _email(message: str, _language: str) -> str | None:
    match = _EMAIL.search(message)
    return match[0] if match else None


def _phone(message: str, language: str) -> str | None:
    """The first valid number, in E.164; without a country code it is one of the language's country."""
    region = _REGIONS.get(language, "GB")
    for match in phonenumbers.PhoneNumberMatcher(message, region):
        return phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
    return None


def _date(message: str, _language: str) -> str | None:
    for pattern, order in ((_ISO_DATE, (1, 2, 3)), (_DAY_FIRST, (3, 2, 1))):
        if match := pattern.search(message):
            try:
                return date(*(int(match[group]) for group in order)).isoformat()
            except ValueError:
                return None
    return None


def _url(message: str, _language: str) -> str | None:
    match = _URL.search(message)
    return match[0].rstrip(".,;!?") if match else None


def _reference(message: str, _language: str) -> str | None:
    rest = _EMAIL.sub(" ", _URL.sub(" ", message))
    match = _REFERENCE.search(rest)
    return match[0].lstrip("#") if match else None


def _name(message: str, _language: str) -> str | None:
    match = _NAME.search(message)
    return match[1].strip() if match else None


_READERS: tuple[tuple[tuple[str, ...], Callable[[str, str], str | None]], ...] = (
    (("email", "e-mail", "mail_address"), _email),
    (("phone", "mobile", "whatsapp"), _phone),
    (("date", "day"), _date),
    (("url", "website", "link", "uri"), _url),
    (_REFERENCES, _reference),
    (("name",), _name),
)
