"""Which addresses are dialled: the text of URLs, and what names resolve to."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from node.adapters.egress import AddressRules, forbidden
from node.base.errors import ForbiddenAddress
from tests.artefacts import data

RULES = AddressRules()

REFUSED = [
    # every kind that `is_private` or `is_global` got wrong on 3.11.7, and its neighbours
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fec0::1", "ff02::1", "ff0e::1", "4000::1",
]  # fmt: skip

DIALLED = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "193.190.0.1",
    "198.17.0.1", "198.20.0.1", "223.255.255.254", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:4860:4860::8888",
    "2a02:a03f::1", "2606:4700::1111",
]  # fmt: skip


def hostile_urls() -> list[str]:
    groups = json.loads(data("naughty/naughty-dataspace.json").read_text("utf-8"))
    urls: list[str] = groups["urls_must_not_be_dialled"]
    assert len(urls) == 68
    return urls


class TestAddresses:
    @pytest.mark.parametrize("address", REFUSED)
    def test_refused(self, address: str) -> None:
        assert forbidden(ip_address(address))
        with pytest.raises(ForbiddenAddress):
            RULES.check_address(ip_address(address))

    @pytest.mark.parametrize("address", DIALLED)
    def test_dialled(self, address: str) -> None:
        assert forbidden(ip_address(address)) is None

    def test_an_address_of_one_link(self) -> None:
        assert forbidden(ip_address("2a02::1%eth0"))

    def test_a_network_may_be_admitted(self) -> None:
        rules = AddressRules(allow_networks=["10.1.0.0/16", "fd12::/16"])
        rules.check_address(ip_address("10.1.2.3"))
        rules.check_address(ip_address("fd12::1"))
        for other in ("10.2.0.1", "fd13::1", "127.0.0.1"):
            with pytest.raises(ForbiddenAddress):
                rules.check_address(ip_address(other))

    def test_loopback_only_under_its_own_name(self) -> None:
        rules = AddressRules(allow_loopback=True)
        rules.check_address(ip_address("127.0.0.1"), host="localhost")
        rules.check_address(ip_address("::1"), host="::1")
        with pytest.raises(ForbiddenAddress):
            rules.check_address(ip_address("127.0.0.1"), host="rebind.example")
        with pytest.raises(ForbiddenAddress):
            rules.check_address(ip_address("10.0.0.1"), host="localhost")


class TestUrls:
    def test_all_hostile_urls_as_they_are_and_over_https(self) -> None:
        names = {
            "127.0.0.1.nip.io",
            "7f000001.08080808.rbndr.us",
            "example.org@127.0.0.1",
            "metadata.google.internal",
        }
        for url in hostile_urls():
            with pytest.raises(ForbiddenAddress):
                RULES.check_url(url)
            secure = url.replace("http://", "https://", 1)
            try:
                host = RULES.check_url(secure).host
            except ForbiddenAddress:
                continue
            assert host in names, secure  # a public name: what it resolves to is checked when it is dialled

    @pytest.mark.parametrize(
        ("url", "dialled"),
        [
            ("https://data.ghent.example", "https://data.ghent.example/"),
            ("https://data.ghent.example/a?b=c#d", "https://data.ghent.example/a?b=c#d"),
            ("https://data.ghent.example?b", "https://data.ghent.example/?b"),
            ("HTTPS://Data.Ghent.example:443/A", "https://data.ghent.example/A"),
            ("https://data.ghent.example:8443/a%20b", "https://data.ghent.example:8443/a%20b"),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            ("https://[2A02:0::1]/x", "https://[2a02::1]/x"),
        ],
    )
    def test_good_ones(self, url: str, dialled: str) -> None:
        assert RULES.check_url(url).url == dialled

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "https://",
            "https:///x",
            "https://data",
            "https://data.ghent.example:",
            "https://data.ghent.example:0/",
            "https://data.ghent.example:99999/",
            "https://data.ghent.example:22/",
            "https://data.ghent.example:80/",
            "https://data.ghent.example:8443:1/",
            "https://user@data.ghent.example/",
            "https://data.ghent.example\\@127.0.0.1/",
            "https://data.ghent.example%2f@x/",
            "https://data.ghent.example./",
            "https://data..example/",
            "https://-data.example/",
            "https://dät.example/",
            "https://data.example/ü",
            "https://data.example/a b",
            "https://data.example/\x00",
            "https://data.example/\n",
            "https://[::1/",
            "https://[::1]x/",
            "https://[127.0.0.1]/",
            "https://[2a02::1%25eth0]/",
            "https://::1/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://1.2.3/",
            "https://foo.localhost/",
            "https://metadata.google.internal/",
            "https://printer.local/",
            "https://router.lan/",
            "https://x.home.arpa/",
            "http://data.ghent.example/",
            "http://data.ghent.example:443/",
            "http://data.ghent.example:8443/",
            "http://8.8.8.8:443/",
            "ws://data.ghent.example/",
            "https:data.ghent.example",
            "https:/data.ghent.example",
            "https://data.example/" + "a" * 5000,
        ],
    )
    def test_bad_ones(self, url: str) -> None:
        with pytest.raises(ForbiddenAddress):
            RULES.check_url(url)

    def test_loopback_needs_the_switch(self) -> None:
        rules = AddressRules(allow_loopback=True)
        for url in ("http://127.0.0.1:8101/x", "http://localhost:1/", "https://[::1]:9/", "http://127.9.9.9/"):
            assert rules.check_url(url).is_loopback
            with pytest.raises(ForbiddenAddress):
                RULES.check_url(url)
        for url in ("http://127.1:8101/", "http://2130706433/", "http://10.0.0.1/", "http://0.0.0.0:8101/"):
            with pytest.raises(ForbiddenAddress):
                rules.check_url(url)

    def test_inner_names_where_a_network_is_admitted(self) -> None:
        assert AddressRules(allow_networks=["10.0.0.0/8"]).check_url("https://data.city.internal/").host

    def test_ports_are_a_list(self) -> None:
        rules = AddressRules(ports=[443, 444])
        assert rules.check_url("https://a.example:444/").port == 444
        with pytest.raises(ForbiddenAddress):
            rules.check_url("https://a.example:8443/")
