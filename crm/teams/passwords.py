"""Passwords (argon2id with the library's defaults) and the hashes of random secrets."""

from __future__ import annotations

import hashlib
import re
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crm.teams.errors import WeakPassword

MIN_LENGTH = 12
# What guessing programs try first, alone or one after the other; what is left must be worth guessing.
_GUESSED_FIRST = re.compile(
    r"passw[o0]rd|passwort|wachtwoord|contrase(?:n|ñ)a|senha|qwert[yz]\w*|azerty\w*|asdf\w*|yxcv\w*|zxcv\w*"
    r"|letmein|welcome|willkommen|welkom|admin\w*|login|iloveyou|monkey|dragon|master|sunshine|princess"
    r"|football|baseball|superman|batman|trustno1|changeme|default|secret|geheim|test\w*|agentflow"
    r"|summer|winter|spring|autumn|sommer|zomer|herbst|herfst|lente"
    r"|abc\w{0,5}|1q2w3e\w*|(?:19|20)\d\d|0123\w*|123\d*|987\d*|(.)\1{2,}",
    re.IGNORECASE,
)
_LEFT = 5
_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash to store. Slow on purpose: call it in a thread, outside a transaction."""
    return _hasher.hash(password)


def check_password(password_hash: str | None, password: str) -> bool:
    """True when the password fits; as slow for an unknown person (`None`) as for a known one."""
    try:
        return _hasher.verify(password_hash or _decoy(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _decoy() -> str:
    """Checked when the e-mail is unknown, so that the answer takes as long as for a known one."""
    return _hasher.hash("nobody has this password")


def check_strength(password: str, *, email: str) -> None:
    """Refuse a short, repetitive or guessable password.

    Raises WeakPassword, which says what is allowed.
    """
    if len(password) < MIN_LENGTH:
        raise WeakPassword(f"The password has {len(password)} characters; at least {MIN_LENGTH} are needed.")
    if len(set(password)) < 5:
        raise WeakPassword("The password repeats too few characters; use at least 5 different ones.")
    if len(set(_GUESSED_FIRST.sub("", password))) < _LEFT:
        raise WeakPassword("The password is made of words and rows that are guessed first; use other words.")
    name = email.partition("@")[0].lower()
    if len(name) > 3 and name in password.lower():
        raise WeakPassword("The password must not hold the e-mail address.")


def new_secret() -> str:
    """A random secret of 256 bits, url-safe."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256 in hex: enough for a secret of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
