"""What a test request is made of: headers, body, scope."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias, overload
from urllib.parse import quote, unquote, urlencode

from microquart import json as plain_json
from microquart.asgi import HTTPScope, WebSocketScope
from microquart.context import KEPT
from microquart.http.datastructures import Headers, MultiDict
from microquart.http.fields import Authorization
from microquart.wrappers.uploads import FileStorage

HeadersSource: TypeAlias = (
    Headers | Mapping[str, Any] | Iterable[tuple[str, Any]]
)
# A value may be a list: the field is sent several times.
Form: TypeAlias = Mapping[str, Any]
Files: TypeAlias = Mapping[str, "FileStorage | list[FileStorage]"]

CLIENT = ("127.0.0.1", 50000)
BOUNDARY = "----microquart-testing-7MA4YWxkTrZu0gW"

# Stands for "no JSON", as None is a value of JSON.
sentinel = object()


def make_test_headers_path_and_query_string(
    app: object,
    path: str,
    headers: HeadersSource | None = None,
    query_string: Mapping[str, Any] | None = None,
    auth: Authorization | tuple[str, str] | None = None,
    subdomain: str | None = None,
) -> tuple[Headers, str, bytes]:
    """Return headers with their defaults, the decoded path, and the query.

    The query comes from ``query_string`` or from the path, not from both.
    """
    if "?" in path and query_string is not None:
        raise ValueError(
            f"the query is given twice: in {path!r} and as query_string"
        )
    path, _, query = path.partition("?")
    if query_string is not None:
        query = urlencode(list(pairs(query_string)))
    fields = Headers(headers)
    if auth is not None:
        fields.setdefault("Authorization", authorization(auth))
    fields.setdefault("User-Agent", "microquart")
    host = server_name(app)
    fields.setdefault("Host", f"{subdomain}.{host}" if subdomain else host)
    return fields, unquote(path), quoted(query).encode()


def quoted(text: str) -> str:
    """Quote what a path or a query may not hold; what is quoted stays so.

    >>> quoted("/über/a%2Fb")
    '/%C3%BCber/a%2Fb'
    """
    return quote(text, "%/:?@!$&'()*+,;=-._~")


def authorization(auth: Authorization | tuple[str, str]) -> str:
    if isinstance(auth, tuple):
        username, password = auth
        parameters = {"username": username, "password": password}
        auth = Authorization("basic", parameters)
    return auth.to_header()


def server_name(app: object) -> str:
    """Return the host that requests name; any ASGI callable has one."""
    config: Mapping[str, Any] = getattr(app, "config", {})
    return config.get("SERVER_NAME") or "localhost"


def pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the pairs of a mapping, those of lists and MultiDicts one by one.

    >>> list(pairs({"a": 1, "b": [2, 3]}))
    [('a', 1), ('b', 2), ('b', 3)]
    """
    if isinstance(values, MultiDict):
        yield from values.items(multi=True)
        return
    for key, value in values.items():
        if isinstance(value, list | tuple):
            yield from ((key, one) for one in value)
        else:
            yield key, value


# -- the body --


def make_test_body_with_headers(
    *,
    data: str | bytes | None = None,
    form: Form | None = None,
    files: Files | None = None,
    json: Any = sentinel,
    app: object = None,
) -> tuple[bytes, Headers]:
    """Return the body and the header fields that describe it.

    Raises:
        ValueError: more than one kind of body; ``form`` and ``files`` are
            one kind together.
    """
    has_form = form is not None or files is not None
    if [json is not sentinel, has_form, data is not None].count(True) > 1:
        raise ValueError("give one of json, data, and form with files")
    if json is not sentinel:
        body = json_of(app).dumps(json).encode()
        return body, Headers({"Content-Type": "application/json"})
    if files is not None:
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return multipart(form or {}, files), Headers({"Content-Type": kind})
    if form is not None:
        kind = "application/x-www-form-urlencoded"
        body = urlencode(list(pairs(form))).encode()
        return body, Headers({"Content-Type": kind})
    return data.encode() if isinstance(data, str) else data or b"", Headers()


class JSON(Protocol):
    """What reads and writes JSON: a provider, or our module."""

    def dumps(self, obj: Any, /) -> str: ...

    def loads(self, s: str | bytes, /) -> Any: ...


def json_of(app: object) -> JSON:
    """Return how the application reads and writes JSON."""
    provider: JSON = getattr(app, "json", plain_json)
    return provider


def multipart(form: Form, files: Files) -> bytes:
    """Return a multipart/form-data body, the fields before the files."""
    parts = [
        part([("name", name)], b"", str(value).encode())
        for name, value in pairs(form)
    ]
    for name, file in pairs(files):
        parts.append(file_part(name, file))
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def file_part(name: str, file: FileStorage) -> bytes:
    described = "content-disposition", "content-length"
    fields = [
        f"{key}: {value}\r\n".encode()
        for key, value in file.headers.items()
        if key.lower() not in described
    ]
    labels = [("name", name), ("filename", file.filename or "")]
    return part(labels, b"".join(fields), file.stream.read())


def part(labels: list[tuple[str, str]], fields: bytes, body: bytes) -> bytes:
    named = "".join(f'; {key}="{escape(value)}"' for key, value in labels)
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data{named}\r\n"
    return head.encode() + fields + b"\r\n" + body + b"\r\n"


def escape(name: str) -> str:
    """Escape a name in the way of browsers (the HTML standard).

    >>> escape('say "hi"')
    'say %22hi%22'
    """
    for char, code in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
        name = name.replace(char, code)
    return name


# -- the scope --


@overload
def make_test_scope(
    type_: Literal["http"],
    path: str,
    method: str,
    headers: Headers,
    query_string: bytes,
    scheme: str,
    root_path: str,
    http_version: str,
    scope_base: Mapping[str, Any] | None,
    *,
    _preserve_context: bool = False,
) -> HTTPScope: ...


@overload
def make_test_scope(
    type_: Literal["websocket"],
    path: str,
    method: str,
    headers: Headers,
    query_string: bytes,
    scheme: str,
    root_path: str,
    http_version: str,
    scope_base: Mapping[str, Any] | None,
    *,
    _preserve_context: bool = False,
) -> WebSocketScope: ...


def make_test_scope(
    type_: str,
    path: str,
    method: str,
    headers: Headers,
    query_string: bytes,
    scheme: str,
    root_path: str,
    http_version: str,
    scope_base: Mapping[str, Any] | None,
    *,
    _preserve_context: bool = False,
) -> Any:
    """Return the scope that a server would make of such a request.

    ``scope_base`` stands above all.  A path outside of ``root_path`` is put
    below it: ASGI's path is the whole one.
    """
    if root_path and not path.startswith(root_path.rstrip("/") + "/"):
        path = root_path.rstrip("/") + path
    scope = {
        "type": type_,
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": http_version,
        "scheme": scheme,
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query_string,
        "root_path": root_path,
        "headers": headers.to_fields(),
        "client": CLIENT,
        "server": server(headers.get("host", ""), scheme),
        "extensions": {},
        KEPT: _preserve_context,
    }
    if type_ == "http":
        scope["method"] = method
    else:
        offers = headers.get("sec-websocket-protocol", "").split(",")
        scope["subprotocols"] = [o.strip() for o in offers if o.strip()]
        scope["extensions"] = {"websocket.http.response": {}}
    scope.update(scope_base or {})
    return scope


def server(host: str, scheme: str) -> tuple[str, int]:
    """Return the server's address as a Host field names it."""
    name, _, port = host.rpartition(":")
    if port.isdigit() and name:
        return name, int(port)
    return host, 443 if scheme in ("https", "wss") else 80


async def no_op_push(path: str, headers: Headers) -> None:
    """Do nothing with a push promise: no server pushes any more."""
