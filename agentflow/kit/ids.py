"""Record ids: a UUIDv7 (RFC 9562, sorts by time) behind a type prefix, for example `cnv_0190…`."""

from __future__ import annotations

import uuid_utils


def new_id(prefix: str) -> str:
    """A fresh id such as `cnv_` + 32 hex digits."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"
