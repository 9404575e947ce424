"""A trace as a sequence diagram in the language of Mermaid."""

from collections.abc import Iterator, Sequence

from microquart.xray.record import Record
from microquart.xray.requests import TracedRequest, requests_of

# What Mermaid would read as its own, as its entities.
ENTITIES = str.maketrans(
    {"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", "\n": " ", "\r": " "}
)


def diagram(records: Sequence[Record]) -> str:
    """Return one diagram of all requests, one after the other."""
    names: dict[str, str] = {}
    steps = [
        step
        for request in requests_of(records)
        for step in arrows(request, names)
    ]
    lines = [
        "sequenceDiagram",
        *(f"participant {id} as {shown(name)}" for name, id in names.items()),
        *steps,
    ]
    return "\n    ".join(lines) + "\n"


def arrows(request: TracedRequest, names: dict[str, str]) -> Iterator[str]:
    """Yield the steps of one request; enter who takes part in ``names``."""

    def who(name: object) -> str:
        return names.setdefault(str(name), f"p{len(names)}")

    client, server = who("client"), who("server")
    skins = names_of(request)
    calls: dict[int | None, str] = {}
    asked = f"{request.method} {request.target}"
    yield f"{client}->>{server}: {shown(asked)}"
    at = [server]
    for record in request.own:
        data = record.data
        match record.name, record.ph:
            case "asgi.app", "B":
                inner = who(skins[data.get("at")])
                yield f"{at[-1]}->>{inner}: {shown(data.get('type', ''))}"
                at.append(inner)
            case "asgi.app", "E" if len(at) > 1:
                inner = at.pop()
                yield f"{inner}-->>{at[-1]}: {shown(data.get('outcome', ''))}"
            case "asgi.send", "B" | "I" if data.get("at") in skins:
                inner = who(skins[data.get("at")])
                outer = at[at.index(inner) - 1] if inner in at else server
                told = f"{data.get('message')} {data.get('status', '')}"
                yield f"{inner}->>{outer}: {shown(told.rstrip())}"
            case "route.try", _ if data.get("verdict") == "match":
                told = f"{data.get('rule')} is {data.get('endpoint')}"
                yield f"Note over {at[-1]}: {shown(told)}"
            case "user.call", "B":
                call = calls[record.span] = who(data.get("qualname"))
                yield f"{at[-1]}->>{call}: {shown(data.get('kind', ''))}"
            case "user.call", "E" if record.span in calls:
                call = calls[record.span]
                result = data.get("exception") or data.get("result")
                yield f"{call}-->>{at[-1]}: {shown(result)}"
    if request.status is not None:
        yield f"{server}-->>{client}: {request.status}"


def names_of(request: TracedRequest) -> dict[object, str]:
    """Return who is called at each place: a skin, by whose name the next
    place is called, or the application."""
    places = [
        record.data.get("at")
        for record in request.own
        if record.name == "asgi.app" and record.ph == "B"
    ]
    inner = [str(place).removeprefix("below ") for place in places[1:]]
    return dict(zip(places, [*inner, "app"], strict=False))


def shown(text: object) -> str:
    """Return a text that is only a text; an arrow must have one."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    return printable.translate(ENTITIES).strip() or "-"
