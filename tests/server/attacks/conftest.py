"""The target, once for each loop: it has to stand all attacks in turn."""

from collections.abc import Iterator

import pytest

from tests.server.attacks import h2, siege

LOOPS = ["asyncio", "uvloop", "trio"]


@pytest.fixture(scope="module", params=LOOPS)
def target(request: pytest.FixtureRequest) -> Iterator[siege.Target]:
    options = ("--loop", request.param, *siege.OPTIONS)
    with siege.besieged(*options) as target:
        # What is used for the first time costs memory that stays.
        assert target.ask("/") == b"hello"
        target.says(h2.PREFACE + h2.request(1, "/") + h2.GOODBYE)
        yield target
