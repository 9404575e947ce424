"""The numbered steps of the page are what happens, here and in Quart."""

import re
from pathlib import Path

import pytest

from tests.compat.playing import play

PAGE = (
    Path(__file__).parents[2] / "docs" / "explanation" / "life-of-a-request.md"
)
STEP = re.compile(r"\d+\. `([^`]+)`")

# Where Quart asks for it is not where we do.
ELSEWHERE = {"create_url_adapter"}


def steps(heading):
    """Return the names of the steps below a heading of the page."""
    text = PAGE.read_text().partition(f"\n## {heading}\n")[2]
    return STEP.findall(text.partition("\n## ")[0])


REQUEST = steps("A request")
VIEW = REQUEST.index("the view") + 1
END = REQUEST.index("do_teardown_request")
SENT = REQUEST.index("http.response.start")
# What the one view registers that answers without an error.
OWN = {"after_this_request"}


def without(names, *left_out):
    return [name for name in names if name not in {*left_out}]


def failing(heading):
    """The steps of a request whose view does what a heading says."""
    return without([*REQUEST[:VIEW], *steps(heading), *REQUEST[VIEW:]], *OWN)


def unknown():
    """The steps of a request without a rule: no blueprint's."""
    names = [*REQUEST[: VIEW - 1], *steps("If there is no such rule")]
    names += REQUEST[VIEW:]
    return [
        name for name in names if "blueprint" not in name and name not in OWN
    ]


def streaming():
    told = [
        *REQUEST[:END],
        *steps("If the view returns a stream"),
        *REQUEST[END:SENT],
        "http.response.body",
    ]
    return without(told, *OWN)


EXPECTED = {
    "/": REQUEST,
    "/error": failing("If the view fails"),
    "/gone": failing("If the view aborts"),
    "/nope": unknown(),
    "/stream": streaming(),
    "websocket": steps("A websocket"),
}


def asked(path, preprocess=True):
    """A step of a play: what was called for a request or a websocket."""

    async def ask(client, module):
        if preprocess:
            module.preprocess()
        module.log.clear()
        if path == "websocket":
            await converse(client)
        else:
            await client.get(path)
        return list(module.log)

    return ask


async def converse(client):
    async with client.websocket("/ws") as connection:
        await connection.receive()
        with pytest.raises(Exception, match=r"1000"):
            await connection.receive()  # the end


def once(names):
    """Take several messages with the body for one."""
    return [
        name
        for name, before in zip(names, [None, *names], strict=False)
        if (name, before) != ("http.response.body",) * 2
    ]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("path", EXPECTED)
def test_what_is_called_is_what_the_page_says(path, loop):
    [called] = play("life", "microquart", loop, [asked(path)])
    assert once(called) == once(EXPECTED[path])


@pytest.mark.parametrize("path", ["/", "/error", "/gone", "/nope"])
def test_quart_calls_the_same_in_the_same_order(path):
    [called] = play("life", "quart", "asyncio", [asked(path)])
    assert without(once(called), *ELSEWHERE) == without(
        EXPECTED[path], *ELSEWHERE
    )


def test_quart_forgets_some_steps_of_a_websocket():
    [called] = play(
        "life", "quart", "asyncio", [asked("websocket", preprocess=False)]
    )
    forgotten = {
        name
        for name in EXPECTED["websocket"]
        if name.startswith("url_value_preprocessor")
        or (name.startswith("teardown_websocket") and "blueprint" in name)
    }
    assert without(called, *ELSEWHERE) == without(
        EXPECTED["websocket"], *ELSEWHERE, *forgotten
    )


def test_quart_ends_a_request_before_its_stream():
    [called] = play("life", "quart", "asyncio", [asked("/stream")])
    end, start = "appcontext_popped", "the stream"
    assert called.index(end) < called.index(start)
    [ours] = play("life", "microquart", "asyncio", [asked("/stream")])
    assert ours.index(end) > ours.index(start)
