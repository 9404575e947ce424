"""Forms: fields and files, and what keeps them small."""

import threading
from io import BytesIO
from tempfile import SpooledTemporaryFile

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from microquart.exceptions import BadRequest, RequestEntityTooLarge
from microquart.formparser import (
    PART_HEAD,
    PART_LINES,
    FileStorage,
    FormDataParser,
    MultiPartParser,
    parse_urlencoded,
)
from microquart.wrappers.uploads import SPOOLED

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
# Names and values of what each part of ours begins with.
HEAD = len("Content-Disposition" + 'form-data; name="a"')


def part(content=b"", *lines, name="a", filename=None):
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = [f"Content-Disposition: {disposition}".encode(), *lines]
    return b"\r\n".join([*head, b"", content])


def form_of(*parts):
    return b"".join(b"--x\r\n%b\r\n" % one for one in parts) + b"--x--\r\n"


class Pieces:
    """A body that comes in pieces of a size."""

    def __init__(self, data, size):
        self.rest = [
            data[start : start + size] for start in range(0, len(data), size)
        ]
        self.rest.insert(1, b"")

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.rest:
            raise StopAsyncIteration
        return self.rest.pop(0)


class Kept(list):
    """A stream factory that remembers the files it made."""

    def __call__(self, total, content_type, filename, length):
        self.append((total, content_type, filename, length, BytesIO()))
        return self[-1][-1]


async def multipart(data, size=1 << 16, boundary=b"x", **limits):
    return await MultiPartParser(**limits).parse(
        Pieces(data, size), boundary, None
    )


async def parsed(
    data, mimetype=MULTIPART, options=None, length=None, **limits
):
    body = Pieces(data, 1 << 16)
    options = {"boundary": "x"} if options is None else options
    return await FormDataParser(**limits).parse(
        body, mimetype, length, options
    )


def closed(files):
    for file in files.values():
        file.close()


# -- what is read --


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        ("a&b=&=c&&", [("a", ""), ("b", ""), ("", "c")]),
        ("a=b=c;d", [("a", "b=c;d")]),
        ("%C3%A8+x=%2B+%26", [("è x", "+ &")]),
        ("a=%ff%", [("a", "\ufffd%")]),
    ],
)
async def test_an_urlencoded_form_is_pairs(text, pairs):
    assert parse_urlencoded(text) == pairs
    form, files = await parsed(text.encode(), URLENCODED)
    assert sorted(form.items(multi=True)) == sorted(pairs)
    assert files == {}


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
async def test_the_way_a_multipart_body_is_cut_does_not_matter(size):
    data = form_of(
        part(b"1"),
        part("é\r\n--y".encode(), name="b"),
        part(b"", name="a"),
        part(
            b"\r\n\r\n--y",
            b"Content-Type: text/plain",
            name="f",
            filename="é.txt",
        ),
    )
    form, files = await multipart(b"\r\n" + data + b"the epilogue", size)
    assert list(form.items(multi=True)) == [
        ("a", "1"),
        ("a", ""),
        ("b", "é\r\n--y"),
    ]
    assert files["f"].filename == "é.txt"
    assert files["f"].mimetype == "text/plain"
    assert files["f"].read() == b"\r\n\r\n--y"
    closed(files)


@given(st.lists(st.binary(max_size=30)), st.integers(1, 50))
def test_any_content_comes_out_as_it_went_in(contents, size):
    assume(not any(b"\r\n--x" in one for one in contents))
    data = form_of(*(part(one, filename="f") for one in contents))
    _, files = run(multipart(data, size))
    assert [file.read() for file in files.getlist("a")] == contents
    for file in files.getlist("a"):
        file.close()


@given(st.binary(max_size=200), st.integers(1, 50))
def test_junk_is_refused_and_breaks_nothing(junk, size):
    with pytest.raises(BadRequest):
        run(multipart(form_of(part(b"1"))[:-6] + b"\r\n--x\r\n" + junk, size))


def run(coroutine):
    """Drive a coroutine that never really waits."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as done:
        return done.value


@pytest.mark.parametrize(
    ("content_type", "raw", "text"),
    [
        (b"text/plain; charset=iso-8859-1", b"\xe8", "è"),
        (b"text/plain; charset=UTF-8", "è".encode(), "è"),
        (b"text/plain; charset=utf-7", b"+AOg-", "+AOg-"),
        (b"text/plain", b"\xff", "\ufffd"),
    ],
)
async def test_a_field_may_say_its_charset(content_type, raw, text):
    field = part(raw, b"Content-Type: " + content_type)
    form, _ = await multipart(form_of(field))
    assert form["a"] == text


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('filename="a.txt"', "a.txt"),
        ('filename=""', ""),
        (r'filename="C:\dir\a.txt"', "a.txt"),
        ('filename="a%22b"', 'a"b'),
        ("filename*=UTF-8''%e2%82%ac.txt", "€.txt"),
    ],
)
async def test_a_file_has_the_name_that_the_client_gave_it(
    disposition, filename
):
    head = f'Content-Disposition: form-data; name="f"; {disposition}'.encode()
    _, files = await multipart(form_of(head + b"\r\n\r\nx"))
    assert files["f"].filename == filename
    assert bool(files["f"]) is bool(filename)
    closed(files)


async def test_another_media_type_is_no_form():
    body = Pieces(b"a=1", 1)
    assert await FormDataParser().parse(body, "text/plain", 3) == ({}, {})
    assert len(body.rest) == 4


async def test_a_stream_factory_says_where_files_go():
    kept = Kept()
    lines = b"Content-Type: text/plain; a=b", b"Content-Length: 3"
    data = form_of(part(b"abc", *lines, filename="f"))
    await parsed(data, length=100, stream_factory=kept)
    assert kept[0][:4] == (100, "text/plain", "f", 3)
    assert kept[0][-1].getvalue() == b"abc"


# -- what is refused --


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"--x",
        b"--x\r\n",
        form_of(part(b"1"))[:-4],
        b"--x\r\nContent-Disposition: form-data\r\n",
        b"--x\nContent-Disposition: form-data; name=a\n\n1\n--x--",
        form_of(b"\r\n1"),
        form_of(b"Content-Disposition: attachment; name=a\r\n\r\n1"),
        form_of(b"no colon\r\n\r\n1"),
        form_of(b'Content-Disposition: form-data; name="\xff"\r\n\r\n1'),
        form_of(part(b"1", b" folded: line")),
        form_of(part(b"1", b"Content-Length: 5")),
        form_of(part(b"1", b"X-A: a\0b", filename="f")),
        form_of(part(b"1", b"X-A: a\rb", filename="f")),
        b"--y--",
        b"x--x--",
    ],
)
async def test_a_malformed_multipart_body_is_refused(data):
    with pytest.raises(BadRequest):
        await parsed(data)
    form, files = await parsed(data, silent=True)
    assert (form, files) == ({}, {})


@pytest.mark.parametrize("boundary", ["", "b" * 71, "a\nb"])
async def test_a_boundary_has_to_be_one(boundary):
    with pytest.raises(BadRequest):
        await parsed(form_of(part(b"1")), options={"boundary": boundary})
    with pytest.raises(BadRequest):
        await parsed(form_of(part(b"1")), options={})


async def test_an_urlencoded_form_has_to_be_utf8():
    with pytest.raises(BadRequest):
        await parsed(b"a=\xff", URLENCODED)


@pytest.mark.parametrize(
    ("parts", "limits"),
    [
        ([part(b"x" * 11)], {"max_form_memory_size": 10}),
        ([part(b"x" * 6), part(b"x" * 5)], {"max_form_memory_size": 10}),
        ([part()] * 4, {"max_form_parts": 3}),
        ([part(filename="f")] * 4, {"max_form_parts": 3}),
        ([part(b"x" * 1000, filename="f")], {"max_content_length": 1000}),
        ([part(b"", *[b"X-A: b"] * PART_LINES)], {}),
        ([part(b"", b"X-A: " + b"b" * PART_HEAD)], {}),
        ([part(b"", *[b"X-A: " + b"b" * 1000] * 9)], {}),
        ([part(b"", b"X-A: b")], {"max_form_part_lines": 1}),
        ([part(b"", *[b"X-A: b"] * 17)], {"max_form_part_lines": 17}),
        ([part(b"", b"X-A: b")], {"max_form_part_head": 40}),
        ([part(b"", b"X-A: " + b"b" * 50)], {"max_form_part_head": 50}),
        ([part(b"", b"X-A: " + b"b" * 9000)], {"max_form_part_head": 9000}),
    ],
)
@pytest.mark.parametrize("size", [7, 1 << 16])
async def test_a_multipart_form_has_limits(parts, limits, size):
    with pytest.raises(RequestEntityTooLarge):
        await multipart(form_of(*parts), size, **limits)


@pytest.mark.parametrize(
    ("data", "limits", "length"),
    [
        (b"a=" + b"x" * 9, {"max_form_memory_size": 10}, None),
        (b"a=" + b"x" * 9, {"max_content_length": 10}, None),
        (b"a=1&b=2&c=3&d=4", {"max_form_parts": 3}, None),
        (b"&&&", {"max_form_parts": 3}, None),
        (b"", {"max_form_memory_size": 10}, 11),
    ],
)
async def test_an_urlencoded_form_has_limits(data, limits, length):
    with pytest.raises(RequestEntityTooLarge):
        await parsed(data, URLENCODED, length=length, **limits)


async def test_what_is_at_a_limit_passes():
    limits = {"max_form_memory_size": 10, "max_form_parts": 2}
    data = form_of(part(b"x" * 10), part(b"y" * 100, name="f", filename="f"))
    form, files = await parsed(data, max_content_length=len(data), **limits)
    assert len(form["a"]) == 10
    closed(files)
    form, _ = await parsed(
        b"a=xxx&b=xx", URLENCODED, max_content_length=10, **limits
    )
    assert form == {"a": "xxx", "b": "xx"}


@pytest.mark.parametrize(
    ("lines", "limits"),
    [
        ([b"X-A: b"], {"max_form_part_lines": 2}),
        ([b"X-A: b"] * 16, {"max_form_part_lines": 17}),
        ([b"X-A: b"] * 100, {"max_form_part_lines": None}),
        ([b"X-A: b"], {"max_form_part_head": HEAD + 4}),
        ([b"X-A: " + b"b" * 9000], {"max_form_part_head": HEAD + 9003}),
        ([b"X-A: " + b"b" * 90_000], {"max_form_part_head": None}),
    ],
)
async def test_the_limits_of_a_parts_head_can_be_set(lines, limits):
    form, _ = await multipart(form_of(part(b"1", *lines)), **limits)
    assert form == {"a": "1"}


async def test_the_files_of_a_refused_form_are_closed():
    kept = Kept()
    data = form_of(part(b"1", filename="f"), part(b"2", filename="g"))
    with pytest.raises(BadRequest):
        await parsed(data[:-8], stream_factory=kept)
    assert [file.closed for *_, file in kept] == [True, True]


@pytest.mark.parametrize(
    "data",
    [
        form_of(part(b"\r\n" * 500_000)),
        form_of(part(b"\r" * 1_000_000)),
        form_of(part(b"\r\n--y" * 200_000)),
        b"\r\n--y" * 200_000,
        form_of(part(b"", b"X-A: b", *[b" b"] * 300_000)),
        form_of(part(b"", *[b"X: y"] * 200_000)),
        form_of(*[part()] * 20_000),
    ],
    ids=[
        "lines",
        "returns",
        "almost",
        "preamble",
        "folds",
        "lines-in-head",
        "parts",
    ],
)
async def test_a_megabyte_of_malice_takes_no_time(data):
    limits = {"max_form_parts": 1000, "max_form_memory_size": 500_000}
    with pytest.raises((BadRequest, RequestEntityTooLarge)):
        await multipart(data, **limits)


# -- files --


async def test_a_long_file_is_written_off_the_loop():
    threads = []

    class Disk(SpooledTemporaryFile):
        def write(self, data):
            threads.append(threading.current_thread())
            return super().write(data)

    data = form_of(part(b"x" * (SPOOLED + 100_000), filename="f"))
    parser = MultiPartParser(stream_factory=lambda *_: Disk(SPOOLED))
    _, files = await parser.parse(Pieces(data, 100_000), b"x", None)
    assert len(files["a"].read()) == SPOOLED + 100_000
    here = [thread is threading.current_thread() for thread in threads]
    assert here == sorted(here, reverse=True)
    assert here.count(True) == SPOOLED // 100_000
    closed(files)


@pytest.mark.parametrize(("length", "kind"), [(100, BytesIO), (None, object)])
async def test_a_file_of_a_short_body_stays_in_memory(length, kind):
    _, files = await parsed(form_of(part(b"1", filename="f")), length=length)
    assert isinstance(files["a"].stream, kind)
    closed(files)


def test_a_file_says_what_its_part_said():
    file = FileStorage(
        BytesIO(b"a\nb\n"), "f.txt", "f", "Text/Plain; charset=x", 4
    )
    assert (file.name, file.filename) == ("f", "f.txt")
    assert file.content_type == "Text/Plain; charset=x"
    assert file.mimetype == "text/plain"
    assert file.mimetype_params == {"charset": "x"}
    assert file.content_length == 4
    assert FileStorage().content_length == 0
    assert repr(file) == "<FileStorage: 'f.txt' ('Text/Plain; charset=x')>"


def test_a_file_does_what_its_stream_does():
    file = FileStorage(BytesIO(b"a\nb\n"), "f.txt")
    assert list(file) == [b"a\n", b"b\n"]
    assert file.seek(2) == file.tell() == 2
    assert file.read(1) == b"b"
    assert file.readline() == b"\n"
    assert file.seekable()
    with pytest.raises(AttributeError):
        _ = file.nonsense


def test_a_file_without_a_name_takes_that_of_its_stream(tmp_path):
    path = tmp_path / "a.txt"
    with path.open("wb") as stream:
        assert FileStorage(stream).filename == str(path)
    assert FileStorage(BytesIO()).filename is None
    assert not FileStorage()


async def test_a_file_is_saved_to_a_path_or_a_file(tmp_path):
    path = tmp_path / "a.txt"
    file = FileStorage(BytesIO(b"content"), "f.txt")
    await file.save(path)
    assert path.read_bytes() == b"content"
    file.seek(3)
    await file.save(str(path))
    assert path.read_bytes() == b"tent"
    file.seek(0)
    target = BytesIO()
    await file.save(target, buffer_size=2)
    assert target.getvalue() == b"content"


async def test_a_file_is_loaded_from_a_path(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    file = FileStorage()
    await file.load(path)
    assert (file.filename, file.stream.tell()) == ("a.txt", 7)
