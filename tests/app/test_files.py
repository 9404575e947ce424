"""Files: which may be read, and how they are answered."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from microquart.exceptions import NotFound, RequestedRangeNotSatisfiable
from microquart.files import (
    FileOptions,
    find_file,
    guess_mimetype,
    safe_join,
    send_file,
    send_from_directory,
)
from microquart.http.datastructures import Headers
from microquart.wrappers.bodies import FileBody
from microquart.wrappers.response import Response

WRITTEN = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Asks:
    """What is asked of a request."""

    def __init__(self, **fields: str) -> None:
        self.method = "GET"
        self.headers = Headers(
            {name.replace("_", "-"): fields[name] for name in fields}
        )


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A folder with files to send; beside it, others that must not be."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "static-twin").mkdir()
    (tmp_path / "static-twin" / "secret").write_text("secret")
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".well-known").mkdir()
    files = {
        "a.txt": "abcdef",
        "css/a.css": "body {}",
        "naïve name.txt": "x",
        "%2e%2e": "two dots",
        ".env": "KEY=secret",
        ".git/config": "secret",
        ".well-known/security.txt": "x",
        "page.tar.gz": "x",
        "data": "x",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    os.utime(folder / "a.txt", (WRITTEN.timestamp(), WRITTEN.timestamp()))
    (folder / "link-in").symlink_to(folder / "a.txt")
    (folder / "link-out").symlink_to(tmp_path / "secret")
    (folder / "link-to-folder").symlink_to(tmp_path)
    (folder / "link-to-nothing").symlink_to(folder / "nothing")
    (folder / "link-to-itself").symlink_to(folder / "link-to-itself")
    return folder


# Names -----------------------------------------------------------------------

UNSAFE = [
    "..",
    "../secret",
    "../static-twin/secret",
    "css/../../secret",
    "css/../..",
    "./../secret",
    "/etc/passwd",
    "//etc/passwd",
    "//host/share",
    "css//..//..//secret",
    "..\\secret",
    "css\\..\\..\\secret",
    "css\\a.css",
    "\\\\host\\share",
    "a.txt\0.css",
    "C:",
    "C:/secret",
    "c:secret",
    "css/C:secret",
    *("con", "NUL", "aux", "prn", "com1", "LPT9", "COM²", "CONOUT$"),
    *("nul.txt", "NUL .txt", "aux.tar.gz", "css/con", "con/a.txt", "con:x"),
]


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_name_is_not_joined(name: str) -> None:
    assert safe_join("/srv/static", name) is None


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.txt", "/srv/static/a.txt"),
        ("css/a.css", "/srv/static/css/a.css"),
        ("css/./a.css", "/srv/static/css/a.css"),
        ("css//a.css", "/srv/static/css/a.css"),
        ("css/../a.txt", "/srv/static/a.txt"),
        ("..a", "/srv/static/..a"),
        ("...", "/srv/static/..."),
        ("%2e%2e", "/srv/static/%2e%2e"),
        ("%252e%252e%252fsecret", "/srv/static/%252e%252e%252fsecret"),
        (".env", "/srv/static/.env"),
        ("content.txt", "/srv/static/content.txt"),
        ("nullable.py", "/srv/static/nullable.py"),
        ("12:30.txt", "/srv/static/12:30.txt"),
        ("", "/srv/static/"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="these are POSIX paths")
def test_a_safe_name_is_joined(name: str, path: str) -> None:
    assert safe_join("/srv/static", name) == path


def test_several_names_are_joined_one_by_one() -> None:
    assert safe_join("/srv", "a", "b/c") == "/srv/a/b/c"
    assert safe_join("/srv", "a", "..") is None
    assert safe_join("", "a") == "./a"
    assert safe_join(Path("/srv"), "a") == safe_join(b"/srv", "a") == "/srv/a"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (".env", False),
        (".git/config", False),
        ("css/.a.css.swp", False),
        (".well-known/security.txt", True),
        ("css/../a.txt", True),
        (".", True),
    ],
)
def test_hidden_names_can_be_left_out(name: str, answer: bool) -> None:
    assert (safe_join("/srv", name, hidden=False) is not None) is answer
    assert safe_join("/srv", name) is not None


@pytest.mark.parametrize(
    "name",
    ["a.txt", "css/a.css", "css/../a.txt", "naïve name.txt", "link-in"],
)
async def test_a_regular_file_within_the_folder_is_sent(
    static: Path, name: str
) -> None:
    response = await send_from_directory(static, name)
    assert response.status_code == 200
    assert await response.get_data() == (static / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        *UNSAFE,
        "",
        ".",
        "css",
        "css/",
        "a.txt/",
        "a.txt/b",
        "nothing",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "link-out",
        "link-to-folder/secret",
        "link-to-folder/static/a.txt/../../secret",
        "link-to-nothing",
        "link-to-itself",
        "x" * 5000,
        "x/" * 5000,
        "\ud800",
    ],
)
async def test_anything_else_is_not_found(static: Path, name: str) -> None:
    with pytest.raises(NotFound):
        await send_from_directory(static, name)


async def test_a_link_back_into_the_folder_may_lead_anywhere_on_the_way(
    static: Path,
) -> None:
    name = "link-to-folder/static/a.txt"
    response = await send_from_directory(static, name)
    assert await response.get_data() == b"abcdef"


async def test_the_folder_itself_may_be_a_link(
    static: Path, tmp_path: Path
) -> None:
    (tmp_path / "current").symlink_to(static)
    response = await send_from_directory(tmp_path / "current", "a.txt")
    assert await response.get_data() == b"abcdef"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
async def test_what_is_no_file_is_never_opened(static: Path) -> None:
    os.mkfifo(static / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(static / "socket"))
        for name in ("pipe", "socket"):
            with pytest.raises(NotFound):
                await send_from_directory(static, name)
    with pytest.raises(ValueError, match="not a regular file"):
        await send_file(static / "pipe")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's rights for a block: root may read everything."""
    nobody = 65534
    me = os.geteuid()
    if me == 0:
        os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(me)


@pytest.fixture
def closed_file() -> Iterator[Path]:
    """A file that nobody may read, in a folder that all may."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        file = Path(name, "a.txt")
        file.write_text("secret")
        file.chmod(0)
        yield file


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
async def test_a_file_that_may_not_be_read_is_not_found(
    closed_file: Path,
) -> None:
    with as_nobody(), pytest.raises(NotFound):
        await send_from_directory(closed_file.parent, closed_file.name)


async def test_hidden_files_are_not_sent_when_left_out(static: Path) -> None:
    for name in (".env", ".git/config"):
        with pytest.raises(NotFound):
            await send_from_directory(static, name, hidden=False)
    await send_from_directory(static, ".env")
    name = ".well-known/security.txt"
    await send_from_directory(static, name, hidden=False)


def test_nothing_is_found_in_a_folder_that_is_missing(tmp_path: Path) -> None:
    assert find_file(tmp_path / "none", "a.txt") is None


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def test_a_folder_may_be_relative(static: Path) -> None:
    with inside(static.parent):
        assert find_file("static", "a.txt") is not None
        assert find_file("static", "../secret") is None
        assert find_file("", "static/a.txt") is not None


# Responses -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mimetype"),
    [
        ("a.css", "text/css"),
        ("a.HTML", "text/html"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.bz2", "application/x-bzip2"),
        ("a", "application/octet-stream"),
        ("a.unknown-thing", "application/octet-stream"),
    ],
)
def test_the_media_type_is_that_of_the_extension(
    name: str, mimetype: str
) -> None:
    assert guess_mimetype(name) == mimetype


async def test_a_file_is_sent_with_what_is_known_of_it(static: Path) -> None:
    response = await send_file(static / "a.txt")
    assert isinstance(response.response, FileBody)
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.content_length == 6
    assert response.last_modified == WRITTEN
    assert response.get_etag()[1] is False
    assert response.headers["Cache-Control"] == "public"
    assert "Expires" not in response.headers
    assert "Content-Disposition" not in response.headers


@pytest.mark.parametrize("kind", [str, bytes, Path])
async def test_a_path_is_text_bytes_or_path(
    static: Path, kind: type[str] | type[bytes] | type[Path]
) -> None:
    path = static / "a.txt"
    given = bytes(path) if kind is bytes else str(path)
    response = await send_file(Path(path) if kind is Path else given)
    assert await response.get_data() == b"abcdef"


async def test_the_etag_changes_with_the_file(static: Path) -> None:
    path = static / "a.txt"
    first = (await send_file(path)).get_etag()
    assert (await send_file(path)).get_etag() == first
    path.write_text("ghijkl")
    assert (await send_file(path)).get_etag() != first


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"mimetype": "a/b"}, "Content-Type", "a/b"),
        (
            {"attachment_filename": "x.png"},
            "Content-Type",
            "image/png",
        ),
        (
            {"as_attachment": True},
            "Content-Disposition",
            "attachment; filename=a.txt",
        ),
        (
            {"as_attachment": True, "attachment_filename": 'q"\r\n.txt'},
            "Content-Disposition",
            "attachment; filename=q___.txt; filename*=UTF-8''q%22%0D%0A.txt",
        ),
        (
            {"as_attachment": True, "attachment_filename": "€.txt"},
            "Content-Disposition",
            "attachment; filename=_.txt; filename*=UTF-8''%E2%82%AC.txt",
        ),
        ({"add_etags": False}, "ETag", None),
        ({"add_etags": "mine"}, "ETag", '"mine"'),
        ({"cache_timeout": 60}, "Cache-Control", "public, max-age=60"),
        ({"cache_timeout": 0}, "Cache-Control", "public, max-age=0"),
        ({"max_age": lambda path: 5}, "Cache-Control", "public, max-age=5"),
        (
            {"last_modified": 0},
            "Last-Modified",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ),
        ({"request": Asks()}, "Accept-Ranges", "bytes"),
    ],
)
async def test_an_option_is_a_header_field(
    static: Path, options: FileOptions, name: str, value: str | None
) -> None:
    response = await send_file(static / "a.txt", **options)
    assert response.headers.get(name) == value


async def test_what_may_be_kept_expires(static: Path) -> None:
    response = await send_file(static / "a.txt", cache_timeout=60)
    assert response.expires is not None
    now = datetime.now(UTC)
    assert timedelta(seconds=50) < response.expires - now
    assert response.expires - now <= timedelta(seconds=60)


async def test_the_age_depends_on_the_path(static: Path) -> None:
    seen: list[str | None] = []

    def max_age(path: str | None) -> int | None:
        seen.append(path)
        return None

    await send_file(static / "a.txt", max_age=max_age)
    await send_from_directory(static, "link-in", max_age=max_age)
    await send_file(BytesIO(), mimetype="a/b", max_age=max_age)
    assert seen == [str(static / "a.txt"), str(static / "link-in"), None]


async def test_the_name_to_save_under_is_the_one_asked_for(
    static: Path,
) -> None:
    response = await send_from_directory(static, "link-in", as_attachment=True)
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=link-in"
    )


async def test_bytes_in_memory_are_a_file() -> None:
    response = await send_file(BytesIO(b"abcdef"), attachment_filename="a.txt")
    assert response.mimetype == "text/plain"
    assert response.content_length == 6
    assert "ETag" not in response.headers
    assert "Last-Modified" not in response.headers
    assert await response.get_data() == b"abcdef"


async def test_bytes_in_memory_need_a_media_type_or_a_name() -> None:
    with pytest.raises(ValueError, match="give mimetype= or"):
        await send_file(BytesIO())


async def test_a_path_that_leads_nowhere_is_the_programs_mistake(
    static: Path,
) -> None:
    with pytest.raises(FileNotFoundError):
        await send_file(static / "none")


@pytest.mark.parametrize(
    ("asks", "status", "data"),
    [
        (Asks(), 200, b"abcdef"),
        (Asks(Range="bytes=1-2"), 206, b"bc"),
        (Asks(Range="bytes=0-0,2-2"), 200, b"abcdef"),
        (Asks(If_None_Match="*"), 304, b""),
        (Asks(If_Modified_Since="Tue, 24 Nov 2026 12:00:00 GMT"), 304, b""),
        (Asks(If_Match='"other"'), 412, b""),
    ],
)
async def test_conditions_and_ranges_are_met(
    static: Path, asks: Asks, status: int, data: bytes
) -> None:
    response = await send_from_directory(static, "a.txt", request=asks)
    assert response.status_code == status
    assert await response.get_data() == data


async def test_a_known_version_is_not_sent_again(static: Path) -> None:
    first = await send_file(static / "a.txt", request=Asks())
    asks = Asks(If_None_Match=first.headers["ETag"])
    second = await send_file(static / "a.txt", request=asks)
    assert second.status_code == 304
    assert second.headers["ETag"] == first.headers["ETag"]


async def test_a_range_beyond_the_end_is_an_exception(static: Path) -> None:
    asks = Asks(Range="bytes=6-")
    with pytest.raises(RequestedRangeNotSatisfiable) as caught:
        await send_file(static / "a.txt", request=asks)
    headers = caught.value.get_response().headers
    assert headers["Content-Range"] == "bytes */6"


async def test_conditions_can_be_ignored(static: Path) -> None:
    asks = Asks(Range="bytes=1-2", If_None_Match="*")
    response = await send_file(
        static / "a.txt", request=asks, conditional=False
    )
    assert response.status_code == 200


async def test_the_response_is_of_the_class_that_is_given(
    static: Path,
) -> None:
    class SmallBites(FileBody):
        buffer_size = 2

    class Mine(Response):
        file_body_class = SmallBites

    response = await send_file(static / "a.txt", response_class=Mine)
    assert isinstance(response, Mine)
    bites = [bite async for bite in response.iter_encode()]
    assert bites == [b"ab", b"cd", b"ef"]
