from typing import Any, ClassVar

from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped as Mapped
from sqlalchemy.orm import mapped_column as mapped_column

class AppBase(DeclarativeBase):
    _pico_meta: ClassVar[dict[str, Any]]
