"""What every page of the site is: light, in order, legible, whole.

These tests read what ``make docs`` has made of the present sources.
"""

import json
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from examples.browser import browsing
from tests.conftest import present

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "docs"
SOURCES = (
    "docs/**/*.md",
    "docs/**/*.py",
    "docs/_static/*",
    "microquart/**/*.py",
)
HEAVIEST = 200_000  # bytes of a page, without its assets
# One of each kind: what they have in common is looked at once.
LOOKED_AT = (
    "index",
    "tutorial/1-hello",
    "how-to/behind-nginx",
    "explanation/map",
    "reference/limits",
    "reference/api/request",
    "book/part-1/04-asgi",
    "book/part-1/03-h11",
    "source/microquart/asgi",
)
# WCAG 2.2, 1.4.3 (AA): 4.5 to 1, and 3 to 1 for large text.
PALE = """(() => {
  const paint = document.createElement("canvas").getContext("2d",
    {willReadFrequently: true});
  const rgba = color => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((part, i) => part * a / 255 + below[i] * (1 - a / 255));
  const light = color => color.map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92
      : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    const own = element.closest("svg.picture") && !element.matches(".picture")
      ? "transparent" : getComputedStyle(element).backgroundColor;
    const above = element.parentElement;
    return over(rgba(own), above ? ground(above) : [255, 255, 255]);
  };
  const pale = new Map();
  const texts = document.createTreeWalker(document.body, 4);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!texts.currentNode.data.trim() || !element.checkVisibility({
      opacityProperty: true, visibilityProperty: true })) continue;
    if (element.matches("script, style, title, noscript")) continue;
    const below = ground(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    let part = 1;
    for (let up = element; up; up = up.parentElement)
      part *= getComputedStyle(up).opacity;
    const color = rgba(ink);
    color[3] *= part;
    const [high, low] = [light(over(color, below)), light(below)]
      .sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5))
      pale.set(`${element.tagName}.${element.className.baseVal
        ?? element.className} in ${element.parentElement.className}: `
        + ratio.toFixed(2), texts.currentNode.data.trim().slice(0, 30));
  }
  return JSON.stringify([...pale]);
})()"""


class Document(HTMLParser):
    """What there is in one page: headings, anchors, links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []  # what the browser fetches by itself
        self.language = ""
        self.unnamed: list[str] = []  # pictures for eyes only
        self.feed(text)

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = told.get("lang", "")
        elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append(int(tag[1]))
        elif tag == "a" and "href" in told:
            self.links.append(told["href"])
        elif tag in ("script", "img", "link") and {"src", "href"} & {*told}:
            self.loads.append(told.get("src") or told.get("href", ""))
        if tag == "img" and "alt" not in told:
            self.unnamed.append(told.get("src", ""))
        if "id" in told:
            self.anchors.append(told["id"])


@cache
def made() -> tuple[str, ...]:
    """Name the pages that are younger than all sources."""
    newest = max(
        path.stat().st_mtime
        for pattern in SOURCES
        for path in ROOT.glob(pattern)
    )
    return tuple(
        path.relative_to(SITE).with_suffix("").as_posix()
        for path in sorted(SITE.rglob("*.html"))
        if path.stat().st_mtime >= newest
    )


@cache
def read(page: str) -> Document:
    return Document((SITE / f"{page}.html").read_text())


@pytest.fixture
def pages() -> tuple[str, ...]:
    present("build/docs, as make docs makes it now,", "index" in made())
    return made()


@pytest.mark.slow
def test_no_page_is_heavy(pages):
    sizes = {page: (SITE / f"{page}.html").stat().st_size for page in pages}
    assert {
        page: size for page, size in sizes.items() if size > HEAVIEST
    } == {}


@pytest.mark.slow
def test_headings_begin_with_one_title_and_skip_no_level(pages):
    wrong = {}
    for page in pages:
        levels = read(page).headings
        if page == "search":  # a script writes the title of what it finds
            continue
        steps = pairwise(levels)
        if (
            levels[:1] != [1]
            or levels.count(1) != 1
            or any(later - earlier > 1 for earlier, later in steps)
        ):
            wrong[page] = levels
    assert wrong == {}


@pytest.mark.slow
def test_every_page_has_a_language_and_each_anchor_once(pages):
    wrong = {}
    for page in pages:
        document = read(page)
        twice = {*document.anchors}
        for anchor in twice.copy():
            if document.anchors.count(anchor) == 1:
                twice.discard(anchor)
        if twice or not document.language or document.unnamed:
            wrong[page] = twice
    assert wrong == {}


@pytest.mark.slow
def test_a_page_fetches_nothing_from_elsewhere(pages):
    assert {
        (page, url)
        for page in pages
        for url in read(page).loads
        if urlsplit(url).netloc
    } == set()


@pytest.mark.slow
def test_every_link_within_the_site_leads_somewhere(pages):
    lost = set()
    for page in pages:
        folder = (SITE / page).parent
        for link in {*read(page).links}:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = SITE / f"{page}.html"
            if url.path:
                target = (folder / unquote(url.path)).resolve()
            name = target.relative_to(SITE).with_suffix("").as_posix()
            if not target.is_file() or (
                url.fragment
                and unquote(url.fragment) not in read(name).anchors
            ):
                lost.add((page, link))
    assert lost == set()


@pytest.mark.slow
def test_pages_are_legible_by_day_and_night_and_fit_a_telephone(
    pages, program
):
    assert {*LOOKED_AT} <= {*pages}
    wrong = {}
    with browsing(program("chromium")) as page:
        for name in LOOKED_AT:
            page.open((SITE / f"{name}.html").as_uri())
            for width in (1280, 400):
                page.size(width)
                if not page.fits():
                    wrong[name, width] = "wider than the window"
            for scheme in ("light", "dark"):
                page.prefer(scheme)
                if pale := json.loads(page.ask(PALE)):
                    wrong[name, scheme] = pale
        assert page.console == []
    assert wrong == {}


@pytest.mark.slow
def test_pages_work_without_javascript(pages, program):
    with browsing(program("chromium")) as page:
        page.run_scripts(False)
        page.size(1280)
        page.open((SITE / "reference/limits.html").as_uri())
        seen = page.ask("document.body.innerText")
        assert "max_connections" in seen
        assert "Tutorial" in seen
        # The menu of a small window is a checkbox, and needs no script.
        page.size(400)
        drawer = "document.querySelector('.sidebar-drawer')"
        edge = f"{drawer}.getBoundingClientRect().right"
        assert page.ask(edge) <= 0
        page.ask("document.querySelector('#__navigation').click()")
        # It slides in; without scripts a page has no timers to wait by.
        assert any(page.ask(edge) > 100 for _ in range(10_000))
