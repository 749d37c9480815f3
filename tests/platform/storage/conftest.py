"""Storages of both kinds: a folder and an S3 server."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from myapp.platform.storage.files import Storage
from myapp.platform.storage.settings import StorageSettings

from ...fixture_types import File


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 server with a bucket named ``files``."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=url, **CREDENTIALS).create_bucket(Bucket="files")
    yield url
    server.stop()


CREDENTIALS = {"region_name": "us-east-1", "aws_access_key_id": "key", "aws_secret_access_key": "secret"}


def s3(endpoint: str, url: str = "s3://files/some/prefix", **settings: float) -> Storage:
    return Storage(
        StorageSettings(url=url, endpoint=endpoint, access_key="key", secret_key="secret", allow_http=True, **settings)
    )


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage of each kind."""
    if request.param == "folder":
        return Storage(StorageSettings(url=str(tmp_path / "deep" / "files")))
    return s3(request.getfixturevalue("s3_server"), f"s3://files/{uuid.uuid4()}")


@pytest.fixture
def file(tmp_path: Path) -> File:
    """``file(b"content")`` returns the path of a local file with that content."""

    def write(content: bytes = b"content") -> Path:
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    return write
