"""Which addresses a customer, a document or a form may make us call: public ones, in plain notation."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from yarl import URL

from agentflow.kit.errors import InvalidInput

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

# Global by the registries, yet they lead to a host that another address names, or to a cloud's own services.
_REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's platform services
        "192.0.0.0/24",  # protocol assignments, which Python calls global in part
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local use
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
    )
]


class AddressRefused(InvalidInput):
    """This address may not be called; AGENTFLOW_EGRESS_ALLOW is the operator's list of exceptions."""

    code = "address_refused"


def is_public(address: IPAddress) -> bool:
    """True for an address of one host on the public internet, written as itself."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _REFUSED)


class AddressPolicy:
    """Public addresses, and what the operator lists: host names, addresses or networks."""

    def __init__(self, allow: Iterable[str]) -> None:
        self._hosts: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                self._hosts.add(entry.lower().rstrip("."))

    def check_url(self, url: str, *, trusted: bool = False) -> URL:
        """The parsed URL. Raises AddressRefused; a host name still has to pass `check_address` once resolved.

        `trusted` is for addresses the operator set: they may be private.
        """
        parsed = _parse(url)
        host = (parsed.raw_host or "").rstrip(".")
        address = _literal(host)
        if address is None and not (_NAME.fullmatch(host) and len(host) <= 253):
            raise AddressRefused("The address has no usable host name.")
        if address is not None and not trusted:
            self.check_address(address)
        return parsed

    def allows_host(self, host: str) -> bool:
        """True when the operator lists this very name, wherever it leads."""
        return host.lower().rstrip(".") in self._hosts

    def check_address(self, address: IPAddress) -> None:
        """Raises AddressRefused for an address that is neither public nor listed."""
        if not is_public(address) and not any(address in network for network in self._networks):
            raise AddressRefused(
                "The address leads into a private or reserved network; "
                "the operator may allow it with AGENTFLOW_EGRESS_ALLOW."
            )


def _parse(url: str) -> URL:
    if "\\" in url or any(mark.isspace() or not mark.isprintable() for mark in url):
        raise AddressRefused("The address holds a space, a control character or a backslash.")
    try:
        parsed = URL(url)
        port = parsed.port
    except ValueError as wrong:
        raise AddressRefused("The address cannot be read as a URL.") from wrong
    if parsed.scheme not in ("http", "https"):
        raise AddressRefused("The address must start with http:// or https://.")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise AddressRefused("The address must not hold a user name or password.")
    if not port:
        raise AddressRefused("The address has no usable port.")
    return parsed


def _literal(host: str) -> IPAddress | None:
    """The host as an address, if it is one. Odd notations, which some resolvers understand, are refused."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise AddressRefused("Write the address in plain decimal notation.") from None
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise AddressRefused("The address names a network interface.")
    return address
