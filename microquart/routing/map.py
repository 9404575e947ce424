"""Map: all rules of an application.

``Map.match`` is on the way of every request, and makes nothing that a plain
match does not need.  Whatever else comes of a path is decided aside: no rule,
a redirect, an alias.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote

from microquart.exceptions import (
    BadHost,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestRedirect,
    WebsocketMismatch,
)
from microquart.routing.adapter import RAW, MapAdapter, Query, Values
from microquart.routing.converters import (
    DEFAULT_CONVERTERS,
    PATH_SAFE,
    BaseConverter,
    ValidationError,
)
from microquart.routing.explain import Verdict, explain
from microquart.routing.matcher import Found, Matcher, Plain, Search
from microquart.routing.rules import Rule
from microquart.routing.syntax import SLASHES

DEFAULT_PORTS = {"http": ":80", "ws": ":80", "https": ":443", "wss": ":443"}


class BoundRequest(Protocol):
    """What a map asks of a request."""

    @property
    def host(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def root_path(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def query_string(self) -> bytes: ...


class Map:
    """The rules, in a tree for matching and by endpoint for building.

    ``converters`` is a dictionary to which an application adds its own.  If
    ``redirect_defaults`` is true, a URL with the default values of another
    rule of its endpoint redirects to that rule.  With ``host_matching`` rules
    belong to a host, and without to a subdomain.
    """

    default_converters = DEFAULT_CONVERTERS

    def __init__(
        self,
        rules: Iterable[Rule] | None = None,
        default_subdomain: str = "",
        strict_slashes: bool = True,
        merge_slashes: bool = True,
        redirect_defaults: bool = True,
        converters: Mapping[str, type[BaseConverter]] | None = None,
        sort_parameters: bool = False,
        sort_key: Callable[[Any], Any] | None = None,
        host_matching: bool = False,
    ) -> None:
        self.default_subdomain = default_subdomain
        self.has_subdomains = False
        self.strict_slashes = strict_slashes
        self.merge_slashes = merge_slashes
        self.redirect_defaults = redirect_defaults
        self.converters = {**self.default_converters, **(converters or {})}
        self.sort_parameters = sort_parameters
        self.sort_key = sort_key
        self.host_matching = host_matching
        self.matcher = Matcher()
        self._by_endpoint: dict[str, list[Rule]] = {}
        self._stale = False
        self._lock = Lock()
        for rule in rules or ():
            self.add(rule)

    def __repr__(self) -> str:
        name = type(self).__name__
        gap = ",\n" + " " * (len(name) + 2)
        return f"{name}([{gap.join(map(repr, self.iter_rules()))}])"

    # -- the rules --

    def add(self, rule: Rule) -> None:
        """Bind a rule to this map; ``Rule.bind`` says what may be raised."""
        rule.bind(self)
        if rule.subdomain != self.default_subdomain:
            self.has_subdomains = True
        if not rule.build_only:
            self.place(rule)
        self._by_endpoint.setdefault(rule.endpoint, []).append(rule)
        self._stale = True

    def place(self, rule: Rule) -> None:
        """Put a rule where ``match`` looks for it.

        A router of another kind overrides both, and ``explain``.
        """
        self.matcher.add(rule)

    def update(self) -> None:
        """Order what was added since the last time."""
        with self._lock:
            if not self._stale:
                return
            self.matcher.sort()
            for rules in self._by_endpoint.values():
                rules.sort(key=Rule.build_compare_key)
                self._find_canonical(rules)
            self.matcher.plain = self._find_plain()
            self._stale = False

    def _find_plain(self) -> dict[Plain, Rule]:
        """Return the rules that a path alone tells, by what is asked for."""
        rules = [rule for each in self._by_endpoint.values() for rule in each]
        times = Counter(rule.rule for rule in rules)
        return {
            (rule.rule, method, rule.websocket): rule
            for rule in rules
            if times[rule.rule] == 1
            and rule.domain == self.default_subdomain
            and not (
                rule.arguments
                or rule.redirects
                or rule.build_only
                or self.host_matching
            )
            # Without methods any will do; these are asked for.
            for method in rule.methods or ("GET", "HEAD")
        }

    def _find_canonical(self, rules: list[Rule]) -> None:
        """Give each rule those before it to which it may redirect."""
        providers: list[Rule] = []
        for rule in rules:
            rule.canonical = [
                other
                for other in providers
                if other.provides_defaults_for(rule)
            ]
            rule.redirects = bool(
                rule.canonical or rule.alias or rule.redirect_to is not None
            )
            if rule.defaults:
                providers.append(rule)

    def iter_rules(self, endpoint: str | None = None) -> Iterator[Rule]:
        """Iterate over the rules, or those of one endpoint (or KeyError)."""
        if self._stale:
            self.update()
        if endpoint is not None:
            return iter(self._by_endpoint[endpoint])
        return (rule for rules in self._by_endpoint.values() for rule in rules)

    def rules_of(self, endpoint: str) -> Sequence[Rule]:
        """Return the rules of an endpoint, those that build first first."""
        if self._stale:
            self.update()
        return self._by_endpoint.get(endpoint, ())

    def is_endpoint_expecting(self, endpoint: str, *arguments: str) -> bool:
        """Tell whether a rule of the endpoint takes all these arguments."""
        return any(
            rule.arguments.issuperset(arguments)
            for rule in self.iter_rules(endpoint)
        )

    # -- matching --

    def match(
        self,
        path: str,
        method: str = "GET",
        websocket: bool = False,
        domain: str | None = None,
        bind: Callable[[], MapAdapter] | None = None,
    ) -> tuple[Rule, Values]:
        """Return the rule for a request, and the arguments of its view.

        ``path`` is percent-decoded, ``method`` in capitals, ``domain`` the
        subdomain, or the host if the map has ``host_matching``.  ``bind``
        makes the adapter that knows the root path and the query, which only a
        redirect needs.

        >>> rules = [Rule("/users/<int:id>", endpoint="user")]
        >>> Map(rules).match("/users/7")
        (<Rule '/users/<int:id>' -> user>, {'id': 7})

        Raises:
            NotFound: no rule fits the path.
            MethodNotAllowed: the rules that fit it have other methods.
            WebsocketMismatch: they are for websockets, and this is none; or
                the other way round.
            RequestRedirect: there is a better URL.
        """
        if self._stale:
            self.update()
        if domain is None:
            rule = self.matcher.plain.get((path, method, websocket))
            if rule is not None:
                return rule, {}
            domain = self.default_subdomain
        segments = [domain, *path.lstrip("/").split("/")] if path else [domain]
        search: Search = segments, method, websocket, []
        node, at = self.matcher.descend(segments)
        found = self.matcher.walk(node, at, (), search)
        if found is not None:
            rule, values = found
            if values is not None and not rule.redirects:
                return rule, values
        return self._decide(found, path, search, bind)

    def _decide(
        self,
        found: Found | None,
        path: str,
        search: Search,
        bind: Callable[[], MapAdapter] | None,
    ) -> tuple[Rule, Values]:
        """Raise what is due where there is no plain match."""
        better = path
        if found is None and self.merge_slashes and "//" in path:
            better = SLASHES.sub("/", path)
            found = self._walk_again(better, search)
        if found is None or (better != path and not found[0].merge_slashes):
            raise self._refusal(search)
        adapter = bind() if bind else self._bind_domain(search[0][0])
        rule, values = found
        if values is not None and better == path:
            url = adapter.better_url(rule, search[1], values)
            if url is None:
                return rule, values
            raise RequestRedirect(url)
        if values is None:
            better += "/"
        encoded = quote(better, safe=PATH_SAFE)
        raise RequestRedirect(adapter.make_redirect_url(encoded))

    def _walk_again(self, path: str, search: Search) -> Found | None:
        segments = [search[0][0], *path.lstrip("/").split("/")]
        again = segments, *search[1:]
        return self.matcher.walk(self.matcher.root, 0, (), again)

    def _refusal(self, search: Search) -> HTTPException:
        _, method, _, refused = search
        fitting = [rule for rule, texts in refused if converts(rule, texts)]
        if not fitting:
            return NotFound()
        methods: set[str] = set()
        for rule in fitting:
            if not rule.allows(method):
                methods.update(rule.methods or ())
        if not methods:
            return WebsocketMismatch()
        return MethodNotAllowed(valid_methods=sorted(methods))

    def explain(
        self,
        path: str,
        method: str = "GET",
        domain: str | None = None,
        websocket: bool = False,
        limit: int = 10,
    ) -> list[Verdict]:
        """Say of the rules nearest to a request why they do not fit it.

        >>> [verdict] = Map([Rule("/x", endpoint="x")]).explain("/x/")
        >>> verdict.verdict, verdict.why
        ('slash', 'extra slash')
        """
        if domain is None:
            domain = self.default_subdomain
        rules = [rule for rule in self.iter_rules() if not rule.build_only]
        segments = [domain, *path.lstrip("/").split("/")]
        search: Search = segments, method, websocket, []
        return explain(self.matcher, rules, search, limit)

    # -- binding --

    def bind(
        self,
        server_name: str,
        script_name: str | None = None,
        subdomain: str | None = None,
        url_scheme: str = "http",
        default_method: str = "GET",
        path_info: str | None = None,
        query_args: Query | None = None,
    ) -> MapAdapter:
        """Return the map as a host sees it, below a root path.

        Raises:
            BadHost: the name of the host cannot be encoded.
        """
        if self.host_matching and subdomain is not None:
            raise RuntimeError("a map that matches hosts has no subdomains")
        if subdomain is None and not self.host_matching:
            subdomain = self.default_subdomain
        return MapAdapter(
            self,
            ascii_host(server_name.lower()),
            script_name or "/",
            subdomain,
            url_scheme,
            "/" if path_info is None else path_info,
            default_method,
            query_args,
        )

    def bind_to_request(
        self,
        request: BoundRequest,
        subdomain: str | None = None,
        server_name: str | None = None,
    ) -> MapAdapter:
        """Bind to the host, the root path and the query of a request.

        Without ``subdomain`` it is what the host has before ``server_name``;
        a host that does not end so has no rules.
        """
        host = without_port(request.scheme, request.host)
        name = host
        if server_name is not None:
            name = without_port(request.scheme, server_name)
        if subdomain is None and not self.host_matching:
            subdomain = subdomain_of(host, name)
        return self.bind(
            name,
            request.root_path,
            subdomain,
            request.scheme,
            request.method,
            request.path,
            request.query_string.decode(*RAW),
        )

    def _bind_domain(self, domain: str) -> MapAdapter:
        if self.host_matching:
            return self.bind(domain)
        return self.bind("", subdomain=domain)


def converts(rule: Rule, texts: Sequence[str]) -> bool:
    try:
        rule.convert(texts)
    except ValidationError:
        return False
    return True


def ascii_host(host: str) -> str:
    """Return a host, with its port if it has one, as it is sent."""
    if host.isascii():
        return host
    name, colon, port = host.partition(":")
    try:
        return name.encode("idna").decode("ascii") + colon + port
    except UnicodeError as error:
        raise BadHost from error


def without_port(scheme: str, host: str) -> str:
    """Return a host in small letters, without the port of the scheme."""
    return host.lower().removesuffix(DEFAULT_PORTS.get(scheme, ""))


def subdomain_of(host: str, server_name: str) -> str:
    """Return what a host has before the name of the server.

    >>> subdomain_of("a.b.example.com", "example.com")
    'a.b'
    >>> subdomain_of("example.org", "example.com")   # no rule has this one
    '<invalid>'
    """
    if host == server_name:
        return ""
    if host.endswith(f".{server_name}"):
        return host.removesuffix(f".{server_name}")
    return "<invalid>"
