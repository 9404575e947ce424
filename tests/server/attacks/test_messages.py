"""WebSocket messages without an end, and some that unpack to gigabytes."""

import zlib

import pytest

from tests.server.attacks import ws
from tests.server.attacks.siege import MIB, say, siege


def deflated(size):
    """Return so many bytes as permessage-deflate has them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(bytes(size)) + packer.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]


ATTACKS = {
    "fragments": ws.frame(ws.TEXT, b"x")
    + ws.frame(ws.CONTINUATION, b"x") * 5000,
    "empty fragments": ws.frame(ws.TEXT) + ws.frame(ws.CONTINUATION) * 5000,
    "announced": ws.frame(ws.FIN | ws.BINARY, b"x", 2**62),
    "announced in fragments": ws.frame(ws.BINARY, b"x")
    + ws.frame(ws.CONTINUATION, b"x", 16 * MIB),
    "deflated": ws.frame(
        ws.FIN | ws.COMPRESSED | ws.BINARY, deflated(256 * MIB)
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_message_that_is_too_large_closes_with_1009(target, name):
    with siege(target):
        for _ in range(3):
            with ws.connect(target) as client:
                heard = say(client, ATTACKS[name])
            assert ws.close_code(heard) == ws.TOO_LARGE
        assert target.until_ended("")
