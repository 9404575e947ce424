"""Who may import whom: the table of floors, and rules over syntax trees.

Every rule takes the package as trees and returns complaints, one line each.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

PACKAGE = "microquart"

# The floors. "a > b": b, on the same floor, may import a, and what a may;
# without an arrow two modules of a floor do not know each other. "x.*": a
# folder whose modules may import one another; "x" alone is the folder's
# __init__. A cell without arrow is only listed.
FLOORS = {
    "words": "asgi",
    "values": "http.*",
    "parts": (
        "config | signals | threads | mistakes | dotenv | loading"
        " | json.values > json.tag"
    ),
    "conversation": (
        "wrappers.response > wrappers.redirect > exceptions > routing.*"
        " > formparser"
        " > wrappers.base > wrappers.request_body > wrappers.request"
        " > wrappers.websocket > wrappers > typing"
        " | wrappers.bodies > wrappers.response"
        " | wrappers.conditional > wrappers.response"
        " | wrappers.attributes > wrappers.response_fields > wrappers.response"
        " | wrappers.bodies > wrappers.uploads > formparser"
        " | wrappers.request_fields > wrappers.base"
        " | wrappers.wsgi > wrappers.response | exceptions > adoption"
        " | exceptions > files | wrappers.response > sessions"
        " | wrappers.response > json.reading > json.provider > json"
    ),
    "context": "context",
    "machinery": (
        "departure > gateway | resources > scaffold > configured > recovery"
        " > addressing > ways > pipeline > serving"
        " | logging > configured | debug > addressing"
        " | scaffold > blueprints | environment > templating | flashing"
        " | commands > blueprints | commands > testing.*"
    ),
    "application": "app",
    "names": (
        "globals > helpers > views > __init__ | ctx > __init__"
        " | as_quart > __init__ | utils | datastructures"
    ),
    "core": (
        "protocol.limits > protocol.stream > protocol.ws > protocol.h1"
        " > protocol | protocol.preface > protocol.gate"
        " | protocol.stream > protocol.h1_head > protocol.h1"
        " | protocol.stream > protocol.h2_head > protocol.h2"
        " | protocol.limits > protocol.frames > protocol.flow > protocol.h2"
        " | protocol.frames > protocol.gate > protocol.h2"
        " | protocol.limits > protocol.deflate > protocol.ws"
        " | protocol.ws_frames > protocol.ws"
        " | protocol.ws_handshake > protocol.ws"
        " | protocol.compression > protocol.h2"
        " | protocol.stream > protocol.flow"
        " | protocol.pace > protocol.flow | protocol.pace > protocol.h1"
        " | protocol.ws > protocol.h2 > protocol"
    ),
    "shell": "server.*",
    "middleware": "middleware.*",
    "top": "xray.* > cli.* > __main__ | learn.*",
}

BELOW = {
    "words": "",
    "values": "",
    "parts": "values",
    "conversation": "words values parts",
    "context": "words values parts conversation",
    "machinery": "words values parts conversation context",
    "application": "words values parts conversation context machinery",
    "names": "words values parts conversation context machinery application",
    "core": "words values",
    "shell": "words values core",
    "middleware": "words values",
    "top": " ".join(FLOORS),
}

FRAMEWORK = {
    "parts",
    "conversation",
    "context",
    "machinery",
    "application",
    "names",
}

SERVER = {"core", "shell"}

# What decides (values and core) takes time, bytes and chance as arguments.
SANS_IO = ("http", "protocol")
WORLD = {
    "time",
    "asyncio",
    "anyio",
    "trio",
    "socket",
    "ssl",
    "select",
    "selectors",
    "signal",
    "logging",
    "random",
    "secrets",
    "os",
    "threading",
    "subprocess",
    "tempfile",
    "shutil",
    "concurrent",
    "multiprocessing",
}
CLOCKS = {"now", "utcnow", "today"}

# The libraries, and where each may be imported: elsewhere nobody knows its
# classes.
LIBRARIES = {
    "h11": "protocol xray",
    "h2": "protocol xray learn",
    "hyperframe": "protocol xray",
    "hpack": "protocol xray",
    "wsproto": "protocol xray learn",
    "anyio": "*",
    "trio": "*",
    "uvloop": "server cli",
    "watchfiles": "server cli",
    "trustme": "server cli",
    "prometheus_client": "middleware",
    "blinker": "signals",
    "itsdangerous": "sessions",
    "multipart": "formparser",
    "jinja2": "environment scaffold",
    "markupsafe": (  # jinja2's own
        "exceptions json debug environment wrappers __init__"
    ),
    "click": "commands cli testing",
    "pytest": "xray",
}

# Imports in a function, the only ones: (importer, what). Heavy libraries and
# modules of ours that need one are imported when first used; an extra may be
# absent.
HEAVY = {"jinja2", "click", "multipart", "itsdangerous"}
# Of the standard library: what few programs need, and what costs each of them
# a millisecond or a quarter of a megabyte.
SELDOM = {
    "decimal",
    "difflib",
    "getpass",
    "importlib.metadata",
    "random",
    "secrets",
    "shutil",
    "sysconfig",
    "tempfile",
    "tomllib",
}
EXTRAS = {"trio", "uvloop", "watchfiles", "trustme", "prometheus_client"}
LATE = {
    ("__init__", "as_quart"),
    ("addressing", "debug"),
    ("app", "commands"),
    ("app", "debug"),
    ("app", "environment"),
    ("app", "testing"),
    ("blueprints", "commands"),
    ("templating", "environment"),  # jinja2
    ("cli", "cli.console"),
    ("cli.learn", "learn.session"),
    ("cli.tracing", "xray.running"),
    ("cli.xray", "cli.traces"),
    ("protocol", "protocol.h2"),
    ("server.serve", "server.anyio_shell"),  # each on its own loop
    ("server.serve", "server.asyncio_shell"),
    ("cli.console", "readline"),  # its import changes what input() does
}
# Upwards, for who asks for it by name: (importer, function) -> folder.
ACROSS = {
    ("app", "run"): "server",
    ("app", "run_task"): "server",
    ("app", "_server_settings"): "server",
    ("__init__", "__getattr__"): "xray",  # microquart.trace
}

Modules = dict[str, ast.Module]


class Import(NamedTuple):
    """One imported module: its name in the package, or its foreign one."""

    importer: str
    imported: str
    own: bool
    function: str  # the function around it; "" at the top of the module
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


# -- reading --


def package(root: Path) -> Modules:
    """Parse the modules below ``root``, each by its name."""
    return {
        name_of(path.relative_to(root)): ast.parse(path.read_text(), str(path))
        for path in sorted(root.rglob("*.py"))
    }


def name_of(path: Path) -> str:
    """Name a module by its place.

    >>> name_of(Path("http/fields.py")), name_of(Path("http/__init__.py"))
    ('http.fields', 'http')
    """
    parts = path.with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)


def imports(modules: Modules) -> Iterator[Import]:
    """Yield every import, wherever it stands, those in strings included."""
    for importer, tree in modules.items():
        for node, function in with_function(tree):
            for full in dict.fromkeys(imported_by(node, importer, modules)):
                top, _, rest = full.partition(".")
                own = top == PACKAGE
                name = (rest or "__init__") if own else full
                yield Import(importer, name, own, function, node.lineno)


def with_function(
    node: ast.AST, function: str = ""
) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield statements and expressions, each with the function around."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.expr):
            yield child, function
        inner = function
        if isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        ):
            inner = getattr(child, "name", "lambda")
        yield from with_function(child, inner)


def imported_by(
    node: ast.AST, importer: str, modules: Modules
) -> Iterator[str]:
    """Yield the full names of the modules that a node imports."""
    match node:
        case ast.Import(names=names):
            yield from (name.name for name in names)
        case ast.ImportFrom(module=None) | ast.ImportFrom(level=1 | 2 | 3 | 4):
            yield f"{PACKAGE}.relative import in {importer}"
        case ast.ImportFrom(module=str(module), names=names):
            for name in names:
                inner = f"{module}.{name.name}"
                known = inner.removeprefix(f"{PACKAGE}.") in modules
                yield inner if known and module.startswith(PACKAGE) else module
        case ast.Call(args=[ast.Constant(value=str(module)), *_]):
            if called(node) in {"import_module", "__import__"}:
                yield module


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


# -- the table --


@cache
def rows() -> dict[str, str]:
    """Return the floor of every name in the table."""
    return {
        name.strip(): floor
        for floor, cells in FLOORS.items()
        for cell in cells.split("|")
        for name in cell.split(">")
    }


@cache
def row_of(module: str) -> str | None:
    """Return the name in the table that stands for a module.

    >>> row_of("http.fields"), row_of("context"), row_of("utils")
    ('http.*', 'context', None)
    """
    names = rows()
    if module in names:
        return module
    folder = module.partition(".")[0] + ".*"
    return folder if folder in names else None


@cache
def leftwards(row: str) -> set[str]:
    """Return the rows of the same floor that the arrows lead to."""
    reached: set[str] = set()
    for cells in FLOORS.values():
        for cell in cells.split("|"):
            names = [name.strip() for name in cell.split(">")]
            for left, right in pairwise(names):
                if right == row:
                    reached |= {left} | leftwards(left)
    return reached


def allowed(importer: str, imported: str) -> bool:
    """Tell whether the table lets one module import another."""
    here, there = row_of(importer), row_of(imported)
    if here is None or there is None:
        return False
    if here == there:
        return here.endswith(".*")
    floors = rows()
    return (
        there in leftwards(here)
        or floors[there] in BELOW[floors[here]].split()
    )


# -- the rules --


def without_a_row(modules: Modules) -> list[str]:
    return [f"{name} has no row" for name in modules if row_of(name) is None]


def without_a_module(modules: Modules) -> list[str]:
    used = {row_of(name) for name in modules}
    return [f"{row} has no module" for row in rows() if row not in used]


def against_the_floors(modules: Modules) -> list[str]:
    return [
        str(entry)
        for entry in imports(modules)
        if entry.own
        and not allowed(entry.importer, entry.imported)
        and not across(entry)
    ]


def across(entry: Import) -> bool:
    """Tell whether this is the one way from the framework to the server."""
    folder = ACROSS.get((entry.importer, entry.function))
    return folder is not None and entry.imported.partition(".")[0] == folder


def cycles(modules: Modules) -> list[str]:
    """Follow all imports, those in functions too, and show a way back."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for entry in imports(modules):
        if entry.own and entry.imported in graph:
            graph[entry.importer].add(entry.imported)
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        return [" > ".join(reversed(error.args[1]))]
    return []


def for_typing_only(modules: Modules) -> list[str]:
    return [
        f"{name}:{node.lineno} mentions TYPE_CHECKING"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")
        or (isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING")
    ]


def in_a_function(modules: Modules) -> list[str]:
    return [
        f"{entry} in {entry.function}()"
        for entry in imports(modules)
        if entry.function and not may_be_late(entry) and not across(entry)
    ]


def may_be_late(entry: Import) -> bool:
    whole = entry.imported.partition(".")[0]
    if {(entry.importer, name) for name in (entry.imported, whole)} & LATE:
        return True
    late = HEAVY | EXTRAS | SELDOM
    return not entry.own and bool({entry.imported, whole} & late)


def waiting(modules: Modules) -> list[str]:
    found = []
    for name, tree in sans_io(modules).items():
        for node in ast.walk(tree):
            match node:
                case (
                    ast.AsyncFunctionDef()
                    | ast.AsyncFor()
                    | ast.AsyncWith()
                    | ast.Await()
                ):
                    found.append(f"{name}:{node.lineno} waits")
                case ast.comprehension(is_async=1):
                    found.append(f"{name}:{node.iter.lineno} waits")
    return found


def looking_at_the_world(modules: Modules) -> list[str]:
    """Complain of clocks, sockets, files, chance and loops in what decides."""
    inner = sans_io(modules)
    found = [
        str(entry)
        for entry in imports(inner)
        if not entry.own and entry.imported.partition(".")[0] in WORLD
    ]
    for name, tree in inner.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                word = called(node)
                if word in CLOCKS or word in {"open", "print"}:
                    found.append(f"{name}:{node.lineno} calls {word}()")
    return found


def sans_io(modules: Modules) -> Modules:
    return {
        name: tree
        for name, tree in modules.items()
        if name.partition(".")[0] in SANS_IO
    }


def over_the_seam(modules: Modules) -> list[str]:
    """Follow all imports: the server reaches no view, and a view no socket."""
    floors = {name: rows().get(row_of(name) or "", "") for name in modules}
    found = []
    for name, reached in reach(modules).items():
        for other in sorted(reached):
            pair = floors[name], floors[other]
            if any(
                a in FRAMEWORK and b in SERVER for a, b in (pair, pair[::-1])
            ):
                found.append(f"{name} reaches {other}")
    return found


def reach(modules: Modules) -> dict[str, set[str]]:
    """Tell which modules importing one brings in, the late ones left out."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for entry in imports(modules):
        if entry.own and entry.imported in graph and not entry.function:
            graph[entry.importer].add(entry.imported)
    reached = {}
    for name in graph:
        seen, todo = set[str](), [name]
        while todo:
            new = graph[todo.pop()] - seen
            seen |= new
            todo += new
        reached[name] = seen
    return reached


def foreign(modules: Modules) -> list[str]:
    """Complain of a library outside its room, and of one that is in no row."""
    return [
        str(entry)
        for entry in imports(modules)
        if not entry.own
        and (top := entry.imported.partition(".")[0])
        not in sys.stdlib_module_names
        and not at_home(entry.importer, LIBRARIES.get(top, ""))
    ]


def at_home(importer: str, rooms: str) -> bool:
    whole = importer.partition(".")[0]
    return rooms == "*" or whole in rooms.split()
