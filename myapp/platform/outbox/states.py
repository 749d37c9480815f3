"""The states of a delivery."""

from typing import Literal

DeliveryState = Literal["pending", "delivered", "dead"]
"""``dead`` is given up: no further attempt is made until an operator asks for one."""
