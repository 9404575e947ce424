"""The Python on the pages is written as the package is: ruff says so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser

from tests.docs.test_blocks import PAGES, ROOT

# What does not hold for a piece of a page.
NOT_HERE = {
    "F821": "a name of an earlier block",
    "F401": "an import for a later block",
    "F811": "a view that is written anew, better",
    "F704": "await outside of a function: asyncio's REPL has it, and the page",
    "E402": "an import behind the sentence that needs it",
    "B018": "a value that is only shown",
    "PT017": "what is raised is looked at, and no test fails",
    "PT018": "the same",
}
# What one page does, and says why.
SUBJECT = {
    "docs/explanation/async.md": ["ASYNC251"],  # it holds up all others
    "docs/how-to/debug-it-hangs.md": ["ASYNC251"],  # it sleeps, and hangs
    "docs/how-to/stream-an-upload.md": ["ASYNC230"],  # it writes in a thread
}
NAMED = re.compile(r"<!-- file: (\S+) -->\s*\Z")
RUFF = (sys.executable, "-m", "ruff")
CONFIG = (
    f"--config={ROOT / 'pyproject.toml'}",
    "--config=src=['.']",
    "--no-cache",
)


def write_blocks(page: Path, folder: Path) -> list[str]:
    """Write each Python block of a page to a file; one with a name to that.

    A doctest is left out: ruff reads none outside of a docstring.
    """
    blocks = list[tuple[str, str]]()

    def keep(example: Example) -> None:
        text = str(example.parsed)
        if not text.lstrip().startswith(">>>"):
            before = example.document.text[: example.region.start]
            named = NAMED.search(before)
            name = named[1] if named else f"block_{len(blocks)}.py"
            blocks.append((name, text))

    for example in (
        Sybil([CodeBlockParser("python", keep)]).parse(page).examples()
    ):
        example.evaluate()
    for number, (name, text) in enumerate(blocks):
        path = folder / str(number) / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        # So that a later block's import of it is one of our own.
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return [f"{number}/{name}" for number, (name, _) in enumerate(blocks)]


def complaints(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [*RUFF, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)
def test_the_python_of_a_page_is_in_the_style_of_the_package(page, tmp_path):
    if files := write_blocks(page, tmp_path):
        name = page.relative_to(ROOT).as_posix()
        ignored = f"--ignore={','.join([*NOT_HERE, *SUBJECT.get(name, [])])}"
        assert complaints(tmp_path, "check", *CONFIG, ignored, *files) == ""
        form = ("format", "--diff", *CONFIG)
        assert complaints(tmp_path, *form, *files) == ""
