"""Header compression with a memory: the same as hpack without one."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microquart.protocol.compression import CompressionError, Decoder, Encoder

A = [(b":status", b"200"), (b"x-a", b"1"), (b"content-type", b"text/html")]
B = [(b":status", b"200"), (b"x-b", b"2" * 50)]


def test_a_section_that_is_said_again_is_the_same_block():
    encoder = Encoder()
    blocks = [encoder.encode(A) for _ in range(4)]
    assert blocks[1:] == [blocks[1]] * 3
    assert len(blocks[1]) < len(blocks[0])


def test_a_block_is_forgotten_when_the_table_changes():
    encoder, decoder = Encoder(), hpack.Decoder()
    for fields in (A, A, A, B, A, B, A):
        assert decoder.decode(encoder.encode(fields), raw=True) == fields


def test_a_change_of_the_tables_size_is_said_once():
    encoder, decoder = Encoder(), hpack.Decoder()
    for size in (4096, 4096, 60, 60, 0, 4096, 4096):
        encoder.header_table_size = size
        assert decoder.decode(encoder.encode(A), raw=True) == A
        assert decoder.decode(encoder.encode(A), raw=True) == A
        assert decoder.header_table_size == size


def test_entries_that_are_equal_but_not_the_same_are_told_apart():
    # Each turns the other one out, so the table looks alike each time.
    one, two = [(b"a", b"x" * 4000)], [(b"b", b"x" * 4000)]
    encoder, decoder = Encoder(), Decoder(10_000)
    for fields in (one, two, one, two, two, one):
        decoder.decode(encoder.encode(fields))
        assert decoder.fields == fields


def test_what_h2_would_misjudge_is_kept_from_it():
    block = hpack.Encoder().encode([(b"content-length", b"x"), (b"a", b"b")])
    decoder = Decoder(1000)
    assert decoder.decode(block) == [(b"a", b"b")]
    assert decoder.fields == [(b"content-length", b"x"), (b"a", b"b")]


@pytest.mark.parametrize(
    "block", [b"\xff\x7f", b"\x40\x0a", b"\x80", b"\x3f\xff\xff"]
)
def test_a_block_that_is_none_is_an_error_of_compression(block):
    with pytest.raises(CompressionError):
        Decoder(1000).decode(block)


def test_a_list_that_is_too_large_is_not_decoded():
    block = hpack.Encoder().encode([(b"a", b"b" * 1000)])
    with pytest.raises(hpack.OversizedHeaderListError):
        Decoder(1000).decode(block)


line = st.tuples(
    st.sampled_from([b":status", b"content-length", b"a", b"b", b"x-long"]),
    st.sampled_from([b"", b"200", b"1", b"2", b"x" * 600, b"y" * 1500]),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.lists(line, min_size=1, max_size=5),
            st.sampled_from([None, None, None, 0, 100, 4096]),
        ),
        max_size=30,
    )
)
def test_both_sides_understand_each_other(sections):
    encoder, decoder = Encoder(), Decoder(100_000)
    judge, scribe = hpack.Decoder(), hpack.Encoder()
    other = Decoder(100_000)
    for fields, size in sections:
        if size is not None:
            encoder.header_table_size = scribe.header_table_size = size
        for _ in range(2):
            block = encoder.encode(fields)
            assert judge.decode(block, raw=True) == fields
            decoder.decode(block)
            assert decoder.fields == fields
            other.decode(scribe.encode(fields))
            assert other.fields == fields
