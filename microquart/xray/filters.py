"""The filters of the live page, for the lines in a terminal.

``status:5xx method:post /users >50ms -curl layer:route``: a request is to be
as every word says; a word that begins with ``-`` says what it is not.
"""

import re
from collections.abc import Callable, Mapping

from microquart.xray.record import Record
from microquart.xray.requests import TracedRequest, headers_of

Test = Callable[[TracedRequest], bool]

TOOK = re.compile(r"([<>])(\d+(?:\.\d+)?)(µs|us|ms|s)?")
PAIR = re.compile(r"([\w-]+):(.+)")
LAYER = re.compile(r"(?:^|\s)(?:layer|name):(\S+)")
SECONDS = {"µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, None: 1e-3}

# What a word can say of a request: whether it has such a value.
OF_REQUEST: Mapping[str, Callable[[TracedRequest, str], bool]] = {
    "status": lambda request, value: is_like(str(request.status), value),
    "method": lambda request, value: method_of(request) == value,
    "path": lambda request, value: value in request.target.lower(),
    "protocol": lambda request, value: value in request.protocol.lower(),
    "conn": lambda request, value: request.conn == value,
    "req": lambda request, value: request.id == value,
    "stream": lambda request, value: str(request.stream) == value,
}


def parse(text: str) -> Test:
    """Return the test of a filter.

    What several words say of events has to be true of one of them.
    """
    tests: list[Test] = []
    events: list[Callable[[Record], bool]] = []
    for word in text.lower().split():
        pair = PAIR.fullmatch(word)
        if word.startswith("-") and len(word) > 1:
            tests.append(negated(word_test(word[1:])))
        elif pair and pair[1] not in OF_REQUEST:
            events.append(event_test(pair[1], pair[2]))
        else:
            tests.append(word_test(word))
    if events:
        tests.append(
            lambda request: any(
                all(test(record) for test in events) for record in request.own
            )
        )
    return lambda request: all(test(request) for test in tests)


def layers(text: str) -> tuple[str, ...]:
    """Return which layers or names of events a filter leaves alone."""
    return tuple(LAYER.findall(text))


def word_test(term: str) -> Test:
    if took := TOOK.fullmatch(term):
        seconds = float(took[2]) * SECONDS[took[3]]
        longer = took[1] == ">"
        return lambda request: (request.duration > seconds) is longer
    if pair := PAIR.fullmatch(term):
        name, value = pair[1], pair[2]
        if name in OF_REQUEST:
            return lambda request: OF_REQUEST[name](request, value)
        has = event_test(name, value)
        return lambda request: any(map(has, request.own))
    return lambda request: term in said(request)


def negated(test: Test) -> Test:
    return lambda request: not test(request)


def event_test(name: str, value: str) -> Callable[[Record], bool]:
    """Return a test of events: of the layer, what it tells, or a field."""

    def has(record: Record) -> bool:
        if name == "layer":
            return record.layer == value
        if name == "name":
            return record.name.startswith(value)
        told = record.src if name == "src" else record.data.get(name)
        if name == "why":
            told = f"{record.data.get('verdict')} {told}"
        if told is not None:
            return value in str(told).lower()
        return any(
            field.lower() == name and value in content.lower()
            for field, content in headers_of(record)
        )

    return has


def method_of(request: TracedRequest) -> str:
    return "ws" if request.kind == "websocket" else request.method.lower()


def said(request: TracedRequest) -> str:
    return f"{method_of(request)} {request.target}".lower()


def is_like(status: str, pattern: str) -> bool:
    """Compare digits, of which an x is any.

    >>> is_like("404", "4xx"), is_like("404", "40"), is_like("500", "4xx")
    (True, True, False)
    """
    return len(pattern) <= len(status) and all(
        wanted in ("x", digit)
        for wanted, digit in zip(pattern, status, strict=False)
    )
