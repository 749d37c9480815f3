"""The base class of the auth server's tables. They have their own database."""

from sqlalchemy.orm import DeclarativeBase


class AuthBase(DeclarativeBase):
    """Separate from pico-sqlalchemy's ``AppBase``, so that the API's migrations do not see these tables."""
