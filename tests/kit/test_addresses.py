"""No notation of a private address passes, and every plain public one does."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.kit.addresses import AddressPolicy, AddressRefused, is_public

NOBODY = AddressPolicy([])
INSIDE_4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
INSIDE_6 = ["::/127", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32"]


def addresses_in(network: str) -> st.SearchStrategy[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = ipaddress.ip_network(network)
    return st.integers(0, found.num_addresses - 1).map(lambda offset: found[offset])


inside_4 = st.sampled_from(INSIDE_4).flatmap(addresses_in)
inside_6 = st.sampled_from(INSIDE_6).flatmap(addresses_in)
any_4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)


def notations_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[str]:
    """The ways in which some resolver or library reads this IPv4 address."""
    number, (a, b, c, d) = int(address), address.packed
    high, low = number >> 16, number & 0xFFFF
    return [
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a:03d}.{b:03d}.{c:03d}.{d:03d}",
        f"{a}.{b}.{low}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{c}.{d:#x}",
        "".join(chr(0xFF10 + int(mark)) if mark.isdigit() else mark for mark in str(address)),
        str(address).replace(".", "\u3002"),
        f"[::ffff:{address}]",
        f"[::{address}]",
        f"[::ffff:0:{address}]",
        f"[64:ff9b::{address}]",
        f"[64:ff9b:1::{high:x}:{low:x}]",
        f"[2002:{high:x}:{low:x}::1]",
        f"[2002:{high:x}:{low:x}::]",
        f"[2001:0:{high:x}:{low:x}::1]",
        f"[0:0:0:0:0:ffff:{high:x}:{low:x}]",
    ]


@given(inside_4, st.sampled_from(["http", "https"]), st.sampled_from(["", ":80", ":6333"]))
def test_that_no_notation_of_an_inside_address_passes(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, scheme: str, port: str
) -> None:
    for host in notations_of(address):
        with pytest.raises(AddressRefused):
            NOBODY.check_url(f"{scheme}://{host}{port}/latest/meta-data")


@given(inside_6)
def test_that_no_inside_ipv6_address_passes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    for host in (address.compressed, address.exploded, address.exploded.upper(), f"{address}%25eth0"):
        with pytest.raises(AddressRefused):
            NOBODY.check_url(f"http://[{host}]/")


@given(any_4)
def test_that_only_the_plain_notation_of_a_public_address_passes(address: ipaddress.IPv4Address) -> None:
    if not is_public(address):
        return
    assert NOBODY.check_url(f"https://{address}/x").host == str(address)
    odd = set(notations_of(address)[2:11]) - {str(address)}
    assert len(odd) >= 8
    for host in sorted(odd):
        with pytest.raises(AddressRefused):
            NOBODY.check_url(f"https://{host}/x")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "",
        "http://",
        "http:///path",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://:word@example.com/",
        "http://example.com@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://exa mple.com/",
        "http://example.com/\n",
        "http://example.com\x00.evil.com/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://[::1",
        "http://[fe80::1%eth0]/",
        "http://168.63.129.16/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.100.100.200/",
        "http://[fd00:ec2::254]/",
        "http://ex_ample-.com/",
        "http://a..b/",
    ],
)
def test_that_other_ways_in_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        NOBODY.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://bücher.example/",
        "https://my_host.example:8443/",
        "http://93.184.215.14/",
        "https://[2606:4700::1111]/",
        "https://1password.com/",
        "https://example.com./",
    ],
)
def test_that_public_addresses_pass(url: str) -> None:
    assert NOBODY.check_url(url).host


def test_that_the_operator_can_allow_a_host_an_address_or_a_network() -> None:
    policy = AddressPolicy(["Wiki.Internal", "10.1.2.3", "192.168.4.0/24", "fd00::/8"])
    for url in ("http://10.1.2.3/", "http://192.168.4.200:8080/", "http://[fd12::1]/"):
        assert policy.check_url(url)
    assert policy.allows_host("wiki.internal.")
    assert not policy.allows_host("other.internal")
    for url in ("http://10.1.2.4/", "http://192.168.5.1/", "http://[::ffff:10.1.2.3]/", "http://167838211/"):
        with pytest.raises(AddressRefused):
            policy.check_url(url)


def test_that_addresses_set_by_the_operator_may_be_private() -> None:
    assert NOBODY.check_url("http://127.0.0.1:6333/", trusted=True).port == 6333
    with pytest.raises(AddressRefused):
        NOBODY.check_url("file:///etc/passwd", trusted=True)
