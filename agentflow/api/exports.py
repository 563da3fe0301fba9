"""Exports of contacts, sent while they are read."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from agentflow.api.deps import App, ContactsExporter
from agentflow.api.imports import AS_CSV, CSV, attachment
from crm.contacts.exports import service as exports
from crm.contacts.exports.schemas import ContactExport

router = APIRouter(prefix="/contact-exports", tags=["contacts"])


@router.get("/contacts.csv", response_class=StreamingResponse, responses=AS_CSV)
async def export_contacts(app: App, who: ContactsExporter) -> StreamingResponse:
    """Every contact as CSV that spreadsheets open safely and an import reads back to the same contacts."""
    lines = await exports.contacts_csv(app.db, who, ContactExport())
    return StreamingResponse(lines, media_type=CSV, headers=attachment("contacts.csv"))


@router.post("", response_class=StreamingResponse, responses=AS_CSV)
async def export_some_contacts(data: ContactExport, app: App, who: ContactsExporter) -> StreamingResponse:
    """The contacts that a filter, a text or a group finds, as the same CSV. Nothing is kept of it here."""
    lines = await exports.contacts_csv(app.db, who, data)
    return StreamingResponse(lines, media_type=CSV, headers=attachment("contacts.csv"))
