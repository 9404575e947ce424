"""What the page about Quart says is what the tests prove."""

from tests.compat.page import MISSING, PAGE, filled, meant, proofs, rows


def test_the_page_says_of_each_row_what_the_tests_prove():
    text = PAGE.read_text()
    assert text == filled(text, proofs()), "python tests/compat/page.py"


def test_each_row_has_a_test_or_a_reason():
    bare = [
        f"{section}: {name}"
        for section, found in rows(PAGE.read_text()).items()
        for name, state in found
        if state == "?" or state == MISSING.strip()
    ]
    assert bare == []


def test_each_test_names_rows_of_the_page_and_each_name_means_one():
    known = {
        section: [name for name, _ in found]
        for section, found in rows(PAGE.read_text()).items()
    }
    wrong = [
        f"{proof.section}: {start} ({proof.test})"
        for proof in proofs()
        for start in proof.rows
        if len(meant(start, known.get(proof.section, []))) != 1
    ]
    assert wrong == []
