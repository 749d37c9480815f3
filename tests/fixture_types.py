"""The types of fixtures that are functions, each once, for the tests that call them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from pico_ioc import PicoContainer

from myapp.users.models import User

Json = dict[str, Any]

StartContainer = Callable[..., PicoContainer]
Create = Callable[..., Awaitable[Json]]
Fill = Callable[[int], Awaitable[None]]
File = Callable[..., Path]

# Reports
Ask = Callable[..., Awaitable[Json]]
Make = Callable[..., Awaitable[Json]]
Rewrite = Callable[..., Awaitable[None]]
Events = Callable[[Json], Awaitable[list[tuple[str, Json]]]]
HasFile = Callable[[Json], Awaitable[bool]]

# Callers and users
Call = Callable[..., Awaitable[httpx.Response]]
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Register = Callable[..., Awaitable[Json]]
SeeUser = Callable[[], Awaitable[User]]
