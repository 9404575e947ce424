"""apps.bare by our server, its requests read by httptools.

python tests/bench/serve_httptools.py --port PORT --no-access-log
"""

import argparse
import sys
from pathlib import Path

from apps import bare

from microquart.server.serve import run
from microquart.server.settings import Settings

PACKAGE = Path(__file__).parents[1] / "extending" / "httptools-connection"

if __name__ == "__main__":
    sys.path.insert(0, str(PACKAGE))
    from httptools_connection import HttptoolsConnection

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--no-access-log", action="store_true")
    given = parser.parse_args()
    settings = Settings(
        bind=(f"127.0.0.1:{given.port}",), access_log=not given.no_access_log
    )
    protocols = {"http/1.1": HttptoolsConnection}
    sys.exit(run(bare, settings, protocols=protocols))
