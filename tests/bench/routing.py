"""Print what a match costs among 10 and among 10,000 rules.

``python tests/bench/routing.py``; it asserts nothing.
"""

import timeit

from microquart.exceptions import HTTPException
from microquart.routing import Map, Rule

# What is matched, and how it comes out.
CASES = [
    ("/json", "static"),
    ("/users/7", "int"),
    ("/notes/a/edit", "string, then static"),
    ("/files/a/b/c.txt", "path"),
    ("/2026-11-24.html", "three variables in a segment"),
    ("/r9/x/comments", "one of the many"),
    ("/nothing/here", "404"),
    ("/users/7/", "404, for a slash"),
]
RULES = [
    "/json",
    "/users/<int:id>",
    "/notes/<name>/edit",
    "/files/<path:name>",
    "/<int:year>-<int:month>-<int:day>.html",
]


def map_of(size: int) -> Map:
    many = [f"/r{number}/<name>/comments" for number in range(size)]
    routes = Map(
        [
            Rule(rule, endpoint=rule, methods=["GET"])
            for rule in [*many, *RULES]
        ]
    )
    routes.update()
    return routes


def attempt(routes: Map, path: str) -> None:
    try:
        routes.match(path, "GET", False, "")
    except HTTPException:
        return


def main() -> None:
    small, large = map_of(10), map_of(10_000)
    print(f"{'microseconds a match':32}{'10 rules':>10}{'10,000':>10}")
    for path, what in CASES:
        times = []
        for routes in small, large:
            timer = timeit.Timer(lambda r=routes, p=path: attempt(r, p))
            number, _ = timer.autorange()
            best = min(timer.repeat(3, number // 5 or 1))
            times.append(best / (number // 5 or 1) * 1e6)
        print(f"{what:32}{times[0]:10.2f}{times[1]:10.2f}")


if __name__ == "__main__":
    main()
