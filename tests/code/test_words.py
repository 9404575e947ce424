"""One word for each idea: the names that the package may not use."""

import ast
import re
from collections.abc import Iterator, Set
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "microquart"

# Names of modules that say nothing about what is inside.
EMPTY = {
    *(
        "utils",
        "util",
        "helpers",
        "helpers2",
        "common",
        "base",
        "misc",
        "core",
    ),
    *(
        "driver",
        "handler",
        "handlers",
        "manager",
        "managers",
        "lib",
        "tools",
        "impl",
    ),
}
# Quart's own public modules keep their names.
QUARTS = {"utils.py", "helpers.py", "wrappers/base.py", "testing/utils.py"}

# A word that another one stands for (house word after the colon), as part of a
# name.
REPLACED = {
    "driver": "shell",
    "cycle": "stream",
    "channel": "stream",
    "environ": "scope",
    "manager": "the noun of what is kept",
    "util": "the noun of what it is for",
    "utils": "the noun of what it is for",
    "misc": "the noun of what it is for",
    "impl": "the noun itself",
}
# The last word of a class: it says less than the rest of the name.
ENDINGS = (
    "Manager",
    "Handler",
    "Driver",
    "Helper",
    "Utils",
    "Impl",
    "Wrapper",
)
# A type in a name, unless the function makes that type or Quart has the name.
TYPED = re.compile(r"_(list|dict|str|tuple|int|obj)$")
MAKES = re.compile(r"^_?(to|as|from|is|parse|dump|get|iter)_")
NUMBERED = re.compile(r"(?<!http)(?<=[a-z]{4})[0-9]$")
# Names that others gave: parameters of Quart's and Werkzeug's interface,
# settings of HTTP/2.
GIVEN = {
    "exceptions.py": {"environ"},
    "http/multidict.py": {"new_list", "default_list"},
    "templating.py": {"template_name_or_list"},
    "protocol/limits.py": {"h2_max_header_list"},
}

Names = Iterator[tuple[str, int]]


def files(*folders: str) -> list[Path]:
    return sorted(
        path for name in folders for path in (ROOT / name).rglob("*.py")
    )


def defined(tree: ast.AST) -> Names:
    """Yield the names that a module defines, and their lines."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno


def words(name: str) -> list[str]:
    """Cut a name into its words.

    >>> words("HTTPDriver_old")
    ['http', 'driver', 'old']
    """
    pieces = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    return [piece.lower() for piece in pieces]


def objections(source: str, given: Set[str] = frozenset()) -> list[str]:
    """Say what is wrong with the names of a module."""
    tree = ast.parse(source)
    found = [
        f"{node.lineno}: {node.name}: its last word says nothing"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and ends_empty(node)
    ]
    for name, line in defined(tree):
        if name in given:
            continue
        for word in words(name):
            if word in REPLACED:
                found.append(f"{line}: {name}: say {REPLACED[word]}")
        if TYPED.search(name) and not MAKES.match(name):
            found.append(f"{line}: {name}: a type in a name")
        if NUMBERED.search(name) and name.islower():
            found.append(f"{line}: {name}: a number for a name")
    return found


def ends_empty(node: ast.ClassDef) -> bool:
    """Tell whether a class ends so, and not after what it derives from."""
    inherited = [ast.unparse(base).partition("[")[0] for base in node.bases]
    return any(
        node.name.endswith(word)
        and not any(base.endswith(word) for base in inherited)
        for word in ENDINGS
    )


def mentions(pattern: str, *paths: Path) -> list[str]:
    """Return the lines of files in which a pattern occurs."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_no_module_has_an_empty_name():
    named = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*")]
    found = [
        str(path)
        for path in named
        if path.suffix in {"", ".py"} and path.stem in EMPTY
    ]
    assert [path for path in found if path not in QUARTS] == []


@pytest.mark.parametrize(
    "path",
    files("microquart"),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_names_use_the_words_of_the_house(path):
    given = GIVEN.get(str(path.relative_to(PACKAGE)), frozenset())
    assert objections(path.read_text(), given) == []


@pytest.mark.parametrize(
    ("source", "objection"),
    [
        ("class ServerDriver: ...", "1: ServerDriver: say shell"),
        ("def f(environ): ...", "1: environ: say scope"),
        ("x.request_cycle = 1", "1: request_cycle: say stream"),
        (
            "class ErrorHandler: ...",
            "1: ErrorHandler: its last word says nothing",
        ),
        ("headers_list = []", "1: headers_list: a type in a name"),
        ("data2 = b''", "1: data2: a number for a name"),
    ],
)
def test_a_name_that_is_objected_to(source, objection):
    assert objection in objections(source)


@pytest.mark.parametrize(
    "source",
    [
        "def errorhandler(code): ...",
        "class ErrorHandler(logging.Handler): ...",
        "h2 = http2 = h11 = 1",
        "def to_dict(self): ...",
        "scope = connection.stream",
        "os.environ['A']",
    ],
)
def test_a_name_that_is_not(source):
    assert objections(source) == []


def test_no_line_is_hidden_from_a_type_checker():
    hidden = r"type: *igno[r]e|pyright: *(igno[r]e|basic)|mypy: *igno[r]e"
    assert mentions(hidden, *files("microquart", "tests", "examples")) == []


def test_only_the_proxies_cast():
    others = [
        path for path in files("microquart") if path != PACKAGE / "globals.py"
    ]
    assert mentions(r"\bcast\b *[(,]|import .*\bcast\b", *others) == []


def test_nothing_is_left_to_do():
    later = r"\b(TO[D]O|FI[X]ME|X[X]X)\b"
    assert mentions(later, *files("microquart", "tests", "examples")) == []


def test_a_mention_is_found(tmp_path):
    path = ROOT / "tests" / "code" / "test_words.py"
    assert mentions(r"^def test_a_mention_is_found", path) != []
