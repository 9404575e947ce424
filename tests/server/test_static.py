"""Files through a socket: those of the folder, and no byte of another."""

from pathlib import Path
from urllib.parse import quote

import pytest

from microquart import Quart, request, send_from_directory
from tests.app.test_files import UNSAFE
from tests.server.asking import Answer, ask, both
from tests.server.running import running

CONTENT = bytes(range(100))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files to send; beside it, others that must not be."""
    static = tmp_path / "static"
    (static / "css").mkdir(parents=True)
    (static / ".git").mkdir()
    (static / ".well-known").mkdir()
    (tmp_path / "static-twin").mkdir()
    for name in ("secret", "static-twin/secret"):
        (tmp_path / name).write_text("secret")
    for name in (".env", ".git/config", "css/.a.css.swp"):
        (static / name).write_text("secret")
    (static / "a.txt").write_bytes(CONTENT)
    (static / ".well-known" / "security.txt").write_bytes(CONTENT)
    (static / "css" / "a.css").write_text("body {}")
    # Some systems read these as something else; they are sent by none.
    for name in UNSAFE:
        if "/" not in name and "\0" not in name and name != "..":
            (static / name).write_text("secret")
    (static / "link-in").symlink_to(static / "a.txt")
    (static / "link-out").symlink_to(tmp_path / "secret")
    (static / "link-to-folder").symlink_to(tmp_path)
    (static / "link-to-nothing").symlink_to(static / "nothing")
    (static / "link-to-itself").symlink_to(static / "link-to-itself")
    return static


@pytest.fixture
def site(folder: Path) -> Quart:
    app = Quart(__name__, static_folder=folder)

    @app.get("/files")
    async def files():
        return await send_from_directory(folder, request.args["name"])

    return app


SENT = [
    "a.txt",
    "css/a.css",
    "css/../a.txt",
    "link-in",
    "link-to-folder/static/a.txt",
]
OTHERS = [
    *UNSAFE,
    *("", ".", "css", "css/", "a.txt/", "a.txt/b", "nothing"),
    *("%2e%2e/secret", "%2e%2e%2fsecret", "%252e%252e%252fsecret"),
    *(
        "..%5csecret",
        "..%c0%afsecret",
        "..\uff0fsecret",
        "\u2024\u2024/secret",
    ),
    *("link-out", "link-to-folder/secret", "link-to-nothing"),
    *("link-to-folder/static/a.txt/../../secret", "link-to-itself"),
    *("x" * 5000, "x/" * 2000),
]
ALSO_SENT = ["a.txt", "link-in", "%61.txt", ".well-known/security.txt"]
HIDDEN = [".env", ".git/config", "css/.a.css.swp", "css/../.env"]


@pytest.mark.slow
@both
async def test_send_from_directory_sends_nothing_else(
    loop_name, version, site
):
    async with running(site) as server:

        async def status(name: str) -> int:
            target = f"/files?name={quote(name, safe='')}"
            answer = await ask(server, version, target)
            assert b"secret" not in answer.content
            return answer.status

        assert [await status(name) for name in SENT] == [200] * len(SENT)
        found = {name: await status(name) for name in OTHERS}
    assert found == dict.fromkeys(OTHERS, 404)


def targets(name: str) -> set[str]:
    """Return the ways to write a name into the path of a request."""
    return {
        quote(name, safe="/"),  # dots and slashes as they are
        quote(name, safe=""),
        "".join(f"%{octet:02x}" for octet in name.encode()),
        quote(quote(name, safe=""), safe=""),  # as some proxies decode twice
    }


@pytest.mark.slow
@both
async def test_the_static_folder_has_no_other_files(loop_name, version, site):
    async with running(site) as server:

        async def got(target: str) -> Answer:
            answer = await ask(server, version, f"/static/{target}")
            assert b"secret" not in answer.content, target
            return answer

        for target in ALSO_SENT:
            assert (await got(target)).content == CONTENT
        for name in [*OTHERS, *HIDDEN]:
            for target in targets(name):
                if len(target) > 8000:
                    continue
                answer = await got(target)
                if answer.status == 308:
                    # The router has merged slashes.
                    assert "//" in f"/{name}"
                    target = answer["location"].removeprefix("/static/")
                    answer = await got(target)
                assert answer.status == 404, target


# Dots, slashes and backslashes that no client library would leave so.
RAW = [
    "/static/../secret",
    "/static/css/../../../secret",
    "/static/..\\secret",
    "/static/..;/secret",
    "/static/./../secret",
    "/static/%2e%2e/secret",
    "/static/.%2e/secret",
    "/static/%2e%2e%5csecret",
    "/static/a.txt%00.css",
    "/static-twin/secret",
    "/../secret",
    "/%2e%2e/%2e%2e/etc/passwd",
]


@both
async def test_dots_in_a_path_lead_nowhere(loop_name, version, site):
    async with running(site) as server:
        found = {
            target: (await ask(server, version, target)).status
            for target in RAW
        }
    assert found == dict.fromkeys(RAW, 404)


# -- ranges --

RANGES = {
    "bytes=0-9": (206, CONTENT[:10]),
    "bytes=90-": (206, CONTENT[90:]),
    "bytes=-1": (206, CONTENT[-1:]),
    "bytes=90-1000": (206, CONTENT[90:]),
    "bytes=0-1,4-5": (200, CONTENT),
    "bytes=0-0,-1": (200, CONTENT),
    "bytes=" + "0-," * 2000: (200, CONTENT),
    "bytes=" + ",".join(f"{at}-{at}" for at in range(99)): (200, CONTENT),
    "bytes=" + "-" * 5000: (200, CONTENT),
    "bytes=0-" + "9" * 5000: (206, CONTENT),
    "bytes=5-1": (200, CONTENT),
    "bytes=a-b": (200, CONTENT),
    "lines=0-1": (200, CONTENT),
    "bytes=100-": (416, None),
    "bytes=" + "9" * 5000 + "-": (416, None),
}


@both
async def test_one_range_is_sent_and_more_are_the_whole(
    loop_name, version, site
):
    async with running(site) as server:
        for value, (status, content) in RANGES.items():
            answer = await ask(
                server, version, "/static/a.txt", ("range", value)
            )
            assert answer.status == status, value[:40]
            if content is not None:
                assert answer.content == content
            if status == 206:
                at = CONTENT.index(content)
                end = at + len(content) - 1
                assert answer["content-range"] == f"bytes {at}-{end}/100"
            if status == 416:
                assert answer["content-range"] == "bytes */100"


@both
async def test_a_range_of_another_version_is_the_whole(
    loop_name, version, site
):
    asked = ("range", "bytes=0-9")
    async with running(site) as server:
        tag = (await ask(server, version, "/static/a.txt"))["etag"]
        for condition, status in {tag: 206, '"another"': 200}.items():
            answer = await ask(
                server,
                version,
                "/static/a.txt",
                asked,
                ("if-range", condition),
            )
            assert answer.status == status
        answer = await ask(
            server, version, "/static/a.txt", ("if-none-match", tag)
        )
        assert (answer.status, answer.content) == (304, b"")


# -- names --

QUOTED = {
    "a.txt": "filename=a.txt",
    "a;b.txt": 'filename="a;b.txt"',
    'a"b.txt': "filename=a_b.txt; filename*=UTF-8''a%22b.txt",
    "a\\b.txt": "filename=a_b.txt; filename*=UTF-8''a%5Cb.txt",
    "naïve.txt": "filename=naive.txt; filename*=UTF-8''na%C3%AFve.txt",
    "%41.txt": "filename=_41.txt; filename*=UTF-8''%2541.txt",
}


def saved_as(name: str, folder: Path) -> Quart:
    app = Quart(__name__)

    @app.get("/")
    async def file():
        return await send_from_directory(
            folder, "a.txt", as_attachment=True, attachment_filename=name
        )

    return app


@both
@pytest.mark.parametrize("name", QUOTED)
async def test_a_name_to_save_under_is_quoted(
    loop_name, version, folder, name
):
    async with running(saved_as(name, folder)) as server:
        answer = await ask(server, version)
    assert answer["content-disposition"] == f"attachment; {QUOTED[name]}"


@both
@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: a=b", "a\nb", "a\0b"])
async def test_a_name_cannot_split_the_answer(
    loop_name, version, folder, name
):
    async with running(saved_as(name, folder)) as server:
        answer = await ask(server, version)
    assert answer.all("set-cookie") == []
    for value in answer.all("content-disposition"):
        assert value.isprintable()
