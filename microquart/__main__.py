"""``python -m microquart`` is ``microquart``."""

from microquart.cli import main

main(prog_name="microquart")
