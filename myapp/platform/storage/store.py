"""Open obstore's stores and translate their errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import NotFoundError, StartupError, StorageUnavailableError
from ..text import error_summary
from .settings import StorageSettings

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Config, S3Store

logger = logging.getLogger(__name__)

S3 = "s3://"


def check_storage(settings: StorageSettings) -> None:
    """Raise StartupError if the location is not usable."""
    if "://" not in settings.url:
        return
    if not settings.url.startswith(S3) or not urlsplit(settings.url).netloc:
        raise StartupError("storage.url (STORAGE__URL): must be a folder or s3://BUCKET/PREFIX")
    if settings.endpoint.startswith("http://") and not settings.allow_http:
        raise StartupError("storage.endpoint (STORAGE__ENDPOINT): plain http needs storage.allow_http")


def open_store(settings: StorageSettings) -> "LocalStore | S3Store":
    from obstore.store import LocalStore, S3Store

    if not settings.url.startswith(S3):
        return LocalStore(settings.url, mkdir=True)
    location = urlsplit(settings.url)
    options: S3Config = {"region": settings.region}
    if settings.endpoint:
        options["endpoint"] = settings.endpoint
    if settings.access_key:
        options["access_key_id"] = settings.access_key
        options["secret_access_key"] = settings.secret_key
    return S3Store(
        location.netloc,
        prefix=location.path.strip("/") or None,
        config=options,
        client_options={
            "allow_http": settings.allow_http,
            "connect_timeout": timedelta(seconds=settings.connect_timeout),
            "read_timeout": timedelta(seconds=settings.part_timeout),
            "timeout": "1h",  # for a whole request: a large file takes long
        },
        retry_config={
            "max_retries": settings.retries,
            # Retry only what fails at once. After a silence, the caller has waited long enough.
            "retry_timeout": timedelta(seconds=settings.timeout / 2),
            "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=0.5), "base": 2},
        },
    )


@contextmanager
def translate_errors(key: str, *, missing: bool = True) -> Iterator[None]:
    """Raise domain errors instead of obstore's.

    With ``missing``, an absent file is a NotFoundError. Otherwise it is a fault of the store, such as a missing bucket.
    """
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        if missing:
            raise NotFoundError("There is no such file.") from error
        raise unavailable(key, error) from error
    except (BaseError, OSError) as error:  # a TimeoutError is an OSError
        raise unavailable(key, error) from error


def unavailable(key: str, error: Exception) -> StorageUnavailableError:
    logger.warning("the storage failed for %s: %s", key, error_summary(error))
    return StorageUnavailableError()
