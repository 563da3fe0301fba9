"""Mails arrive whole: in the folder by default, at a real SMTP server where one is set."""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
from collections.abc import AsyncIterator

import pytest

from agentflow.kit.db import Database
from agentflow.kit.errors import InvalidInput
from agentflow.kit.mail import Mail, MailFailed, open_mailer
from agentflow.kit.settings import Settings

MAIL = Mail(("anna@example.com", "bob@example.com"), "Übergabe nötig", "Grüße\nfrom the bot\n.\nend")


class PlainSmtpServer:
    """Enough of SMTP to take one mail after another."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.mails: list[bytes] = []
        self.recipients: list[str] = []
        self._refuse = refuse

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if verb == "EHLO":
                writer.write(b"250 hello\r\n")
            elif verb == "RCPT" and self._refuse:
                writer.write(b"550 no such mailbox\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(content.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                if verb == "RCPT":
                    self.recipients.append(line)
                writer.write(b"250 fine\r\n")
        writer.close()


@pytest.fixture
async def smtp() -> AsyncIterator[tuple[PlainSmtpServer, int]]:
    taker = PlainSmtpServer()
    server = await asyncio.start_server(taker.talk, "127.0.0.1", 0)
    async with server:
        yield taker, server.sockets[0].getsockname()[1]


def with_smtp(settings: Settings, port: int) -> Settings:
    mail = settings.mail.model_copy(update={"host": "127.0.0.1", "port": port, "starttls": False})
    return settings.model_copy(update={"mail": mail})


async def test_that_without_a_server_mails_become_files(settings: Settings) -> None:
    await open_mailer(settings).send(MAIL)
    files = list((settings.home / "mail").glob("*.eml"))
    assert len(files) == 1
    _check(files[0].read_bytes())


async def test_that_a_mail_reaches_the_server(settings: Settings, smtp: tuple[PlainSmtpServer, int]) -> None:
    taker, port = smtp
    await open_mailer(with_smtp(settings, port)).send(MAIL)
    assert len(taker.recipients) == 2
    _check(taker.mails[0])
    assert os.listdir(settings.home.parent) == []


def _check(raw: bytes) -> None:
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert mail["To"] == "anna@example.com, bob@example.com"
    assert mail["Subject"] == "Übergabe nötig"
    assert mail["From"] == "agentflow@localhost"
    content = mail.get_content()
    assert isinstance(content, str)
    assert content.replace("\r\n", "\n").strip() == MAIL.text


async def test_that_a_server_that_refuses_or_is_away_is_named(settings: Settings) -> None:
    server = await asyncio.start_server(PlainSmtpServer(refuse=True).talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MailFailed, match="127.0.0.1"):
            await open_mailer(with_smtp(settings, port)).send(MAIL)
    with pytest.raises(MailFailed):
        await open_mailer(with_smtp(settings, port)).send(MAIL)


async def test_that_a_header_cannot_be_smuggled_in(settings: Settings) -> None:
    for bad in (
        Mail(("a@example.com\nBcc: x@example.com",), "s", "t"),
        Mail(("a@example.com",), "s\r\nBcc: x", "t"),
    ):
        with pytest.raises(InvalidInput):
            await open_mailer(settings).send(bad)


async def test_that_no_mail_is_sent_while_a_transaction_is_open(db: Database) -> None:
    async with db.read():
        with pytest.raises(RuntimeError, match="transaction"):
            await open_mailer(with_smtp(db.settings, 1)).send(MAIL)
