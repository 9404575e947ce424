"""A trace as one HTML file: the page of X-ray with the records inside.

It needs no server and no network, and runs no script but the page's own.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files

from microquart.xray.exports import jsonl
from microquart.xray.listings import of_package
from microquart.xray.record import Record

STYLE = re.compile(r'<link\b[^>]*\bhref="[^"]*page\.css"[^>]*>')
SCRIPT = re.compile(r'<script\b[^>]*\bsrc="[^"]*page\.js"[^>]*>\s*</script>')
CHARSET = re.compile(r"<meta charset=[^>]*>")
# Where the page looks for records before it asks a server.
PLACE = '<script type="application/json" id="records">'


def document(
    records: Iterable[Record],
    head: Mapping[str, object],
    bodies: bool = False,
) -> str:
    """Return the file: ``{"head": …, "records": […], "code": {…}}`` inside
    the page; the code is that of this package, never the user's."""
    known = list(records)
    first, *rest = jsonl.lines(known, head, bodies)
    code = jsonl.dumped(of_package(known))
    told = f'{{"head":{first},"records":[{",".join(rest)}],"code":{code}}}'
    page, style, script = map(read, ("index.html", "page.css", "page.js"))
    return inlined(page, style, script, told)


def inlined(page: str, style: str, script: str, records: str) -> str:
    # No text of a record ends the element that holds it.
    data = records.replace("<", "\\u003c")
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src '{digest(style)}'; script-src '{digest(script)}'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    kind = ' type="module"' if 'type="module"' in page else ""
    page = put(STYLE, f"<style>{style}</style>", page)
    element = f"{PLACE}{data}</script>"
    page = put(SCRIPT, f"{element}\n<script{kind}>{script}</script>", page)
    return put(CHARSET, f'<meta charset="utf-8">{meta}', page)


def put(place: re.Pattern[str], new: str, page: str) -> str:
    found = place.search(page)
    if found is None:
        raise ValueError(f"the page has no {place.pattern}")
    return page[: found.start()] + new + page[found.end() :]


def digest(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def read(name: str) -> str:
    return files("microquart.xray").joinpath("page", name).read_text("utf-8")
