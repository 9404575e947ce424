"""What the directives of the site promise: docs/_ext."""

import doctest
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import h11
import pytest
from h11._state import EVENT_TRIGGERED_TRANSITIONS

pytest.importorskip("sphinx")

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "docs" / "_ext"
LINES_AT_MOST = 1200  # of all the extensions, without docstrings and comments


@pytest.fixture(scope="module")
def extensions():
    """Import from docs/_ext, and forget it behind these tests."""
    sys.path.insert(0, str(EXTENSIONS))
    yield importlib.import_module
    sys.path.remove(str(EXTENSIONS))
    for path in EXTENSIONS.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def sources(extensions):
    return extensions("sources")


# -- listings --


def test_an_object_is_found_by_its_name(sources):
    part = sources.region("protocol/stream.py::HTTPStream.ORDER")
    first, *_, last = part.lines()
    assert first.lstrip().startswith("ORDER: ClassVar")
    assert last.strip() == "}"


def test_a_decorator_belongs_to_what_it_decorates(sources):
    part = sources.region("wrappers/base.py::BaseRequestWebsocket.shield")
    assert part.lines()[0].strip() == "@asynccontextmanager"


def test_a_file_of_the_project_can_be_shown_too(sources):
    part = sources.region("tests/docs/test_directives.py::sources")
    assert part.file == "tests/docs/test_directives.py"


@pytest.mark.parametrize(
    "target",
    ["protocol/stream.py::HTTPStream.nope", "nope.py", "app.py::a.b.c"],
)
def test_an_unknown_name_is_refused(sources, target):
    with pytest.raises(sources.NoSuchRegion):
        sources.region(target)


def test_a_region_is_cut_by_its_text(sources):
    whole = sources.region("protocol/stream.py::HTTPStream.ORDER")
    part = sources.cut(whole, '"started+"', '"trailing",')
    assert '"started+"' in part.lines()[0]
    assert part.first > whole.first
    with pytest.raises(sources.NoSuchRegion, match="no line has 'nope'"):
        sources.cut(whole, "nope")


def test_lines_are_marked_by_their_text(sources):
    part = sources.region("protocol/stream.py::HTTPStream.ORDER")
    [first, *_] = sources.marked(part, ["early_hint"])
    assert "early_hint" in part.lines()[first - 1]
    with pytest.raises(sources.NoSuchRegion):
        sources.marked(part, ["nope"])


def test_a_listing_is_no_longer_than_a_screen(sources):
    with pytest.raises(sources.NoSuchRegion, match="at most 45 fit"):
        sources.check(sources.region("protocol/h1.py"))


def site(folder, page):
    """Build a site of one page as the real one is built."""
    (folder / "conf.py").write_text(
        f"import sys\nsys.path[:0] = [{str(EXTENSIONS)!r}, {str(ROOT)!r}]\n"
        "extensions = ['myst_parser', 'listing']\nproject = 'x'\n"
    )
    (folder / "index.md").write_text(f"# X\n\n{page}\n")
    out = folder / "out"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-E"]
    built = subprocess.run(
        [*command, str(folder), str(out)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return built, out


@pytest.mark.slow
def test_what_is_shown_is_written_down(tmp_path):
    page = (
        "```{listing} http/dates.py::format_date\n```\n"
        "\n{line}`http/dates.py::parse_date`\n"
    )
    built, out = site(tmp_path, page)
    assert built.returncode == 0, built.stderr
    [region] = json.loads((out / "regions.json").read_text())
    assert region["file"] == "microquart/http/dates.py"
    assert region["name"] == "format_date"
    anchor = region["page"].partition("#")[2]
    html = (out / "index.html").read_text()
    assert f'id="{anchor}"' in html
    assert 'href="source/microquart/http/dates.html#L-' in html
    source = (out / "source/microquart/http/dates.html").read_text()
    assert f'index.html#{anchor}"' in source
    assert f'id="L-{region["from"]}"' in source


@pytest.mark.slow
def test_an_unknown_name_fails_the_build(tmp_path):
    built, _ = site(tmp_path, "```{listing} http/dates.py::nope\n```")
    assert built.returncode != 0
    assert "http/dates.py has no nope" in built.stderr


def test_options_of_a_listing_are_plain_text(extensions):
    page = [':from: # it\'s\n:to: "x": 1,\n:mark: |\n']
    extensions("listing").quote(..., "", page)
    assert page == [":from: '# it''s'\n:to: '\"x\": 1,'\n:mark: |\n"]


# -- state machines --


def test_the_arrows_of_a_diagram_are_those_of_the_table(extensions):
    machines = extensions("machines")
    arrows = machines.of_h11("SERVER")
    for state, ways in EVENT_TRIGGERED_TRANSITIONS[h11.SERVER].items():
        for following in ways.values():
            assert (state.__name__, following.__name__) in arrows
    picture = machines.drawn(arrows)
    assert picture.count('class="arrow"') == len(arrows)


def test_a_machine_of_ours_is_drawn_from_its_class(extensions):
    machines = extensions("machines")
    arrows = machines.of_class("protocol/stream.py::HTTPStream")
    assert "http.response.start" in arrows["waiting", "started"]


# -- the map --


def test_every_module_is_on_the_map(extensions):
    charts = extensions("map")
    drawing = charts.drawn()
    for path in (ROOT / "microquart").rglob("*.py"):
        folder = path.parent.relative_to(ROOT / "microquart")
        if ".".join(folder.parts) in charts.FOLDED:
            path = path.with_name("__init__.py")
        file = path.relative_to(ROOT).with_suffix("").as_posix()
        assert f"source/{file}.html" in drawing


# -- tables --


def test_every_message_has_a_cause_and_a_fix(extensions):
    told, wrong = extensions("messages").of_table()
    assert wrong == []
    assert len(told) > 100


def test_every_key_of_the_configuration_is_explained(extensions):
    assert "MAX_CONTENT_LENGTH" in extensions("reference").config()


def test_every_object_is_explained(extensions):
    assert "request_started" in extensions("reference").objects()


def test_every_limit_is_explained(extensions):
    assert "beyond: 431" in extensions("reference").limits()


# -- what the reference shows --

SHOWN = [
    line.split()
    for path in sorted((ROOT / "docs" / "reference").rglob("*.md"))
    for line in path.read_text().splitlines()
    if line.startswith("```{generated} names ")
]


@pytest.mark.parametrize("line", SHOWN, ids=" ".join)
def test_what_is_shown_says_what_it_is(extensions, line):
    _, _, module, *names = line
    for name, value in extensions("reference").public(module).items():
        shown = name in names or not names
        if shown and not is_word(value) and not is_object(value):
            assert inspect.getdoc(value), f"{module}.{name}"


def is_object(value):
    return not isinstance(value, type | FunctionType)


def is_word(value):
    """Tell whether a class has only its name to say: a message, a status."""
    return hasattr(value, "__total__") or hasattr(value, "description")


def test_every_public_name_is_in_the_reference(extensions):
    reference = extensions("reference")
    shown = {
        name for line in SHOWN if line[2] == "microquart" for name in line
    }
    names = {
        name
        for name, value in reference.public("microquart").items()
        if isinstance(value, type)
    }
    assert names - {"Markup"} <= shown


# -- mistakes and traces --

FORGOTTEN = """\
from microquart import Quart, request

app = Quart(__name__)


@app.get("/")
async def index():
    if request.args:
        return "x"
"""


def test_a_mistake_says_what_the_program_is_told(extensions):
    said = extensions("learning").said_of(FORGOTTEN, {"get": "/"})
    assert said.startswith("TypeError: view 'index' (app.py:6) returned None")
    assert extensions("learning").said_of(FORGOTTEN, {"get": "/?a=1"}) == ""


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_a_trace_is_of_a_real_request(extensions, version):
    tracing = extensions("tracing")
    program = FORGOTTEN.replace("if request.args:", "if True:")
    client = tracing.CLIENTS[version]
    seen = tracing.run(program, ["GET /", "GET /nope"], client)
    assert [request.status for request in seen.requests] == [200, 404]
    layers = {record.layer for record in seen}
    assert ("h2" in layers) == (version == "2")
    picture = tracing.diagram(seen.to_mermaid())
    assert "index" in picture
    assert "http.response.start 200" in picture


# -- the extensions themselves --


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in EXTENSIONS.glob("*.py"))
)
def test_the_examples_of_an_extension_run(extensions, name):
    assert doctest.testmod(extensions(name)).failed == 0


def test_the_extensions_stay_small(extensions):
    count = extensions("map").code_lines
    assert sum(map(count, EXTENSIONS.glob("*.py"))) <= LINES_AT_MOST
