"""Going through a trace record by record, forwards and backwards."""

import sys
from collections.abc import Iterator

import click

from microquart.xray.record import Record
from microquart.xray.stepping import Stepper, Wanted
from microquart.xray.story import Console
from microquart.xray.vocabulary import Condition

HELP = "Enter next, b back, c to the end, u RECORD until, q quit"


class Walk:
    """Asks for a key at each stop.  ``shown`` are the records to stop at."""

    def __init__(self, stepper: Stepper, shown: Wanted) -> None:
        self.stepper = stepper
        self.shown = shown
        self._told = 0  # records that the teller knows
        self._teller = Console.on(sys.stdout).teller

    def go(self, until: Condition | None, keys: Iterator[str]) -> None:
        """Walk until the keys are used up.

        Raises:
            Exception: what was played has failed.
        """
        try:
            self._forward(until or self.shown)
            for key in keys:
                if not self._obey(key.strip()):
                    break
        finally:
            self.stepper.close()

    def _obey(self, key: str) -> bool:
        """Do what a key says; return whether to ask for another."""
        match key[:1]:
            case "" | "n":
                self._forward(self.shown)
            case "b":
                self._back()
            case "c":
                self._forward(lambda record: False)
            case "u":
                self._until(key[1:].strip())
            case "q":
                return False
            case _:
                click.echo(HELP)
        return True

    def _forward(self, wanted: Wanted) -> None:
        if self.stepper.over:
            self._end()
            return
        record = self.stepper.next(wanted)
        self._tell()
        if record is None:
            self._end()

    def _end(self) -> None:
        click.echo(f"-- the end, after {len(self.stepper.records)} records --")

    def _until(self, text: str) -> None:
        try:
            wanted = Condition(text)
        except ValueError as error:
            click.echo(str(error))
            return
        self._forward(wanted)

    def _back(self) -> None:
        record = self.stepper.back(self.shown)
        self._teller = Console.on(sys.stdout).teller
        self._told = 0
        click.echo(f"-- back to record {len(self.stepper.records)} --")
        self._tell(record)

    def _tell(self, one: Record | None = None) -> None:
        """Say the records that are new, or only one of them."""
        for record in self.stepper.records[self._told :]:
            # All of them: the teller counts what has begun and not ended.
            lines = [*self._teller.lines(record)]
            if record is one or (one is None and self.shown(record)):
                click.echo("\n".join(lines))
        self._told = len(self.stepper.records)


def typed() -> Iterator[str]:
    """Yield keys of a terminal as they are pressed, else lines."""
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    click.echo(HELP)
    while True:
        key = click.getchar()
        if key in ("\x04", "\x1b"):  # Ctrl-D, Escape
            return
        yield f"u {click.prompt('until')}" if key == "u" else key
