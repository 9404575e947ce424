"""Rules that are regular expressions, and the router that knows them.

An application takes both::

    class App(Quart):
        url_map_class = RegexMap
        url_rule_class = RegexRule

    @app.get(r"/(?P<year>\\d{4})/(?P<slug>[\\w-]+)")
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from microquart.exceptions import (
    MethodNotAllowed,
    NotFound,
    WebsocketMismatch,
)
from microquart.routing import Map, MapAdapter, Rule, Verdict

GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


class RegexRule(Rule):
    """A rule whose groups are the arguments of its view."""

    def compile(self) -> None:
        self.pattern = re.compile(self.rule)
        self.arguments.update(self.pattern.groupindex)

    def build(
        self, values: Mapping[str, Any], append_unknown: bool = True
    ) -> tuple[str, str] | None:
        path = GROUP.sub(lambda group: str(values[group[1]]), self.rule)
        if self.pattern.fullmatch(path) is None:
            return None
        query = self.query(values) if append_unknown else ""
        return self.domain, quote(path) + (f"?{query}" if query else "")


class RegexMap(Map):
    """Asks one rule after the other, in the order of their registration."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.rules: list[Any] = []
        super().__init__(*args, **kwargs)

    def place(self, rule: Rule) -> None:
        self.rules.append(rule)

    def match(
        self,
        path: str,
        method: str = "GET",
        websocket: bool = False,
        domain: str | None = None,
        bind: Callable[[], MapAdapter] | None = None,
    ) -> tuple[Rule, dict[str, Any]]:
        fitting = []
        for rule in self.rules:
            if found := rule.pattern.fullmatch(path):
                if rule.websocket is websocket and rule.allows(method):
                    return rule, {**(rule.defaults or {}), **found.groupdict()}
                fitting.append(rule)
        methods = {
            m for r in fitting if not r.allows(method) for m in r.methods
        }
        if methods:
            raise MethodNotAllowed(valid_methods=sorted(methods))
        raise WebsocketMismatch if fitting else NotFound

    def explain(self, path: str, *_: object, **__: object) -> list[Verdict]:
        why = f"it does not fit {path!r}"
        return [Verdict(rule, "path", why) for rule in self.rules]
