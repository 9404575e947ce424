"""MapAdapter: a map as one request sees it, from its host and its root path.

It builds URLs, and those of redirects.  A redirect is a path, so that no
request can send its client to another host; only if the right rule belongs to
another host is it a whole URL.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, overload
from urllib.parse import quote

from microquart.exceptions import (
    HTTPException,
    MethodNotAllowed,
    RequestRedirect,
)
from microquart.http.multidict import MultiDict, pairs_of
from microquart.routing.converters import PATH_SAFE
from microquart.routing.errors import BuildError
from microquart.routing.rules import Rule, encode_query

# What is no ASCII character of a URL (RFC 3986, 2.2 and 2.3).  Browsers take
# a backslash for a slash, and overlook tabs and line ends.
FOREIGN = re.compile(r"[^\w!#$%&'()*+,\-./:;=?@\[\]~]", re.ASCII)

# Bytes of a query that are no UTF-8 go through unchanged.
RAW = ("utf-8", "surrogateescape")

ABSOLUTE = re.compile(r"[a-zA-Z][\w+.\-]*://", re.ASCII)
VARIABLE = re.compile("<([^>]+)>")

Values = dict[str, Any]
Query = Mapping[str, Any] | str


class Routes(Protocol):
    """What an adapter asks of its map."""

    host_matching: bool
    redirect_defaults: bool

    def match(
        self,
        path: str,
        method: str,
        websocket: bool,
        domain: str | None,
        bind: "Callable[[], MapAdapter] | None",
    ) -> tuple[Rule, Values]: ...

    def iter_rules(self) -> Iterator[Rule]: ...
    def rules_of(self, endpoint: str) -> Sequence[Rule]: ...


class MapAdapter:
    """A map with the host, the root path and the query of a request."""

    def __init__(
        self,
        map: Routes,
        server_name: str,
        script_name: str,
        subdomain: str | None,
        url_scheme: str,
        path_info: str,
        default_method: str,
        query_args: Query | None = None,
    ) -> None:
        self.map = map
        self.server_name = server_name
        self.script_name = script_name.rstrip("/") + "/"
        self.subdomain = subdomain
        self.url_scheme = url_scheme
        self.path_info = path_info
        self.default_method = default_method
        self.query_args = query_args
        self.websocket = url_scheme in {"ws", "wss"}

    @property
    def domain(self) -> str:
        """What the first level of the tree is asked for."""
        if self.map.host_matching or self.subdomain is None:
            return self.server_name
        return self.subdomain

    # -- matching --

    @overload
    def match(
        self,
        path_info: str | None = None,
        method: str | None = None,
        return_rule: Literal[False] = False,
        query_args: Query | None = None,
        websocket: bool | None = None,
    ) -> tuple[str, Values]: ...

    @overload
    def match(
        self,
        path_info: str | None = None,
        method: str | None = None,
        *,
        return_rule: Literal[True],
        query_args: Query | None = None,
        websocket: bool | None = None,
    ) -> tuple[Rule, Values]: ...

    def match(
        self,
        path_info: str | None = None,
        method: str | None = None,
        return_rule: bool = False,
        query_args: Query | None = None,
        websocket: bool | None = None,
    ) -> tuple[str | Rule, Values]:
        """Return the endpoint, or the rule, and the arguments of its view.

        Raises what ``Map.match`` does.
        """
        adapter = self
        if query_args is not None:
            adapter = copy.copy(self)
            adapter.query_args = query_args
        rule, values = self.map.match(
            self.path_info if path_info is None else path_info,
            (method or self.default_method).upper(),
            self.websocket if websocket is None else websocket,
            self.domain,
            lambda: adapter,
        )
        return (rule if return_rule else rule.endpoint), values

    def test(
        self, path_info: str | None = None, method: str | None = None
    ) -> bool:
        """Tell whether a request would find a rule, or a redirect to one."""
        try:
            self.match(path_info, method)
        except RequestRedirect:
            return True
        except HTTPException:
            return False
        return True

    def allowed_methods(self, path_info: str | None = None) -> list[str]:
        """Return the methods that the rules for a path have."""
        try:
            self.match(path_info, method="--")
        except MethodNotAllowed as error:
            return list(error.valid_methods or ())
        except HTTPException:
            pass
        return []

    # -- redirecting --

    def better_url(
        self, rule: Rule, method: str, values: Values
    ) -> str | None:
        """Return the URL to which a rule that has matched redirects."""
        url = None
        if self.map.redirect_defaults:
            if rule.alias:
                url = self._alias_redirect(rule, method, values)
            url = url or self.get_default_redirect(rule, method, values)
        if url is None and rule.redirect_to is not None:
            url = self._redirect_to(rule, values)
        return url

    def get_default_redirect(
        self,
        rule: Rule,
        method: str,
        values: Values,
        query_args: Query | None = None,
    ) -> str | None:
        """Return the URL of the rule whose defaults these values are."""
        for other in rule.canonical:
            if other.suitable_for(values, method):
                built = other.build({**values, **(other.defaults or {})})
                if built is not None:
                    domain, path = built
                    return self.make_redirect_url(path, query_args, domain)
        return None

    def _alias_redirect(
        self, rule: Rule, method: str, values: Values
    ) -> str | None:
        built = self._build(rule.endpoint, values, method, False)
        if built is None or built[0].alias:
            return None
        _, domain, path = built
        return self.make_redirect_url(path, domain_part=domain)

    def _redirect_to(self, rule: Rule, values: Values) -> str:
        """Fill in ``redirect_to``: what it does not say stays on this host.

        Only the text of the rule may name a host, not a value, and what a
        function returns only with its scheme.
        """
        if callable(rule.redirect_to):
            url = rule.redirect_to(self, **values)
            elsewhere = ABSOLUTE.match(url) is not None
        else:
            text = rule.redirect_to or ""
            elsewhere = text.startswith("//") or bool(ABSOLUTE.match(text))
            url = VARIABLE.sub(
                lambda match: rule.converters[match[1]].to_url(
                    values[match[1]]
                ),
                text,
            )
        url = sealed(url)
        if elsewhere:
            return url
        if not url.startswith("/"):
            url = self._root() + url
        return self._with_query(f"/{url.lstrip('/')}", self.query_args)

    def make_redirect_url(
        self,
        path_info: str,
        query_args: Query | None = None,
        domain_part: str | None = None,
    ) -> str:
        """Return the URL of an encoded path: a path too, on this host."""
        path = sealed(self._root() + path_info.lstrip("/"))
        if domain_part is not None and domain_part != self.domain:
            scheme = self.url_scheme or "http"
            path = f"{scheme}://{self.get_host(domain_part)}{path}"
        if query_args is None:
            query_args = self.query_args
        return self._with_query(path, query_args)

    def _with_query(self, url: str, query: Query | None) -> str:
        if not query or "?" in url:
            return url
        if not isinstance(query, str):
            query = encode_query(pairs_of(query))
        return f"{url}?{sealed(query).replace('#', '%23')}"

    def _root(self) -> str:
        """The root path, encoded, with one slash before it and behind."""
        root = quote(self.script_name.strip("/"), safe=PATH_SAFE)
        return f"/{root}/" if root else "/"

    # -- building --

    def get_host(self, domain_part: str | None) -> str:
        """Return the whole host for a subdomain, or for a host."""
        if self.map.host_matching:
            return domain_part or self.server_name
        subdomain = self.subdomain if domain_part is None else domain_part
        return (
            f"{subdomain}.{self.server_name}"
            if subdomain
            else self.server_name
        )

    def build(
        self,
        endpoint: str,
        values: Mapping[str, Any] | None = None,
        method: str | None = None,
        force_external: bool = False,
        append_unknown: bool = True,
        url_scheme: str | None = None,
    ) -> str:
        """Return the URL of an endpoint: a path, if it is on this host.

        Values that no rule has an argument for become the query; those that
        are None are left out.  A websocket's URL is always a whole one.

        Raises:
            BuildError: no rule of the endpoint takes these values.
        """
        values = flat(values or {})
        built = self._build(endpoint, values, method, append_unknown)
        if built is None:
            raise BuildError(endpoint, values, method, self.map.iter_rules())
        rule, domain, path = built
        host = self.get_host(domain)
        path = self._root() + path.lstrip("/")
        here = host == self.get_host(None)
        if here and not force_external and not rule.websocket:
            return path
        scheme = self.url_scheme if url_scheme is None else url_scheme
        secure = scheme in {"https", "wss"}
        if rule.websocket:
            return f"{'wss' if secure else 'ws'}://{host}{path}"
        if scheme:
            return f"{'https' if secure else 'http'}://{host}{path}"
        return f"//{host}{path}"

    def _build(
        self,
        endpoint: str,
        values: Mapping[str, Any],
        method: str | None,
        append_unknown: bool,
    ) -> tuple[Rule, str, str] | None:
        """Return the rule that is built first, its domain and its path.

        That is one with the method of the request, and for its host, if
        there are several.
        """
        if method is None and self.default_method:
            own = self.default_method
            built = self._build(endpoint, values, own, append_unknown)
            if built is not None:
                return built
        elsewhere = None
        for rule in self.map.rules_of(endpoint):
            if not rule.suitable_for(values, method):
                continue
            texts = rule.build(values, append_unknown)
            if texts is None:
                continue
            if not self.map.host_matching or texts[0] == self.server_name:
                return rule, *texts
            elsewhere = elsewhere or (rule, *texts)
        return elsewhere


def flat(values: Mapping[str, Any]) -> Values:
    """Return the values that are there, several ones as a list."""
    if isinstance(values, MultiDict):
        lists = values.lists()
        return {
            name: several[0] if len(several) == 1 else several
            for name, several in lists
            if several
        }
    return {name: one for name, one in values.items() if one is not None}


def sealed(url: str) -> str:
    """Return a URL in which only characters of URLs are left as they are."""
    return FOREIGN.sub(lambda match: quote(match[0], "", *RAW), url)
