"""WebSockets under hypothesis: random but valid conversations, and junk."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.events import BytesMessage, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.protocol.clients import H1Socket, H2Socket

SOCKETS = {"h1": H1Socket, "h2": H2Socket}
both = pytest.mark.parametrize("carrier", SOCKETS)

# Of text, each character may be of one to four bytes.
message = st.one_of(
    st.lists(st.text(max_size=20), min_size=1, max_size=4),
    st.lists(st.binary(max_size=200), min_size=1, max_size=4),
)
deflate = st.one_of(
    st.none(),
    st.builds(
        PerMessageDeflate,
        client_no_context_takeover=st.booleans(),
        server_no_context_takeover=st.booleans(),
        client_max_window_bits=st.integers(9, 15),
        server_max_window_bits=st.integers(9, 15),
    ),
)


def spoken(client: Any, parts: list[Any], ping: bool) -> bytes:
    """Return the frames of a message, with pings in between."""
    kind = TextMessage if isinstance(parts[0], str) else BytesMessage
    data = b""
    for at, part in enumerate(parts):
        if ping:
            data += client.ws.send(Ping(b"%d" % at))
        data += client.ws.send(
            kind(part, message_finished=at == len(parts) - 1)
        )
    return data


@both
@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    messages=st.lists(message, max_size=8),
    extension=deflate,
    cut=st.sampled_from([1, 3, 100, 5000]),
    ping=st.booleans(),
    greedy=st.booleans(),
)
def test_whatever_is_said_arrives_in_order(
    carrier, messages, extension, cut, ping, greedy
):
    client = SOCKETS[carrier](deflate=extension, ws_unread=500)
    client.take()
    wanted = [parts[0][:0].join(parts) for parts in messages]
    data = b"".join(spoken(client, parts, ping) for parts in messages)
    got = []
    for at in range(0, len(data), cut):
        client.raw(data[at : at + cut])
        if greedy:
            got += client.received()
    got += client.received()
    assert got == wanted
    if ping:
        assert len(client.of(Pong)) == sum(map(len, messages))
    for part in got:
        key = "text" if isinstance(part, str) else "bytes"
        client.stream.send({"type": "websocket.send", key: part})
        client.exchange()
    assert client.messages == wanted
    client.close(4000, "bye")
    assert client.closed == 4000
    assert client.take() == [
        {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
    ]


CODES = {1000, 1001, 1002, 1003, 1005, 1007, 1009}


@both
@pytest.mark.slow
@settings(deadline=None)
@given(
    data=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.builds(
                lambda opcode, payload: (
                    bytes([0x80 | opcode, 0x80 | len(payload)])
                    + bytes(4)
                    + payload
                ),
                st.sampled_from([0, 1, 2, 8, 9, 10]),
                st.binary(max_size=60),
            ),
        ),
        max_size=8,
    ),
    extension=st.sampled_from([None, PerMessageDeflate()]),
    cut=st.sampled_from([1, 7, 1000]),
)
def test_no_bytes_do_more_than_end_the_websocket(
    carrier, data, extension, cut
):
    client = SOCKETS[carrier](deflate=extension, ws_max_message_size=50)
    raw = b"".join(data)
    for at in range(0, len(raw), cut):
        client.connection.now += 0.01
        client.raw(raw[at : at + cut])
    client.take()
    if client.closed is not None:
        assert client.closed in CODES or 3000 <= client.closed <= 4999
        assert client.ended
    client.vanish()
    assert client.take()[-1]["type"] == "websocket.disconnect"
    client.stream.end(False)
