"""Google documents through a Google of our own, which checks what it is sent as the real one does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from agentflow.kit.errors import InvalidInput
from knowledge.errors import (
    AskedToWait,
    FileTooLarge,
    GoogleAccessLost,
    GoogleFileGone,
    NotReached,
    SourceRefused,
    UnsupportedType,
)
from knowledge.models import GoogleAccess, Origin
from knowledge.origins.base import GoogleCredentials, State, Wanted
from knowledge.origins.google import GoogleOrigin
from tests.knowledge.google_fake import (
    CLIENT,
    DOC_ID,
    OTHER_ID,
    SHEET_ID,
    Google,
    google_here,
    key_file,
    settings_for,
)
from tests.knowledge.websites import egress_for


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    async with google_here() as here:
        yield here


@pytest.fixture
async def origin(google: Google) -> AsyncIterator[GoogleOrigin]:
    settings = settings_for(google)
    async with egress_for(settings) as egress:
        yield GoogleOrigin(egress, settings)


@pytest.fixture
def service(origin: GoogleOrigin) -> GoogleCredentials:
    return GoogleCredentials(GoogleAccess.SERVICE_ACCOUNT, origin.check_key_file(key_file()))


def wanted(service: GoogleCredentials, file_id: str = DOC_ID, state: State | None = None) -> Wanted:
    return Wanted(file_id, state or {}, google=service)


async def test_that_a_document_is_exported_once_per_change(
    google: Google, origin: GoogleOrigin, service: GoogleCredentials
) -> None:
    picture = b'<img src="data:image/png;base64,' + b"A" * 9000 + b'">'
    google.files[DOC_ID].content += picture
    first = await origin.fetch(wanted(service))
    assert first.filename == "document.html"
    assert b"30 days." in (first.content or b"")
    assert len(first.content or b"") < 200
    unchanged = await origin.fetch(wanted(service, state=first.state))
    assert unchanged.content is None
    assert google.exported == [DOC_ID]
    google.files[DOC_ID].modified += 1  # opened and saved as it was
    saved = await origin.fetch(wanted(service, state=unchanged.state))
    assert saved.content is None
    google.files[DOC_ID].modified += 1
    google.files[DOC_ID].content = b"<p>60 days.</p>"
    changed = await origin.fetch(wanted(service, state=saved.state))
    assert b"60 days." in (changed.content or b"")
    assert set(google.exported) == {DOC_ID}  # and nothing else of the account


async def test_that_a_spreadsheet_comes_as_a_workbook(
    google: Google, origin: GoogleOrigin, service: GoogleCredentials
) -> None:
    found = await origin.fetch(wanted(service, SHEET_ID))
    assert found.filename == "spreadsheet.xlsx"
    assert found.content == google.files[SHEET_ID].content


async def test_that_a_person_agrees_once_and_the_code_becomes_a_lasting_right(
    google: Google, origin: GoogleOrigin
) -> None:
    values = {**CLIENT, "redirect_uri": "http://127.0.0.1:8000/admin", "state": "s-1"}
    pending = GoogleCredentials(GoogleAccess.OAUTH, values)
    asked = parse_qs(urlsplit(origin.consent_url(pending)).query)
    assert asked["state"] == ["s-1"]
    assert asked["access_type"] == ["offline"]
    with pytest.raises(GoogleAccessLost):
        await origin.fetch(wanted(pending))
    with pytest.raises(GoogleAccessLost):
        await origin.exchange(pending, "bad code")
    token = await origin.exchange(pending, "good code")
    person = GoogleCredentials(GoogleAccess.OAUTH, {**values, "refresh_token": token})
    assert (await origin.fetch(wanted(person))).content
    google.revoked.add(token)
    with pytest.raises(GoogleAccessLost):
        await origin.fetch(wanted(person))


async def test_that_documents_to_pick_are_listed_page_by_page(
    google: Google, origin: GoogleOrigin, service: GoogleCredentials
) -> None:
    first, further = await origin.documents(service, named=None, page=None)
    assert [(one.name, one.kind) for one in first] == [
        ("Policies", Origin.GOOGLE_DOC),
        ("Prices", Origin.GOOGLE_SHEET),
    ]
    last, end = await origin.documents(service, named=None, page=further)
    assert [one.id for one in last] == [OTHER_ID]
    assert end is None
    named, _ = await origin.documents(service, named="Bob's", page=None)
    assert [one.id for one in named] == [OTHER_ID]
    assert google.exported == []
    with pytest.raises(UnsupportedType):
        await origin.describe(service, "picture_0123456789")


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ("deleted", GoogleFileGone),
        ("binned", GoogleFileGone),
        ("unshared", GoogleAccessLost),
        ("revoked", GoogleAccessLost),
        ("busy", AskedToWait),
        ("large", FileTooLarge),
        ("very large", FileTooLarge),
    ],
)
async def test_that_every_fault_of_google_has_a_name(
    google: Google,
    origin: GoogleOrigin,
    service: GoogleCredentials,
    fault: str,
    refusal: type[SourceRefused],
) -> None:
    file = google.files[DOC_ID]
    match fault:
        case "deleted":
            del google.files[DOC_ID]
        case "binned":
            file.trashed = True
        case "unshared":
            file.shared = False
        case "revoked":
            google.revoked.add(key_file()["client_email"])
        case "busy":
            google.busy = 1
        case "large":
            file.content = b"x" * 400_000
        case "very large":
            file.content = b"x" * 10_000_001
    with pytest.raises(refusal) as refused:
        await origin.fetch(wanted(service))
    assert refused.value.detail.endswith(".")
    if isinstance(refused.value, AskedToWait):
        assert refused.value.seconds == 33


async def test_that_a_google_that_is_down_is_not_a_lost_right(service: GoogleCredentials) -> None:
    async with google_here() as google:
        settings = settings_for(google)
    async with egress_for(settings) as egress:
        with pytest.raises(NotReached):
            await GoogleOrigin(egress, settings).fetch(wanted(service))


def test_that_a_key_file_is_checked_and_its_addresses_are_not_kept(origin: GoogleOrigin) -> None:
    kept = origin.check_key_file(key_file())
    assert "10.0.0.1" not in json.dumps(kept)
    for broken in ({}, {**key_file(), "private_key": "no key"}, {"private_key": key_file()["private_key"]}):
        with pytest.raises(InvalidInput):
            origin.check_key_file(broken)
