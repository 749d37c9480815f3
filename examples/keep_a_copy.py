"""Keep a copy of the catalogue in an SQLite file.

    export TOKEN=...                      # of a caller with `events:read` and `products:read_inactive`
    python examples/keep_a_copy.py http://127.0.0.1:8000 copy.db

It reads all products once, then follows the feed of events. It may be killed at any time: the next start goes on where
the copy is. With ``--once`` it ends when the copy is up to date. A token that has expired ends it too; start it again
with a new one.
"""

import argparse
import json
import os
import sqlite3
import time
from collections.abc import Iterable
from typing import Any

import httpx

FIELDS = ("name", "description", "price", "stock", "active")
WAIT = 30
"""Seconds that the service waits for an event before it answers."""
PAUSE = 2
"""Seconds before another try, when the service cannot be reached."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, version INTEGER, fields TEXT);
CREATE TABLE IF NOT EXISTS progress (cursor TEXT)
"""


class Copy:
    """The products by id, and the cursor up to which their changes are in it. Both are always stored together."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(SCHEMA)

    @property
    def cursor(self) -> str | None:
        row = self._database.execute("SELECT cursor FROM progress").fetchone()
        return row[0] if row else None

    def replace(self, products: Iterable[dict[str, Any]], cursor: str) -> None:
        """Store ``products``, of versions that nobody knows, in place of all others."""
        with self._database:
            self._database.execute("DELETE FROM products")
            rows = ((product["id"], 0, dump(product)) for product in products)
            self._database.executemany("INSERT INTO products VALUES (?, ?, ?)", rows)
            self._store(cursor)

    def apply(self, events: Iterable[dict[str, Any]], cursor: str) -> None:
        with self._database:
            for event in events:
                self._apply(int(event["aggregate_id"]), event)
            self._store(cursor)

    def forget(self) -> None:
        with self._database:
            self._database.execute("DELETE FROM progress")

    def _apply(self, id: int, event: dict[str, Any]) -> None:
        """Apply an event, unless the copy has its version already. Applying it again changes nothing."""
        if event["type"] == "product.deleted":
            self._database.execute("DELETE FROM products WHERE id = ?", [id])
            return
        row = self._database.execute("SELECT version, fields FROM products WHERE id = ?", [id]).fetchone()
        if row is None and event["type"] != "product.created":
            return  # it was deleted before the products were read; the event follows
        version, fields = row or (0, "{}")
        # One version can have several events, such as product.updated and product.deactivated.
        if event["version"] >= version and "after" in event["payload"]:
            changed = json.loads(fields) | event["payload"]["after"]
            self._database.execute("REPLACE INTO products VALUES (?, ?, ?)", [id, event["version"], dump(changed)])

    def _store(self, cursor: str) -> None:
        self._database.execute("DELETE FROM progress")
        self._database.execute("INSERT INTO progress VALUES (?)", [cursor])


def dump(product: dict[str, Any]) -> str:
    return json.dumps({name: product.get(name) for name in FIELDS})


def begin(client: httpx.Client, copy: Copy) -> None:
    """Read all products. The cursor comes first: what changes meanwhile is read again as an event."""
    cursor = get(client, "events", after="latest")["next"]
    copy.replace(get(client, "products/", include_inactive=True), cursor)


def follow(client: httpx.Client, copy: Copy, wait: int = WAIT) -> bool:
    """Apply the next events. Return False if there were none."""
    page = get(client, "events", after=copy.cursor, types="product.*", limit=200, wait=wait)
    copy.apply(page["items"], page["next"])
    return bool(page["items"])


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    """Return the answer. Wait for a service that cannot be reached, or that is overloaded."""
    while True:
        try:
            response = client.get(path, params=query)
            if response.status_code not in (502, 503, 504):
                response.raise_for_status()
                return response.json()
        except httpx.TransportError as error:
            print(f"no answer: {error!r}")
        time.sleep(PAUSE)


def is_invalid_cursor(response: httpx.Response) -> bool:
    is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
    return is_problem and bool(response.json()["code"] == "invalid_cursor")


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep a copy of the catalogue.")
    parser.add_argument("url", help="address of the service, such as http://127.0.0.1:8000")
    parser.add_argument("file", help="SQLite file of the copy")
    parser.add_argument("--once", action="store_true", help="end when the copy is up to date")
    options = parser.parse_args()
    copy = Copy(options.file)
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
    with httpx.Client(base_url=f"{options.url}/api/v1/", headers=headers, timeout=WAIT + 30) as client:
        while True:
            try:
                if copy.cursor is None:
                    begin(client, copy)
                has_found = follow(client, copy, wait=0 if options.once else WAIT)
                if options.once and not has_found:
                    return
            except httpx.HTTPStatusError as error:
                if not is_invalid_cursor(error.response):
                    raise SystemExit(f"{error.response.status_code}: {error.response.text}") from None
                print("the service was restored: reading everything again")
                copy.forget()


if __name__ == "__main__":
    main()
