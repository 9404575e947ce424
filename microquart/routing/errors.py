"""BuildError: there is no URL for an endpoint, and what was perhaps meant."""

from collections.abc import Iterable, Mapping
from typing import Any

from microquart.http.errors import MicroquartError
from microquart.routing.rules import Rule, nearest

# How many endpoints are suggested, at most.
SUGGESTIONS = 3


class BuildError(MicroquartError, LookupError):
    """No rule of the endpoint can be built with the values.

    ``rules`` are those that there are.  The text says what is missing, or
    which endpoints have a name like this one and what they need.
    """

    def __init__(
        self,
        endpoint: str,
        values: Mapping[str, Any],
        method: str | None,
        rules: Iterable[Rule] = (),
    ) -> None:
        super().__init__(endpoint, values, method)
        self.endpoint = endpoint
        self.values = values
        self.method = method
        self.rules = list(rules)

    def __str__(self) -> str:
        given = ", ".join(sorted(self.values)) or "no values"
        method = f" and method {self.method}" if self.method else ""
        return (
            f"Could not build a URL for endpoint {self.endpoint!r}"
            f" with {given}{method}. {self._remedy()}"
        ).rstrip()

    def _remedy(self) -> str:
        own = [rule for rule in self.rules if rule.endpoint == self.endpoint]
        if own:
            return " ".join(self._objection(rule) for rule in own)
        names = {rule.endpoint: rule for rule in self.rules}
        alike = nearest(self.endpoint, names)[:SUGGESTIONS]
        if not alike:
            return "There are no endpoints."
        described = " or ".join(
            f"{name!r}{needed(names[name])}" for name in alike
        )
        return f"Did you mean {described}?"

    def _objection(self, rule: Rule) -> str:
        if missing := rule.missing(self.values):
            return f"{rule.rule!r} lacks {', '.join(missing)}{needed(rule)}."
        if not rule.allows(self.method):
            methods = ", ".join(sorted(rule.methods or ()))
            return f"{rule.rule!r} allows {methods}."
        defaults = {
            name: default
            for name, default in (rule.defaults or {}).items()
            if self.values.get(name, default) != default
        }
        if defaults:
            return f"{rule.rule!r} is for {defaults} only."
        return f"{rule.rule!r} does not take these values."


def needed(rule: Rule) -> str:
    """Return the arguments that a rule must be given, in brackets."""
    names = rule.missing({})
    return f" (needs {', '.join(names)})" if names else ""
