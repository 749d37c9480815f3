"""The states of a delivery."""

from typing import Literal

DeliveryState = Literal["pending", "delivered", "dead"]
"""A ``dead`` delivery is a dead letter: it is not attempted again until an operator asks for it."""
