"""Finding the application that a command line names."""

import sys

import pytest

from microquart.loading import LoadError, applications, load, load_module

PROGRAM = """
import functools

async def app(scope, receive, send): ...

class Application:
    def __init__(self, name="default", debug=False):
        self.name, self.debug = name, debug

    async def __call__(self, scope, receive, send): ...

class Proxy:
    def __getattribute__(self, name):
        raise RuntimeError("outside of a request")

other = Application("other")
inner = Application("inner")
inner.inner = Application("innermost")
partial = functools.partial(app)
request = Proxy()
number = 42

def wsgi(environ, start_response): ...
def create_app(name="made", *, debug=False):
    return Application(name, debug)
def needs(name): return Application(name)
def fails(): raise ValueError("no database")
async def waits(): return Application()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty current folder; what is imported from it is forgotten."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.fixture
def program(folder):
    (folder / "program.py").write_text(PROGRAM)
    return folder


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("program:other", "other"),
        ("program.py:other", "other"),
        ("./program.py:other", "other"),
        ("program:inner.inner", "innermost"),
        ("program:create_app()", "made"),
        ("program:create_app('x')", "x"),
        ("program:needs(name='y')", "y"),
    ],
)
def test_a_target_names_an_application(program, target, name):
    assert load(target).name == name


def test_arguments_of_a_factory_are_plain_values(program):
    assert load("program:create_app('x', debug=True)").debug is True


@pytest.mark.parametrize("name", ["app", "partial"])
def test_functions_are_applications_too(program, name):
    assert load(f"program:{name}") is getattr(load_module("program"), name)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("async def app(scope, receive, send): 'app'", "app"),
        ("async def application(scope, receive, send): 'application'", None),
        ("async def only(scope, receive, send): 'only'", None),
        ("def create_app():\n async def f(s, r, t): 'made'\n return f", None),
        ("def make_app():\n async def f(s, r, t): 'made'\n return f", None),
    ],
)
def test_without_a_name_the_usual_ones_are_tried(folder, source, name):
    (folder / "usual.py").write_text(source)
    assert load("usual").__doc__ in source


@pytest.mark.parametrize(
    "source",
    [
        "from microquart import Quart, make_response\nweb = Quart('it')",
        "from microquart import Quart\nweb = Quart('it')\n"
        "async def view(a, b, c): ...",
    ],
)
def test_a_function_of_three_values_is_no_application_beside_one(
    folder, source
):
    (folder / "beside.py").write_text(source)
    assert load("beside").name == "it"


def test_a_file_in_a_package_is_imported_by_its_full_name(folder):
    package = folder / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "web.py").write_text(PROGRAM)
    assert type(load("src/shop/web.py:other")).__module__ == "shop.web"


def test_a_file_may_have_the_name_of_a_standard_module(folder):
    (folder / "code.py").write_text(PROGRAM)
    assert load("code.py:other").name == "other"
    assert hasattr(load_module("code"), "InteractiveConsole")


def test_two_files_of_one_name_are_two_modules(folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "same.py").write_text(f"name = {name!r}\n{PROGRAM}")
    assert load_module("a/same.py").name == "a"
    assert load_module("b/same.py").name == "b"


def test_the_applications_in_a_module_are_those_surely_so(program):
    assert applications(load_module("program")) == ["app", "other", "inner"]


# -- mistakes: what is wrong, where, and what to do --


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "the name of the application is empty"),
        ("nope.py", "no file nope.py in ."),
        ("sub/nope.py:app", "no file nope.py in sub"),
        (
            "program:nope",
            "program has no 'nope'; it has program:app, program:other, "
            "program:inner",
        ),
        (
            "program:number",
            "program:number is no ASGI application but a int",
        ),
        (
            "program:create_app",
            "program:create_app is no ASGI application; "
            "if it makes one, write program:create_app()",
        ),
        (
            "program:wsgi",
            "program:wsgi is no ASGI application; it looks like a WSGI "
            "application, and those need WSGI servers",
        ),
        (
            "program:needs",
            "program:needs is no ASGI application; "
            "one is called as app(scope, receive, send)",
        ),
        (
            "program:needs()",
            "program:needs(): TypeError: needs() missing 1 required "
            "positional argument: 'name'",
        ),
        (
            "program:fails()",
            "program:fails(): ValueError: no database (program.py:27)",
        ),
        (
            "program:waits()",
            "program:waits() is async; a factory has to be a plain function",
        ),
        (
            "program:create_app(open('x'))",
            "program:create_app(open('x')): only plain values can be "
            'arguments here, as in create_app("production", debug=True)',
        ),
    ],
)
def test_a_mistake_is_one_line(program, target, message):
    with pytest.raises(LoadError) as caught:
        load(target)
    assert str(caught.value) == message


def test_an_unknown_module_is_told_with_what_is_there(program):
    with pytest.raises(LoadError) as caught:
        load("progam:app")
    assert str(caught.value) == (
        f"no module 'progam' in {program}; Python files there: program.py"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import json\nimport absent\n",
            "broken.py:2: ModuleNotFoundError: No module named 'absent'",
        ),
        ("x = 1\ndef f(:\n", "broken.py:2: SyntaxError: invalid syntax"),
        (
            "import json\n\njson.loads('{')\n",
            "broken.py:3: JSONDecodeError: Expecting property name enclosed "
            "in double quotes: line 1 column 2 (char 1)",
        ),
        ("1 / 0", "broken.py:1: ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_does_not_import_names_its_line(folder, source, message):
    (folder / "broken.py").write_text(source)
    with pytest.raises(LoadError) as caught:
        load("broken:app")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "",
            "bare has no 'app'; and no other ASGI application; "
            "write app = Quart(__name__)",
        ),
        ("apps = 1", "bare has no 'app'; did you mean bare:apps?"),
        (
            "async def one(s, r, t): ...\nasync def two(s, r, t): ...",
            "bare has 2: bare:one, bare:two",
        ),
    ],
)
def test_a_module_without_one_application(folder, source, message):
    (folder / "bare.py").write_text(source)
    with pytest.raises(LoadError) as caught:
        load("bare")
    assert str(caught.value) == message
