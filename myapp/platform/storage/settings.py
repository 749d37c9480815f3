"""The section ``storage``."""

from dataclasses import dataclass
from typing import Annotated

from pico_ioc import configured
from pydantic import Field

from ..config import RelativePath, Seconds


@configured(target="self", prefix="storage", mapping="tree")
@dataclass
class StorageSettings:
    """Settings of the file storage. Times are in seconds.

    ``url`` is a folder or ``s3://bucket/prefix``; all other keys but ``timeout`` are for S3. Without ``access_key``,
    the credentials come from where AWS's own tools look for them.

    ``timeout`` limits how long the store may take to answer. ``part_timeout`` limits the upload of one part of up to
    5 MiB, and the silence in the middle of a download.
    """

    url: RelativePath = "./data/files"
    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""
    allow_http: bool = False
    connect_timeout: Seconds = 1.5
    timeout: Seconds = 4.0
    part_timeout: Seconds = 30.0
    retries: Annotated[int, Field(ge=0, le=10)] = 2
