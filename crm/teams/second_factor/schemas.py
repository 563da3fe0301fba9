"""What the second factor takes and shows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Enrolment(BaseModel):
    """For the authenticator app; it counts once a code of it was confirmed."""

    secret: str
    uri: str = Field(description="otpauth: address, to be shown as a QR code")


class Code(BaseModel):
    """A code of the app, or a recovery code."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=40)


class SecondStep(Code):
    """The challenge that the log-in answered, and a code."""

    challenge: str = Field(max_length=200)


class Password(BaseModel):
    """The password in use: a log-in alone does not change how to log in."""

    model_config = ConfigDict(extra="forbid")

    password: str = Field(max_length=1024)


class BothFactors(Code, Password):
    """What switching it off takes, and new recovery codes."""


class RecoveryCodes(BaseModel):
    """Each opens one log-in; they are shown this once."""

    recovery_codes: list[str]
