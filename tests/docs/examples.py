"""Send the requests that a page shows, and compare the answers.

An example is a fenced block after ``<!-- example -->``: ``$ curl ...``, then the answer as ``curl -i`` prints it.
Examples that another server answers have another mark. An answer may omit headers. ``...`` stands for omitted members,
omitted items, the end of a string or the rest of a file.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import httpx

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
VARIES = (
    (UUID, "<uuid>"),
    (re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{32})\b"), "<hex>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<day>"),
)
"""Values that differ in every run, and the mark that replaces each."""

ELIDED = "..."


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def is_json(self) -> bool:
        return self.headers.get("content-type", "").endswith("json")


@dataclass(frozen=True)
class Example:
    page: str
    command: str
    answer: Answer

    def __str__(self) -> str:
        return f"{self.page}: {self.command}"


def examples(page: Path, mark: str = "example") -> list[Example]:
    block = re.compile(rf"^<!-- {mark} -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    found = block.findall(page.read_text(encoding="utf-8"))
    return [Example(page.name, *parts_of(block)) for block in found]


def parts_of(block: str) -> tuple[str, Answer]:
    command, _, printed = re.sub(r"\\\n\s*", "", block).partition("\n")
    assert command.startswith("$ curl "), block
    return command.removeprefix("$ "), answer_of(printed)


def answer_of(printed: str) -> Answer:
    """Parse the output of ``curl -i``. Names and values of headers become lower case."""
    head, _, body = printed.partition("\n\n")
    status, *lines = head.splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), headers, body.strip())


@dataclass
class Reader:
    """Sends the requests of a page in order. Ids from real answers replace the ids that the page shows."""

    client: httpx.AsyncClient
    variables: Mapping[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    """The real id for each id that the page shows."""

    async def send(self, example: Example) -> httpx.Response:
        command = Template(example.command).substitute(self.variables)
        for shown, real in self.ids.items():
            command = command.replace(shown, real)
        arguments = iter(shlex.split(command)[1:])
        url, method, headers, body = "", "", [], None
        for argument in arguments:
            match argument:
                case "-i":
                    pass
                case "-X":
                    method = next(arguments)
                case "-H":
                    name, _, value = next(arguments).partition(": ")
                    headers.append((name, value))
                case "-d":
                    body = next(arguments)
                case _:
                    assert not argument.startswith("-"), f"{example}: unknown option {argument}"
                    url = argument
        return await self.client.request(method or ("POST" if body else "GET"), url, headers=headers, content=body)

    def compare(self, example: Example, response: httpx.Response) -> None:
        """Compare ``response`` with the example, and remember its ids. Raises AssertionError if they differ."""
        headers = {name: value.lower() for name, value in response.headers.items()}
        real = Answer(response.status_code, headers, response.text)
        compare(example, real)
        if real.is_json:
            self.ids.update(id_pairs(json.loads(with_marks(example.answer.body)), response.json()))


def compare(example: Example, real: Answer) -> None:
    """Compare an answer with the example. Raises AssertionError if they differ."""
    shown = example.answer
    assert real.status == shown.status, f"{example}\n{real.status} {real.body}"
    for name, value in shown.headers.items():
        found = real.headers.get(name, "(absent)")
        assert same_text(value, found), f"{example}\n{name}: {found}"
    if real.is_json:
        differences = list(differences_of(json.loads(with_marks(shown.body)), json.loads(real.body)))
    else:
        text = real.body.lstrip("\ufeff").replace("\r\n", "\n").strip()
        differences = [] if same_text(shown.body, text) else ["another text"]
    assert not differences, "\n".join([str(example), *differences, real.body])


def with_marks(body: str) -> str:
    """Turn ``{"id": 1, ...}`` and ``[1, ...]`` into JSON."""
    body = re.sub(r"(,?)\s*\.\.\.\s*\}", rf'\1 "{ELIDED}": null}}', body)
    return re.sub(r"(,?)\s*\.\.\.\s*\]", rf'\1 "{ELIDED}"]', body)


def differences_of(shown: Any, real: Any, place: str = "") -> Iterator[str]:
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = set(shown) - {ELIDED} - set(real)
        undocumented = set() if ELIDED in shown else set(real) - set(shown)
        yield from (f"{place}: {name} is only in the page" for name in sorted(missing))
        yield from (f"{place}: {name} is not in the page" for name in sorted(undocumented))
        for name in set(shown) & set(real):
            yield from differences_of(shown[name], real[name], f"{place}.{name}")
    elif isinstance(shown, list) and isinstance(real, list):
        items = [item for item in shown if item != ELIDED]
        if len(items) > len(real) or (len(items) < len(real) and ELIDED not in shown):
            yield f"{place}: {len(real)} items"
        for number, (one, other) in enumerate(zip(items, real, strict=False)):
            yield from differences_of(one, other, f"{place}[{number}]")
    elif isinstance(shown, str) and isinstance(real, str):
        if not same_text(shown, real):
            yield f"{place}: {real!r}"
    elif (type(shown), shown) != (type(real), real):
        yield f"{place}: {real!r}"


def same_text(shown: str, real: str) -> bool:
    """Return whether the texts are equal. If ``shown`` ends with ``...``, only the beginning is compared."""
    shown, real = replace_varying(shown), replace_varying(real)
    return real.startswith(shown.removesuffix(ELIDED)) if shown.endswith(ELIDED) else shown == real


def replace_varying(text: str) -> str:
    for pattern, mark in VARIES:
        text = pattern.sub(mark, text)
    return text


def id_pairs(shown: Any, real: Any) -> Iterator[tuple[str, str]]:
    """Yield the UUIDs at equal places: the shown one and the real one."""
    if isinstance(shown, dict) and isinstance(real, dict):
        for name in set(shown) & set(real):
            yield from id_pairs(shown[name], real[name])
    elif isinstance(shown, list) and isinstance(real, list):
        for one, other in zip(shown, real, strict=False):
            yield from id_pairs(one, other)
    elif isinstance(shown, str) and isinstance(real, str) and UUID.fullmatch(shown):
        yield shown, real
