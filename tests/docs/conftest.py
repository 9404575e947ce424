"""Says at the end how many blocks of the documentation ran."""

import sys

import pytest

from tests.docs.blocks import Count

COUNT = pytest.StashKey[Count]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COUNT] = Count()


@pytest.fixture(autouse=True)
def _no_app_of_other_tests() -> None:
    """A page imports its own ``app``, not one that a test has left."""
    sys.modules.pop("app", None)


@pytest.fixture
def count(pytestconfig: pytest.Config) -> Count:
    return pytestconfig.stash.setdefault(COUNT, Count())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    count = config.stash.get(COUNT, Count())
    if count.all:
        terminalreporter.write_line(
            f"{count.ran} of {count.all} documentation blocks ran"
        )
        for reason in count.skipped:
            terminalreporter.write_line(f"  not {reason}")
