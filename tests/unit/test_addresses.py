from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.api.links import own_links
from gateway.core.addresses import bucket_key, client_of, link_of

LINKS = [ip_network("2001:db8:1:2::/64"), ip_network("fe80::/64"), ip_network("192.168.7.0/24")]
PROXIES = [ip_network("10.0.0.0/24"), ip_network("fd00::1")]


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.168.7.9", "192.168.7.9"),
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::abcd", "2001:db8:1:2::abcd"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8:9:9:1:2:3:4", "2001:db8:9:9::/64"),
        ("local", "local"),
    ],
)
def test_a_client_counts_singly_except_in_a_foreign_ipv6_network(address: str, key: str) -> None:
    assert bucket_key(address, LINKS) == key


def test_a_foreign_client_cannot_make_itself_new_by_another_address_of_its_network() -> None:
    keys = {bucket_key(f"2001:db8:9:9::{number:x}", LINKS) for number in range(100)}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("192.168.7.9", "192.168.7.0/24"),
        ("::ffff:192.168.7.9", "192.168.7.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::9%wlan0", "fe80::/64"),
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:9:9::9", "2001:db8:9::/48"),
        ("local", "local"),
    ],
)
def test_neighbours_are_on_one_link(address: str, link: str) -> None:
    assert link_of(address, LINKS) == link


@pytest.mark.parametrize(
    ("peer", "claim", "client"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::9]:4711", "2001:db8::9"),
        ("::ffff:10.0.0.1", "2001:db8::9", "2001:db8::9"),
        ("fd00::1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", ",".join(["1.1.1.1"] * 1000 + ["203.0.113.9"]), "203.0.113.9"),
    ],
)
def test_the_rightmost_hop_that_is_no_proxy_of_ours_is_the_client(
    peer: str, claim: str, client: str
) -> None:
    assert client_of(peer, claim, PROXIES) == (client, True)


@pytest.mark.parametrize("claim", ["", "unknown", "203.0.113.9, nonsense", "1.2.3, 10.0.0.2"])
def test_a_claim_that_is_no_address_leaves_the_proxy_itself(claim: str) -> None:
    assert client_of("10.0.0.1", claim, PROXIES) == ("10.0.0.1", True)


def test_a_request_that_only_passed_our_proxies_is_theirs() -> None:
    assert client_of("10.0.0.1", "10.0.0.2, 10.0.0.3", PROXIES) == ("10.0.0.1", True)


@pytest.mark.parametrize("peer", ["203.0.113.1", "local", "fe80::1%eth0"])
def test_nobody_is_believed_who_is_no_proxy_of_ours(peer: str) -> None:
    assert client_of(peer, "127.0.0.1", PROXIES) == (peer.partition("%")[0], False)


def test_without_a_claim_the_peer_is_the_client() -> None:
    assert client_of("10.0.0.1", None, PROXIES) == ("10.0.0.1", False)


def test_our_links_are_those_of_our_own_addresses(tmp_path: Path) -> None:
    table = tmp_path / "if_inet6"
    table.write_text(
        "20010db8000100020000000000000007 02 40 00 00     eth0\n"
        "fe80000000000000000000fffe000001 02 40 20 80     eth0\n"
        "20010db8000100020000000000000008 03 40 00 00    wlan0\n"
    )
    assert set(own_links(table)) == {ip_network("2001:db8:1:2::/64"), ip_network("fe80::/64")}


def test_a_box_without_ipv6_has_no_such_links(tmp_path: Path) -> None:
    assert own_links(tmp_path / "none") == ()
