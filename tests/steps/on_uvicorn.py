"""A program: the App of a step on uvicorn.

python on_uvicorn.py STEP
"""

import socket
import sys

import uvicorn

with socket.create_server(("127.0.0.1", 0)) as listener:
    port = listener.getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    config = uvicorn.Config(f"{sys.argv[1]}:app", log_level="warning")
    uvicorn.Server(config).run([listener])
