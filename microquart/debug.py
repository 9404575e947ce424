"""The error pages of development: what happened, where, and what was tried.

They show source lines, header fields and configuration, so they are for the
developer's eyes: in debug mode, to a client and under a name of this very
machine.  They run nothing, show no local variables, and hide what its name
calls a secret.
"""

import linecache
import os
import re
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from ipaddress import ip_address
from traceback import FrameSummary, TracebackException
from typing import Any, Protocol, TypeAlias

from markupsafe import Markup, escape

from microquart.asgi import StreamScope
from microquart.exceptions import HTTPException, InternalServerError
from microquart.http.datastructures import Headers
from microquart.mistakes import place
from microquart.wrappers.response import Response

HIDDEN = "(hidden)"
SECRET = re.compile(
    "secret|key|pass|pwd|token|auth|credential|signature|private|dsn", re.I
)
PASSWORD_IN_URL = re.compile(r"(://[^/@\s:]*):[^@\s/]+@")
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
ADDRESS = re.compile(r"\[?([0-9a-fA-F.:]*[0-9a-fA-F])\]?(?::\d+)?")

# Where the code is that the developer has not written: the standard library,
# what is installed, and we.
INSTALLED = tuple(
    os.path.join(folder, "")
    for folder in (
        *(sysconfig.get_path(n) for n in ("stdlib", "purelib", "platlib")),
        os.path.dirname(__file__),
    )
)

# Lines of source above and below the one that a frame is in.
AROUND = 3
# How many rules a page lists; the router gives the nearest first.
RULES = 30

# Nothing of the page may load or run anything, whatever is in it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:62em;
padding:0 1em;color:#222;background:#fff}
h1{font-size:1.4em;overflow-wrap:anywhere}h2{font-size:1.1em;margin-top:2em}
pre,td,code{font:13px/1.5 ui-monospace,monospace}
pre{background:#f4f4f4;padding:.5em;overflow-x:auto;margin:.2em 0 1em}
mark{background:#ffe08a;display:block}td{vertical-align:top;padding:.1em 1em
.1em 0;overflow-wrap:anywhere}.theirs{color:#777}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}
pre{background:#262626}mark{background:#5c4a00;color:#fff}}
"""

Row: TypeAlias = tuple[object, ...]


class DebuggedRequest(Protocol):
    """What the pages ask of a request."""

    @property
    def scope(self) -> StreamScope: ...

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def headers(self) -> Headers: ...


class TriedRule(Protocol):
    """A rule of the router."""

    @property
    def rule(self) -> str: ...

    @property
    def endpoint(self) -> str: ...


class Verdict(Protocol):
    """What the router says of one rule: see ``routing.explain``."""

    @property
    def rule(self) -> TriedRule: ...

    @property
    def verdict(self) -> str: ...

    @property
    def why(self) -> str: ...


def traceback_response(
    error: Exception, request: DebuggedRequest, config: Mapping[str, Any]
) -> Response:
    """Answer 500 with the traceback; to strangers, without."""
    if not may_see(request, config):
        return InternalServerError().get_response()
    told = TracebackException.from_exception(error)
    response = Response(status=500)
    if wants_html(request):
        title = "".join(told.format_exception_only()).strip()
        parts = [*_traceback(told), *_circumstances(request, config)]
        return _as_page(response, title, parts)
    return _as_text(response, "".join(told.format()))


def routing_response(
    error: HTTPException,
    request: DebuggedRequest,
    config: Mapping[str, Any],
    verdicts: Iterable[Verdict],
    views: Mapping[str, object],
) -> Response:
    """Answer 404 or 405 with each rule that was tried and its verdict."""
    response = error.get_response()
    if not may_see(request, config):
        return response
    title = f"{response.status_code} {error.name}"
    asked = f"{request.method} {request.path}"
    rows = list(_rules(verdicts, views))
    advice = _advice(error, request, rows)
    if wants_html(request):
        parts = [_lines(asked), *map(_paragraph, advice), _table(rows)]
        return _as_page(response, title, parts)
    lines = [f"{title}: {asked}", *advice, *map(_text_row, rows)]
    return _as_text(response, "\n".join([*lines, ""]))


# -- who may see it --


def may_see(request: DebuggedRequest, config: Mapping[str, Any]) -> bool:
    """Tell whether the request comes from this machine, for this machine.

    A proxy on this machine speaks for others, and so it names them.  And a
    page of somebody else's site may have its name lead here: then the Host
    is that name.
    """
    client = request.scope.get("client")
    host = _without_port(request.headers.get("host", ""))
    own = _without_port(config.get("SERVER_NAME") or "")
    behind = [v for n in FORWARDED for v in request.headers.getlist(n)]
    return (
        client is not None
        and is_loopback(client[0])
        and all(map(_all_loopback, behind))
        and (host == own or _is_own_name(host))
    )


def is_loopback(address: str) -> bool:
    """Tell whether an IP address leads to this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("::ffff:127.0.0.1")
    (True, True)
    >>> is_loopback("192.0.2.1"), is_loopback("localhost.evil.example")
    (False, False)
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def _all_loopback(field: str) -> bool:
    # "for=192.0.2.1;proto=https, for=..." or "192.0.2.1, 127.0.0.1"
    texts = [
        re.sub(r'^for=|"', "", part.strip(), flags=re.I)
        for element in field.split(",")
        for part in element.split(";")
        if "=" not in part or part.strip().lower().startswith("for=")
    ]
    matches = [ADDRESS.fullmatch(text) for text in texts]
    return all(match and is_loopback(match[1]) for match in matches)


def _is_own_name(host: str) -> bool:
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or is_loopback(host.strip("[]"))
    )


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host).lower()


def wants_html(request: DebuggedRequest) -> bool:
    """Tell a browser from curl, which accepts ``*/*``."""
    return "text/html" in request.headers.get("accept", "")


# -- secrets --


def hide(name: str, value: object) -> object:
    """Return a value as it may be shown, by its name and its form.

    >>> hide("SECRET_KEY", "abc"), hide("DB", "pg://me:pw@host/x")
    ('(hidden)', 'pg://me:(hidden)@host/x')
    """
    if value is None or isinstance(value, bool):
        return value
    if SECRET.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): hide(str(key), one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [hide(name, one) for one in value]
    if isinstance(value, str):
        return PASSWORD_IN_URL.sub(rf"\1:{HIDDEN}@", value)
    if isinstance(value, int | float | timedelta):
        return value
    return f"<{type(value).__name__}>"


def hide_field(name: str, value: str) -> str:
    """Return a header field's value as it may be shown."""
    if name.lower() in ("cookie", "set-cookie"):
        names = [pair.partition("=")[0].strip() for pair in value.split(";")]
        return "; ".join(f"{one}={HIDDEN}" for one in names)
    return str(hide(name, value))


# -- the parts of a page --


def _traceback(told: TracebackException) -> Iterator[Markup]:
    """Yield the frames, those of the causes first, as Python does."""
    cause = told.__cause__
    if cause is None and not told.__suppress_context__:
        cause = told.__context__
    if cause is not None:
        yield from _traceback(cause)
        yield _paragraph("and then, because of it or while it was handled:")
    for frame in told.stack:
        yield _frame(frame)
    yield _lines("".join(told.format_exception_only()))
    for inner in getattr(told, "exceptions", None) or ():
        yield _paragraph("in this group:")
        yield from _traceback(inner)


def _frame(frame: FrameSummary) -> Markup:
    """Show a line of the user's in its place; of a library's, the name."""
    where = Markup("<code>{}:{}</code> in {}").format(
        frame.filename, frame.lineno, frame.name
    )
    if frame.filename.startswith(INSTALLED):
        return Markup('<div class="theirs">{}</div>').format(where)
    return Markup("<div>{}{}</div>").format(where, _source(frame))


def _source(frame: FrameSummary) -> Markup:
    line = frame.lineno or 0
    numbers = range(max(line - AROUND, 1), line + AROUND + 1)
    source = [
        Markup("<mark>{}</mark>" if number == line else "{}\n").format(
            f"{number:5} {text.rstrip()}"
        )
        for number in numbers
        if (text := linecache.getline(frame.filename, number))
    ]
    return _pre(source)


def _circumstances(
    request: DebuggedRequest, config: Mapping[str, Any]
) -> Iterator[Markup]:
    yield Markup("<h2>Request</h2>")
    yield _lines(f"{request.method} {request.path}")
    yield _table((n, hide_field(n, v)) for n, v in request.headers)
    yield Markup("<h2>Configuration</h2>")
    yield _table((n, hide(n, v)) for n, v in sorted(config.items()))


def _rules(
    verdicts: Iterable[Verdict], views: Mapping[str, object]
) -> Iterator[Row]:
    for verdict, _ in zip(verdicts, range(RULES), strict=False):
        rule = verdict.rule
        view = views.get(rule.endpoint)
        where = "" if view is None else f"{rule.endpoint} ({place(view)})"
        yield rule.rule, f"{verdict.verdict}: {verdict.why}", where


def _advice(
    error: HTTPException, request: DebuggedRequest, rows: list[Row]
) -> Iterator[str]:
    if not rows:
        yield "The application has no rules."
        return
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        for rule, verdict, where in rows:
            if str(verdict).startswith("method"):
                yield (
                    f"To have {where} answer {request.method}, add "
                    f'"{request.method}" to the methods of {rule!r}.'
                )


# -- forms --


def _as_page(
    response: Response, title: str, parts: Iterable[Markup]
) -> Response:
    page = Markup(
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<title>{0}</title><style>{1}</style><h1>{0}</h1>{2}"
    ).format(title, Markup(STYLE), Markup("\n").join(parts))
    response.headers["Content-Security-Policy"] = POLICY
    return _as(response, page, "html")


def _as_text(response: Response, text: str) -> Response:
    return _as(response, text, "plain")


def _as(response: Response, text: str, kind: str) -> Response:
    # A source line may hold half a character, in a file of another encoding.
    response.set_data(text.encode(errors="backslashreplace"))
    response.headers["Content-Type"] = f"text/{kind}; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _paragraph(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _lines(text: str) -> Markup:
    return _pre([escape(text)])


def _pre(lines: Iterable[Markup]) -> Markup:
    return Markup("<pre>{}</pre>").format(Markup().join(lines))


def _table(rows: Iterable[Row]) -> Markup:
    cell = Markup("<td>{}</td>")
    made = [
        Markup("<tr>{}</tr>").format(Markup().join(map(cell.format, row)))
        for row in rows
    ]
    return Markup("<table>{}</table>").format(Markup().join(made))


def _text_row(row: Row) -> str:
    rule, verdict, where = row
    return f"  {rule!s:<30} {verdict}  {where}".rstrip()
