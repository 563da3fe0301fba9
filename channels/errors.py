"""What channels refuse."""

from __future__ import annotations

from agentflow.kit.errors import Forbidden, InvalidInput, NotFound, Unauthenticated


class NotSupportedByChannel(InvalidInput):
    """This kind of content does not exist on this channel (yet)."""

    code = "not_supported_by_channel"

    def __init__(self, channel: str, what: str) -> None:
        super().__init__(f"The channel {channel} does not support {what}.", channel=channel, what=what)


class ChannelAccountNotFound(NotFound):
    """There is no such channel account or site here, or it is switched off."""

    code = "channel_account_not_found"


class WrongVisitorToken(Unauthenticated):
    """The visitor token is missing, forged, expired or of another site."""

    code = "wrong_visitor_token"


class WrongIdentity(Forbidden):
    """The hash does not prove that the visitor is this user."""

    code = "wrong_identity"


class OriginNotAllowed(Forbidden):
    """The page that embeds the widget is not on the site's list."""

    code = "origin_not_allowed"
