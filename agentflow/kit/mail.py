"""Mail to staff: by SMTP where a server is set, else as .eml files in the home folder."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Protocol

from agentflow.kit.db import Database, refuse_inside_transaction
from agentflow.kit.errors import InvalidInput, Unavailable
from agentflow.kit.ids import new_id
from agentflow.kit.settings import MailSettings, Settings

_TIMEOUT_SECONDS = 20.0


class MailFailed(Unavailable):
    """The mail server did not take the mail."""

    code = "mail_failed"


@dataclass(frozen=True)
class Mail:
    """One plain-text mail."""

    to: tuple[str, ...]
    subject: str
    text: str


class Mailer(Protocol):
    """Takes mails."""

    async def send(self, mail: Mail) -> None:
        """Raises MailFailed; InvalidInput for an address or subject that would break the mail's header."""
        ...


@dataclass(frozen=True)
class MailDeps:
    """What a job that mails needs; built in bootstrap."""

    db: Database
    mailer: Mailer


def open_mailer(settings: Settings) -> Mailer:
    """SMTP where AGENTFLOW_MAIL__HOST is set, else a folder."""
    if settings.mail.host is None:
        return FolderMailer(settings.home / "mail", settings.mail.sender)
    return SmtpMailer(settings.mail, settings.mail.host)


class FolderMailer:
    """Writes each mail to a file that a mail program can open."""

    def __init__(self, folder: Path, sender: str) -> None:
        self.folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Files sort by time."""
        await asyncio.to_thread(self._write, _message(mail, self._sender))

    def _write(self, message: EmailMessage) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{new_id('eml')}.eml"
        part = file.with_suffix(".part")
        part.write_bytes(message.as_bytes())
        part.replace(file)  # whole, whenever somebody looks


class SmtpMailer:
    """Hands each mail to an SMTP server, over TLS unless the operator turned that off."""

    def __init__(self, settings: MailSettings, host: str) -> None:
        self._settings = settings
        self._host = host

    async def send(self, mail: Mail) -> None:
        """Raises MailFailed."""
        refuse_inside_transaction("sending mail")
        message = _message(mail, self._settings.sender)
        try:
            await asyncio.to_thread(self._hand_over, message)
        except (OSError, smtplib.SMTPException) as refused:
            raise MailFailed(f"The mail server {self._host} did not take the mail.") from refused

    def _hand_over(self, message: EmailMessage) -> None:
        settings = self._settings
        with smtplib.SMTP(self._host, settings.port, timeout=_TIMEOUT_SECONDS) as server:
            if settings.starttls:
                server.starttls(context=ssl.create_default_context())
            if settings.username is not None and settings.password is not None:
                server.login(settings.username, settings.password.get_secret_value())
            server.send_message(message)


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"] = sender
        message["To"] = ", ".join(mail.to)
        message["Subject"] = mail.subject
    except ValueError as wrong:
        raise InvalidInput("A mail's address and subject are one line each.", code="bad_mail") from wrong
    message["Message-ID"] = make_msgid(domain="agentflow")
    message.set_content(mail.text)
    return message
