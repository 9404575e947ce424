"""Which package pytest tests here: the one that PYTHONPATH names."""

import os

import microquart


def test_the_copy_is_tested():
    assert microquart.__file__.startswith(os.environ["PYTHONPATH"])
