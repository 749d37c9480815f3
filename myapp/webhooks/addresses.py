"""Which addresses webhooks may reach: those of the public internet, and networks that a setting names."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

PUBLIC_IPV6 = ip_network("2000::/3")
"""The only space of IPv6 with public addresses.

Outside are loopback, link-local and unique local addresses, multicast, and forms that contain an IPv4 address: mapped
(``::ffff:0:0/96``) and translated (``64:ff9b::/96``).
"""

SPECIAL = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # IETF protocol assignments; Teredo is 2001::/32
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
"""The special-purpose address registries of IANA, for IPv4 and for what lies in ``PUBLIC_IPV6``.

The list is ours because ``ipaddress.is_global`` depends on the version of Python, and knows no translated addresses.
"""


class AddressRules:
    """``allowed`` are networks that webhooks may reach although they are not public."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = [ip_network(network) for network in allowed]

    def allows_private(self, address: str) -> bool:
        """Return whether ``address`` is in a network that the setting names."""
        return is_in(address, self._allowed)

    def allows(self, address: str) -> bool:
        return self.allows_private(address) or is_public(address)


def is_public(address: str) -> bool:
    if is_in(address, SPECIAL):
        return False
    parsed = ip_address(address)
    return parsed.version == 4 or parsed in PUBLIC_IPV6


def is_in(address: str, networks: Iterable[Network]) -> bool:
    parsed = ip_address(address)
    return any(parsed in network for network in networks)
