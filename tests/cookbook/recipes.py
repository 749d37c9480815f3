"""The recipes of docs/cookbook.md as steps that a test can take.

A step is a fenced block after a comment that says what to do with it:

    <!-- shows: myapp/x.py -->      the block is part of that file; nothing is changed
    <!-- create: myapp/x.py -->     a new file with the block as its content
    <!-- change: myapp/x.py -->     a diff: ``+`` lines replace ``-`` lines, ``@@`` lines separate the places;
                                    ``*`` in the path matches a part that varies, such as a migration's number
    <!-- append: tests/x.py -->     lines at the end of a file
    <!-- run -->                    commands, each of which must succeed
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COOKBOOK = ROOT / "docs" / "cookbook.md"
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", "data", "*.egg-info", ".*cache", ".coverage*", ".hypothesis")

STEP = re.compile(
    r"<!-- (shows|create|change|append|run)(?:: (\S+))? -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Step:
    action: str
    path: str
    block: str

    def __str__(self) -> str:
        return f"{self.action} {self.path}".strip()


@dataclass(frozen=True)
class Recipe:
    title: str
    steps: list[Step]

    def __str__(self) -> str:
        return self.title


def recipes() -> list[Recipe]:
    """Return one recipe for each heading of the second level."""
    parts = re.split(r"^## ", COOKBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [Recipe(part.partition("\n")[0], [Step(*found) for found in STEP.findall(part)]) for part in parts]


@dataclass(frozen=True)
class Kitchen:
    """A copy of the project in which a recipe is followed."""

    tree: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Kitchen":
        tree = folder / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND)
        return cls(tree)

    def take(self, step: Step) -> None:
        file = self.file(step.path)
        match step.action:
            case "create":
                assert not file.exists(), f"{step}: it exists"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(step.block, encoding="utf-8")
            case "append":
                with file.open("a", encoding="utf-8") as end:
                    end.write("\n\n" + step.block)
            case "change":
                file.write_text(changed(file.read_text(encoding="utf-8"), step), encoding="utf-8")
            case "run":
                self.run(step.block)

    def file(self, path: str) -> Path:
        if "*" not in path:
            return self.tree / path
        [found] = self.tree.glob(path)
        return found

    def run(self, commands: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.tree,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}"

    def environment(self) -> dict[str, str]:
        """Return the environment of an activated venv in which this copy of the project is imported first."""
        foreign = re.compile("PYTEST|COV|.*__")
        kept = {name: value for name, value in os.environ.items() if not foreign.match(name)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return kept | {"PATH": path, "PYTHONPATH": str(self.tree), "PYTEST_ADDOPTS": "--numprocesses=0 -q"}


def changed(text: str, step: Step) -> str:
    for place in re.split(r"^@@.*\n", step.block, flags=re.MULTILINE):
        lines = place.splitlines()
        if not lines:
            continue
        assert all(line[:1] in ("", " ", "+", "-") for line in lines), f"{step}: not a diff"
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        assert text.count(before) == 1, f"{step}: found {text.count(before)} times:\n{before}"
        text = text.replace(before, after)
    return text


def is_in_its_file(step: Step) -> bool:
    """Return whether the file contains the lines of the block in this order. ``...`` stands for omitted lines."""
    text = (ROOT / step.path).read_text(encoding="utf-8")
    position = 0
    for part in re.split(r"^\s*\.\.\.\n", step.block, flags=re.MULTILINE):
        found = text.find(part, position)
        if found < 0:
            found = text.find(textwrap.indent(part, "    "), position)
        if found < 0:
            return False
        position = found + len(part)
    return True
