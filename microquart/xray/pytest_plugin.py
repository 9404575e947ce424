"""``pytest --xray-on-failure``: the trace of each test that fails.

This is only the option; what it does is imported when it is given.  Installed,
the file is the module ``pytest_microquart``: pytest imports that in each of
its runs, and nothing else of this package.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("microquart")
    group.addoption(
        "--xray-on-failure",
        action="store_true",
        help="trace the requests of each test; keep the trace if it fails",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--xray-on-failure"):
        config.pluginmanager.import_plugin("microquart.xray.on_failure")
