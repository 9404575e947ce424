"""The syntax of rules: ``/users/<int(min=1):id>`` cut into tokens.

A token is a slash, static text, or a Variable.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, NoReturn

Argument = str | int | float | bool | None


class Variable(NamedTuple):
    """A part ``<converter(arguments):name>`` of a rule."""

    name: str
    converter: str
    args: tuple[Argument, ...]
    kwargs: Mapping[str, Argument]
    source: str


SLASHES = re.compile("/{2,}")

# Possessive quantifiers: a rule is cut in one way, or not at all.
TOKEN = re.compile(
    r"""
    (?P<static> / | [^</]++ )
    | < (?: (?P<converter> [a-zA-Z_]\w*+ )
            (?: \( (?P<arguments> (?: "[^"]*+" | '[^']*+' | [^"'()] )*+ ) \) )?
            : )?
        (?P<name> [a-zA-Z_]\w*+ ) >
    """,
    re.VERBOSE | re.ASCII,
)
ARGUMENT = re.compile(
    r"""
    \s*+ (?: (?P<name> [^\W\d]\w*+ ) \s*+ = \s*+ )?
    (?: (?P<quote> ["'] ) (?P<text> .*? ) (?P=quote) | (?P<word> -?[\w.]++ ) )
    \s*+ (?: , | \Z )
    """,
    re.VERBOSE | re.DOTALL,
)

CONSTANTS: Mapping[str, Argument] = {
    "None": None,
    "True": True,
    "False": False,
}


def tokens(rule: str) -> Iterator[str | Variable]:
    """Cut a rule into its tokens.

    >>> [str(token) for token in tokens("/a/b.html")]
    ['/', 'a', '/', 'b.html']
    >>> next(tokens("<int(min=1):id>")).kwargs
    {'min': 1}

    Raises:
        ValueError: the rule is malformed; the text names the place.
    """
    position = 0
    while position < len(rule):
        match = TOKEN.match(rule, position)
        if match is None:
            _refuse(rule, position)
        if match["static"]:
            yield match["static"]
        else:
            args, kwargs = arguments(match["arguments"] or "", rule)
            converter = match["converter"] or "default"
            yield Variable(match["name"], converter, args, kwargs, match[0])
        position = match.end()


def arguments(
    text: str, rule: str
) -> tuple[tuple[Argument, ...], dict[str, Argument]]:
    """Return the arguments of a converter, by position and by name.

    >>> arguments("2, 'a b', max=-1.5", "")
    ((2, 'a b'), {'max': -1.5})
    """
    args: list[Argument] = []
    kwargs: dict[str, Argument] = {}
    position = 0
    text = text.strip()
    while position < len(text):
        match = ARGUMENT.match(text, position)
        if match is None:
            raise ValueError(
                f'"{rule}": cannot read the argument {text[position:]!r}'
            )
        value = match["text"] if match["quote"] else constant(match["word"])
        if match["name"] is None:
            args.append(value)
        else:
            kwargs[match["name"]] = value
        position = match.end()
    return tuple(args), kwargs


def constant(word: str) -> Argument:
    """Return the value of an argument without quotes: a word is a text."""
    if word in CONSTANTS:
        return CONSTANTS[word]
    for number in int, float:
        try:
            return number(word)
        except ValueError:
            continue
    return word


def _refuse(rule: str, position: int) -> NoReturn:
    place = rule[position:]
    if ">" not in place:
        problem = f"{place!r} lacks its '>'"
    else:
        variable = place[: place.index(">") + 1]
        problem = f"{variable!r} is not <name> or <converter:name>"
    raise ValueError(f'"{rule}": {problem} (character {position + 1})')
