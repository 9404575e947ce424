"""``microquart learn``: the exercises, from the command line."""

import sys
from pathlib import Path

import click

COMMANDS = ("check", "hint", "solution", "chapter")


@click.command()
@click.argument("what", required=False, metavar="[EXERCISE|COMMAND]")
@click.argument("name", required=False, metavar="[EXERCISE]")
@click.option(
    "--watch",
    is_flag=True,
    help="With check: check again after each change, until all is right.",
)
@click.option(
    "--again", is_flag=True, help="Begin EXERCISE anew: your copy is lost."
)
def learn(
    what: str | None, name: str | None, watch: bool, again: bool
) -> None:
    """Find and repair a fault in a copy of microquart.

    Without arguments the exercises are listed.  With the name of one, ./learn
    gets a copy of the package, and the symptom is told.  Then there are the
    commands check, hint, solution and chapter, about the exercise that was
    begun last or the one that is named.
    """
    from microquart.learn import session

    if watch and what != "check":
        raise click.UsageError("--watch is for check")
    if again and (what is None or what in COMMANDS):
        raise click.UsageError("--again is for an exercise")
    try:
        now = session.Session(Path.cwd(), click.echo)
        match what:
            case None:
                code = now.overview()
            case "check":
                code = now.check(name, watch)
            case "hint":
                code = now.hint(name)
            case "solution":
                code = now.solution(name)
            case "chapter":
                code = now.chapter(name)
            case _:
                if name is not None:
                    raise session.Mistake(
                        f"{what!r} is no command; there are "
                        f"{', '.join(COMMANDS)}"
                    )
                code = now.begin(what, again)
    except session.Mistake as error:
        raise click.ClickException(str(error)) from None
    sys.exit(code)
