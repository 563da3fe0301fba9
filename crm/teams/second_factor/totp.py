"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds, as every app understands."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6
DRIFT = 1  # steps a phone's clock may be off


def new_secret() -> str:
    """160 random bits in base32, as apps want them."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def step_at(at: datetime) -> int:
    """The number of the code that is shown at this time."""
    return int(at.timestamp()) // STEP_SECONDS


def code_of(secret: str, step: int) -> str:
    """The code of one step (RFC 4226, 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def find_step(secret: str, code: str, *, at: datetime, after: int) -> int | None:
    """The step a code is of, unless it is not of now or not newer than `after`: a code counts once."""
    now = step_at(at)
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):  # all of them, so that the time taken tells nothing
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()) and step > after:
            found = step
    return found


def uri(secret: str, *, account: str, issuer: str) -> str:
    """What an app reads from a QR code."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer}, quote_via=quote)}"
