"""Where the auth server's tables are declared: apart from the API's, in a database of their own."""

from sqlalchemy.orm import DeclarativeBase


class AuthBase(DeclarativeBase):
    """Not pico-sqlalchemy's ``AppBase``: the API's migrations must not see these tables."""
