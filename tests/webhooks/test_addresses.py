"""Which addresses and URLs are refused."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myapp.webhooks.addresses import SPECIAL, AddressRules, is_public
from myapp.webhooks.targets import target_url


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
        ],
    )
    def test_refuses(self, address: str) -> None:
        assert not AddressRules([]).allows(address)

    @pytest.mark.parametrize(
        "address", ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700::1111", "2a00::1"]
    )
    def test_allows(self, address: str) -> None:
        assert AddressRules([]).allows(address)
        assert not AddressRules([]).allows_private(address)

    @settings(max_examples=300)
    @given(st.integers(0, 2**32 - 1))
    def test_what_python_calls_private_is_refused(self, number: int) -> None:
        address = IPv4Address(number)
        if not address.is_global or address.is_multicast:
            assert not is_public(str(address))

    @settings(max_examples=300)
    @given(st.integers(0, 2**128 - 1) | st.integers(0x2001 << 112, (0x2003 << 112) - 1) | st.integers(0, 2**64))
    def test_what_python_calls_private_is_refused_in_ipv6(self, number: int) -> None:
        address = IPv6Address(number)
        embeds = address.ipv4_mapped or address.sixtofour or address.teredo
        if not address.is_global or address.is_multicast or embeds:
            assert not is_public(str(address))

    @given(st.sampled_from(SPECIAL), st.data())
    def test_the_bounds_of_a_special_network_are_refused(self, network: object, data: st.DataObject) -> None:
        network = ip_network(str(network))
        offset = data.draw(st.sampled_from([0, network.num_addresses - 1, network.num_addresses // 2]))
        assert not is_public(str(network[offset]))

    def test_a_network_of_the_setting_is_allowed_in_its_own_form_only(self) -> None:
        rules = AddressRules(["10.1.0.0/16", "fd00::/8"])
        assert rules.allows("10.1.2.3")
        assert rules.allows_private("10.1.2.3")
        assert rules.allows("fd00::1")
        assert not rules.allows("10.2.0.1")
        assert not rules.allows("::ffff:10.1.2.3")
        assert not rules.allows("64:ff9b::10.1.2.3")


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://@example.com/",
            "https://:@example.com/",
            "https://1.1.1.1@127.0.0.1/",
            "https://127.0.0.1:80@example.com/",
            "https://example.com/#fragment",
            "https://example.com/#",
            "https://example.com#@evil.example/",
            "https://example.com\\@evil.example/",
            "https:\\\\example.com/",
            "https://example.com./",
            "https://example.com../",
            "https://.example.com/",
            "https://a..example.com/",
            "https://127.0.0.1./",
            "https://-a.example.com/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://127.0.1/",
            "https://1.2.3.4.5/",
            "https://256.1.1.1/",
            "https://example.0x7f/",
            "https://[::1%eth0]/",
            "https://[::1%25eth0]/",
            "https://[::1/",
            "https://::1/",
            "https://[127.0.0.1]/",
            "https://[v1.fe80::a]/",
            "https://example.com:0/",
            "https://example.com:65536/",
            "https://example.com:-1/",
            "https://example.com:abc/",
            "https:///path",
            "https://",
            "https:example.com",
            "//example.com/",
            "/path",
            "example.com",
            "",
            " ",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "javascript:alert(1)",
            "https://exa mple.com/",
            " https://example.com/",
            "https://example.com/ ",
            "https://example.com/\r\nHost: evil.example",
            "https://example.com/\x00",
            "https://example.com/\x7f",
            "https://exam\u00adple.com\u2028/",
            "https://\ud800.example/",
            f"https://{'a' * 64}.example/",
            f"https://{'a.' * 130}example/",
            "https://xn--a.example\u3002/",
            "https://%31%32%37.0.0.1/",
            "https://example.com%2f@evil.example/",
        ],
    )
    def test_refuses(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"^must be"):
            target_url(url)

    @pytest.mark.parametrize(
        ("url", "normal"),
        [
            ("https://example.com", "https://example.com"),
            ("https://EXAMPLE.com:443/Hook?a=1&b=%20", "https://example.com/Hook?a=1&b=%20"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://example.com:\u0664\u0664\u0664/", "https://example.com:444/"),
            ("https://1.1.1.1:8443/", "https://1.1.1.1:8443/"),
            ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
            ("https://hooks_1.example.com/@x", "https://hooks_1.example.com/@x"),
            ("https://a.example/?to=b@example.com", "https://a.example/?to=b@example.com"),
        ],
    )
    def test_normalises(self, url: str, normal: str) -> None:
        assert str(target_url(url)) == normal

    @settings(max_examples=300)
    @given(st.text(max_size=40).map("https://".__add__) | st.text(max_size=60))
    def test_any_text_is_refused_or_a_url_that_stays_as_it_is(self, text: str) -> None:
        with suppress(ValueError):
            url = target_url(text)
            assert str(target_url(str(url))) == str(url)

    @pytest.mark.parametrize(
        "host", ["\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "①②⑦.⓪.⓪.①", "[::ffff:127.0.0.1]"]
    )
    def test_other_forms_of_an_address_are_that_address(self, host: str) -> None:
        """Or they are refused at once."""
        try:
            found = target_url(f"https://{host}/").raw_host.decode()
        except ValueError:
            return
        assert not is_public(str(ip_address(found)))
