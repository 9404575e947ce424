"""Runs the commands of an application as a command line would."""

from collections.abc import Sequence
from typing import Any

from click import Command
from click.testing import CliRunner, Result

from microquart.commands import CommandApplication, ScriptInfo


class QuartCliRunner(CliRunner):
    """``app.test_cli_runner().invoke(args=["create-user", "anna"])``.

    Keywords of the constructor are those of click's CliRunner.
    """

    def __init__(self, app: CommandApplication, **kwargs: Any) -> None:
        self.app = app
        super().__init__(**kwargs)

    def invoke(
        self,
        cli: Command | None = None,
        args: str | Sequence[str] | None = None,
        *args_: Any,
        **kwargs: Any,
    ) -> Result:
        """Run a command, of ``app.cli`` unless another group is given."""
        if "obj" not in kwargs:
            kwargs["obj"] = ScriptInfo(create_app=lambda: self.app)
        return super().invoke(cli or self.app.cli, args, *args_, **kwargs)
