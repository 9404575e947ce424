"""A response that leads elsewhere."""

import re
from urllib.parse import quote

from markupsafe import escape

from microquart.wrappers.response import Response

REDIRECTS = (301, 302, 303, 305, 307, 308)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_URL_CHARS = "!#$%&'()*+,/:;=?@[]~"


def redirect_response(
    location: str, code: int = 302, response_class: type[Response] = Response
) -> Response:
    """Return a response that leads to ``location``.

    What a URL cannot have is percent-encoded, a backslash too: some clients
    take it for a slash, which would make a host of a path.

    Raises:
        ValueError: the code is none of a redirect, or the location has a
            control character.
    """
    if code not in REDIRECTS:
        raise ValueError(f"{code} does not redirect; {REDIRECTS} do")
    if _CONTROL.search(location):
        raise ValueError(f"a control character in the location {location!r}")
    url = quote(location, safe=_URL_CHARS)
    link = escape(url)
    page = (
        "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n"
        "<h1>Redirecting...</h1>\n"
        f'<p>What you look for is at <a href="{link}">{link}</a>.</p>\n'
    )
    return response_class(page, code, {"Location": url}, "text/html")
