"""The section ``keys``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field

from myapp.platform.config import RelativePath


@configured(target="self", prefix="keys", mapping="tree")
@dataclass
class KeySettings:
    """Times are in seconds.

    A new key is published for ``publish_before_use`` before it signs. An old key stays published for ``leeway`` after
    its last token has expired.
    """

    directory: RelativePath = "../data/keys"
    publish_before_use: Annotated[int, Field(ge=0, le=86_400)] = 15
    leeway: Annotated[int, Field(ge=0, le=86_400)] = 60
