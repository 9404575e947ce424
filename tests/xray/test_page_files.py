"""The files of the live page."""

import re
from pathlib import Path

import microquart

PAGE = Path(microquart.__file__).parent / "xray" / "page"


def test_no_text_can_become_an_element():
    script = (PAGE / "page.js").read_text()
    ways = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc"
        r"|setHTML|parseFromString|createContextualFragment|\beval\b"
        r"|new Function|\.cssText"
    )
    assert re.findall(ways, script) == []
    markup = (PAGE / "index.html").read_text()
    assert re.findall(r"\son\w+=|\sstyle=|javascript:|https?://", markup) == []


def test_the_page_can_be_read():
    files = ("index.html", "page.js", "page.css")
    lines = [(PAGE / name).read_text().splitlines() for name in files]
    assert sum(map(len, lines)) <= 950
