"""The parity suite: each program is run against Quart, then against ours.

A test asks for ``quart`` and gets the one package or the other, and so for
``werkzeug``, where Quart's users find exceptions, routing and containers.
A test marked ``differs`` states what only ours does; the reason stands in
docs/explanation/quart.md.
"""

from importlib import import_module
from types import ModuleType, SimpleNamespace

import pytest
from blinker import NamedSignal

# What runs a test: Quart knows asyncio alone.
RUNS = [
    ("quart", "asyncio"),
    ("microquart", "asyncio"),
    ("microquart", "trio"),
]

SUBMODULES = [
    *("app", "blueprints", "config", "ctx", "datastructures", "debug"),
    *("formparser", "globals", "helpers", "json.provider", "json.tag"),
    *("logging", "routing", "sessions", "signals", "templating", "testing"),
    *("typing", "utils", "views", "wrappers"),
]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(*names): rows that it proves")
    config.addinivalue_line("markers", "differs(why): what only ours does")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wanted = metafunc.fixturenames
    if not {"quart", "werkzeug"} & set(wanted):
        return
    ours = metafunc.definition.get_closest_marker("differs") is not None
    runs = [run for run in RUNS if not (ours and run[0] == "quart")]
    if "anyio_backend" in wanted:
        names, values = "package, anyio_backend", runs
    else:
        names, values = (
            "package",
            list(dict.fromkeys(name for name, _ in runs)),
        )
    mark = pytest.mark.parametrize(
        names, values, indirect=True, scope="module"
    )
    metafunc.definition.add_marker(mark)


@pytest.fixture(scope="module")
def package(request: pytest.FixtureRequest) -> str:
    """The name of the package that a program is run against."""
    name: str = request.param
    return name


@pytest.fixture
def quart(package: str) -> ModuleType:
    """Quart, or ours: the one word that a user changes."""
    for name in SUBMODULES:
        import_module(f"{package}.{name}")
    return import_module(package)


@pytest.fixture
def werkzeug(package: str) -> SimpleNamespace:
    """Where exceptions, rules and containers are imported from."""
    root = "werkzeug" if package == "quart" else package
    names = ("exceptions", "datastructures", "routing")
    return SimpleNamespace(
        **{name: import_module(f"{root}.{name}") for name in names}
    )


@pytest.fixture
def app(quart):
    return quart.Quart(__name__)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture(autouse=True)
def _nobody_listens_yet(request):
    """Leave behind the receivers of tests whose garbage still lives."""
    if "quart" in request.fixturenames:
        quart = request.getfixturevalue("quart")
        for signal in vars(quart.signals).values():
            if isinstance(signal, NamedSignal):
                signal._clear_state()
