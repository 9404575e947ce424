"""The rules of an application as a table of text."""

from collections.abc import Iterator

from microquart.app import Quart
from microquart.routing.rules import Rule

ORDERS = ("endpoint", "methods", "domain", "rule", "match")
IMPLIED = {"HEAD", "OPTIONS"}  # methods that Quart adds by itself


def table(app: Quart, sort: str, all_methods: bool) -> Iterator[str]:
    """Yield the lines: endpoint, methods, rule, and domain if any has one."""
    rules = list(app.url_map.iter_rules())
    domains = any(rule.domain for rule in rules)
    rows = [_row(rule, all_methods) for rule in rules]
    columns = ["endpoint", "methods", *(["domain"] if domains else []), "rule"]
    if sort in columns:
        rows.sort(key=lambda row: row[sort])
    titles = {name: name.capitalize() for name in columns}
    lines = {name: "-" * _width(name, rows) for name in columns}
    for row in (titles, lines, *rows):
        cells = (row[name].ljust(_width(name, rows)) for name in columns)
        yield "  ".join(cells).rstrip()


def _width(name: str, rows: list[dict[str, str]]) -> int:
    return max([len(name), *(len(row[name]) for row in rows)])


def _row(rule: Rule, all_methods: bool) -> dict[str, str]:
    methods = (rule.methods or set()) - (set() if all_methods else IMPLIED)
    return {
        "endpoint": rule.endpoint,
        "methods": "WS" if rule.websocket else ", ".join(sorted(methods)),
        "domain": rule.domain,
        "rule": rule.rule,
    }
