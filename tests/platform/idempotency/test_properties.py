"""Laws of repeated requests, for any order and any overlap of them."""

import asyncio
from collections import defaultdict
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st
from pico_ioc import PicoContainer
from pico_sqlalchemy import AppBase, SessionManager

from tests.databases import empty_tables, gate_on_postgresql

from .conftest import KEY, PRODUCTS, is_replay, products

requests = st.tuples(st.sampled_from("abc"), st.sampled_from([1, 2]), st.booleans())
"""The key, the price, and whether the client gives up at once."""
rounds = st.lists(st.lists(requests, min_size=1, max_size=6), min_size=1, max_size=4)
"""Requests of one round are sent at the same time."""


@gate_on_postgresql
@given(rounds=rounds)
async def test_any_interleaving_makes_each_key_once(
    manager: httpx.AsyncClient, container: PicoContainer, rounds: list[list[tuple[str, int, bool]]]
) -> None:
    """The products are those of the answers; whoever asks with a key and its payload gets the same answer."""
    await empty_tables(container.get(SessionManager).engine, AppBase.metadata)
    answers: dict[tuple[str, int], list[httpx.Response]] = defaultdict(list)

    async def send(key: str, price: int, gives_up: bool) -> None:
        body: dict[str, Any] = {"name": f"Lamp {key}", "price": price}
        request = asyncio.create_task(manager.post(PRODUCTS, json=body, headers={KEY: key}))
        if gives_up:
            await asyncio.sleep(0.001)  # the request is somewhere on its way
            request.cancel()
            await asyncio.wait([request])
        if not request.cancelled():
            answers[key, price].append(await request)

    for each in rounds:
        await asyncio.gather(*(send(*request) for request in each))
    for key in {key for each in rounds for key, _, _ in each}:
        await send(key, 1, False)

    made = {product["name"]: product for product in await products(manager)}
    assert len(made) == len(await products(manager))
    for (key, _), given_answers in answers.items():
        for answer in given_answers:
            if answer.status_code == 201:
                assert answer.json() == made[f"Lamp {key}"]
            else:
                assert answer.json()["code"] == "idempotency_key_reused"
        successes = [answer for answer in given_answers if answer.status_code == 201]
        assert len(successes) in (0, len(given_answers))
        assert [is_replay(answer) for answer in successes].count(False) <= 1
