"""``listing``, ``{line}`` and ``step-diff``: code on a page is never typed.

What is shown is written to ``regions.json``; how much of the package some
page shows is printed, and held above ``listing_threshold``, in percent.
Builds are always fresh (``sphinx-build -E``), so what is collected lives here.
"""

import json
import re
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import ClassVar, NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sources import (
    PACKAGE,
    ROOT,
    NoSuchRegion,
    Region,
    check,
    cut,
    marked,
    region,
)
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

OPTION = re.compile(r"^(:(?:from|to|mark): )(?!\|$)(.+)$", re.MULTILINE)

NAMED = re.compile(r"^<!-- file: (\S+) -->\s*\n(```+)(\S*)\n", re.MULTILINE)

NOT_COUNTED = ("xray", "cli", "learn")


class Shown(NamedTuple):
    """One listing on one page."""

    page: str
    anchor: str
    part: Region


SHOWN: list[Shown] = []
LINKED: set[str] = set()  # files that {line} leads to


class Listing(SphinxDirective):
    """Show an object of the source, by name, with its line numbers."""

    required_arguments = 1
    option_spec: ClassVar = {
        "mark": directives.unchanged_required,
        "from": directives.unchanged_required,
        "to": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        start, stop = self.options.get("from", ""), self.options.get("to", "")
        try:
            part = cut(region(self.arguments[0]), start, stop)
            check(part)
            marks = marked(part, self.options.get("mark", "").splitlines())
        except NoSuchRegion as error:
            raise self.error(str(error)) from None
        name = nodes.make_id(f"{part.file}-{part.name}-{part.first}")
        anchor = f"listing-{name}"
        SHOWN.append(Shown(self.env.docname, anchor, part))
        block = nodes.literal_block("", "\n".join(part.lines()))
        block["language"] = "python"
        block["linenos"] = True
        block["highlight_args"] = {
            "linenostart": part.first,
            "hl_lines": marks,
        }
        text = " · ".join(filter(None, (part.file, part.name)))
        link = source_link(self.env.docname, part, text)
        caption = nodes.caption("", "", link)
        classes = ["literal-block-wrapper", "listing"]
        return [
            nodes.container(
                "",
                caption,
                block,
                literal_block=True,
                classes=classes,
                ids=[anchor],
            )
        ]


def quote(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let the options of a listing be plain text: MyST reads YAML."""
    source[0] = OPTION.sub(
        lambda found: found[1] + found[2].replace("'", "''").join("''"),
        source[0],
    )


def name_files(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let ``<!-- file: NAME -->`` before a block be read: as its caption."""
    source[0] = NAMED.sub(
        lambda found: (
            f"{found[2]}{{code-block}} {found[3] or 'text'}\n"
            f":caption: {found[1]}\n"
        ),
        source[0],
    )


class Line(SphinxRole):
    """Link to the line where an object of the source begins.

    ``{line}`path::Qual.name``` shows the name, ``text <path::name>`` the text;
    ``path::Qual.name@text`` is the first line of it that has ``text``.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        title, _, rest = self.text.rpartition(" <")
        target, _, text = rest.removesuffix(">").partition("@")
        try:
            part = cut(region(target), text)
        except NoSuchRegion as error:
            reporter = self.inliner.reporter
            return [], [reporter.error(str(error), line=self.lineno)]
        LINKED.add(part.file)
        name = part.name.rpartition(".")[2] or part.file
        return [source_link(self.env.docname, part, title or name)], []


class StepDiff(SphinxDirective):
    """Show how one step of the book becomes the next: ``step-diff 05 06``."""

    required_arguments = 2
    option_spec: ClassVar = {"context": directives.nonnegative_int}

    def run(self) -> list[nodes.Node]:
        old, new = (self._step(number) for number in self.arguments)
        lines = unified_diff(
            old.read_text().splitlines(),
            new.read_text().splitlines(),
            old.name,
            new.name,
            n=self.options.get("context", 2),
            lineterm="",
        )
        block = nodes.literal_block("", "\n".join(lines))
        block["language"] = "diff"
        block["classes"] = ["step-diff"]
        return [block]

    def _step(self, number: str) -> Path:
        found = sorted(ROOT.glob(f"docs/steps/{number}_*.py"))
        if len(found) != 1:
            raise self.error(f"docs/steps has {len(found)} steps {number}")
        return found[0]


# -- pages of source, which captions and lines link to --


def page_of(file: str) -> str:
    return f"source/{file.removesuffix('.py')}"


def source_link(docname: str, part: Region, text: str) -> nodes.reference:
    uri = f"{'../' * docname.count('/')}{page_of(part.file)}.html"
    inner = nodes.literal("", text)
    return nodes.reference("", "", inner, refuri=f"{uri}#L-{part.first}")


def source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, str], str]]:
    """Make a page of each file of the package, and of what else is shown."""
    formatter = HtmlFormatter[str](
        linenos="inline", lineanchors="L", anchorlinenos=True
    )
    files = {
        path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py")
    }
    files |= LINKED | {one.part.file for one in SHOWN}
    for file in sorted(files):
        code = highlight((ROOT / file).read_text(), PythonLexer(), formatter)
        up = "../" * page_of(file).count("/")
        told = "".join(
            f'<li><a href="{up}{one.page}.html#{one.anchor}">'
            f"{app.env.titles[one.page].astext()}</a>: {one.part.name}, "
            f'line <a href="#L-{one.part.first}">{one.part.first}</a></li>'
            for one in SHOWN
            if one.part.file == file
        )
        body = f"<h1>{file}</h1><ul>{told}</ul>{code}"
        yield page_of(file), {"title": file, "body": body}, "page.html"


# -- how much is shown --


def modules() -> list[Path]:
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in NOT_COUNTED
    ]


def code_lines(path: Path) -> set[int]:
    """Return the numbers of the lines that are not empty."""
    lines = path.read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.strip()}


def coverage() -> tuple[int, int]:
    """Return how many lines of the package are shown, and how many it has."""
    seen = whole = 0
    for path in modules():
        file = path.relative_to(ROOT).as_posix()
        lines = code_lines(path)
        whole += len(lines)
        on_pages = set[int]()
        for one in SHOWN:
            if one.part.file == file:
                on_pages |= {*range(one.part.first, one.part.last + 1)}
        seen += len(lines & on_pages)
    return seen, whole


def finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None:
        return
    regions = [
        {
            "file": one.part.file,
            "name": one.part.name,
            "from": one.part.first,
            "to": one.part.last,
            "page": f"{one.page}.html#{one.anchor}",
        }
        for one in SHOWN
    ]
    text = json.dumps(regions, indent=1, ensure_ascii=False)
    (app.outdir / "regions.json").write_text(f"{text}\n")
    seen, whole = coverage()
    percent = 100 * seen / whole
    print(f"listings show {seen:,} of {whole:,} lines: {percent:.1f} %")
    threshold: float = app.config.listing_threshold
    if percent < threshold:
        raise ExtensionError(f"listings show less than {threshold} %")


def start(app: Sphinx) -> None:
    SHOWN.clear()
    LINKED.clear()


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("listing_threshold", 0.0, "env")
    app.add_directive("listing", Listing)
    app.add_directive("step-diff", StepDiff)
    app.add_role("line", Line())
    app.connect("builder-inited", start)
    app.connect("source-read", quote)
    app.connect("source-read", name_files)
    app.connect("html-collect-pages", source_pages)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
