"""Pages without the weight of what nobody sees.

Pygments and Sphinx wrap each word of a listing, or of a signature, in an
element of its own.  For names and punctuation no style says anything: without
theirs a page of listings, or of the reference, has half its bytes.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# Names, punctuation, space, operators: as the text around them.
PLAIN = re.compile(r'<span class="(?:n|p|w|o|bp)">([^<]*)</span>')
SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)
WORD = re.compile(r'<span class="pre">([^<]*)</span>')


def lighter(body: str) -> str:
    """Leave out elements that change nothing.

    >>> lighter('<span class="k">def</span> <span class="p">(</span>')
    '<span class="k">def</span> ('
    """
    body = SIGNATURE.sub(lambda found: WORD.sub(r"\1", found[0]), body)
    return PLAIN.sub(r"\1", body)


def lighten(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    tree: nodes.document | None,
) -> None:
    if "body" in context:
        context["body"] = lighter(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
