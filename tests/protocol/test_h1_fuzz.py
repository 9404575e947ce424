"""HTTP/1.1 under hypothesis: any cut, any junk, any mutation."""

from hypothesis import given, settings
from hypothesis import strategies as st

from microquart.protocol.stream import HTTPStream
from tests.protocol.conversation import Conversation, body, start

token = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=10)
value = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E))
fields = st.lists(st.tuples(token.map("x-{}".format), value), max_size=4)


@st.composite
def chunked(draw: st.DrawFn, content: bytes) -> bytes:
    framed = b""
    while content:
        size = draw(st.integers(1, len(content)))
        extension = draw(st.sampled_from([b"", b";a", b" ;a=b"]))
        framed += b"%x%b\r\n%b\r\n" % (size, extension, content[:size])
        content = content[size:]
    trailer = draw(st.sampled_from([b"", b"X: y\r\n"]))
    return framed + b"0\r\n" + trailer + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A valid request, and its content."""
    content = draw(st.binary(max_size=40))
    lines = [b"POST /%b HTTP/1.1" % draw(token).encode(), b"Host: x"]
    lines += [f"{name}:{text}".encode() for name, text in draw(fields)]
    if draw(st.booleans()):
        lines.append(b"Content-Length: %d" % len(content))
        framed = content
    else:
        lines.append(b"Transfer-Encoding: chunked")
        framed = draw(chunked(content))
    return b"\r\n".join(lines) + b"\r\n\r\n" + framed, content


class Echo:
    """The application that answers with what it was given."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self._content = b""

    def __call__(self, stream: HTTPStream) -> None:
        """Wait for the content: ``answer`` does the rest."""

    def answer(self, client: Conversation) -> None:
        """Answer each stream whose content is whole."""
        while len(self.got) < len(client.streams):
            stream = client.streams[len(self.got)]
            message = stream.take()
            if message is None or message["type"] != "http.request":
                return
            self._content += message.get("body", b"")
            if message.get("more_body", False):
                continue
            self.got.append(self._content)
            stream.send(start(200))
            stream.send(body(self._content))
            stream.end(False)
            self._content = b""
            client.settle()


def converse(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    echo = Echo()
    client = Conversation(echo)
    heard = b""
    for piece in pieces:
        if piece:
            heard += client.says(piece)
        echo.answer(client)
    return echo.got, heard + client.hears()


@given(st.lists(requests(), min_size=1, max_size=3), st.data())
def test_any_cut_of_any_conversation_gives_the_same_answers(said, data):
    whole = b"".join(request for request, _ in said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [
        whole[a:b]
        for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)
    ]
    got, heard = converse(pieces)
    assert got == [content for _, content in said]
    assert heard == converse([whole])[1]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_junk_raises(pieces):
    converse(pieces)


@given(requests(), st.data())
@settings(max_examples=300)
def test_no_mutation_of_a_request_raises_or_is_answered_twice(said, data):
    request = bytearray(said[0])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(request) - 1))
        request[at : at + 1] = data.draw(
            st.sampled_from(
                [b"", b"\0", b"\r", b"\n", b":", b" ", b"0", b"\xff"]
            )
        )
        if not request:
            return
    _, heard = converse([bytes(request)])
    assert heard.count(b"HTTP/1.1 ") <= 2
