"""Step 1: a socket, and an answer that was typed by hand."""

import socket
import sys

RESPONSE = b"""\
HTTP/1.1 200 OK\r
content-type: text/plain\r
content-length: 7\r
connection: close\r
\r
Hello!
"""


def serve(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        port = listener.getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", flush=True)
        while True:
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(RESPONSE)


if __name__ == "__main__":
    serve(int(sys.argv[1]) if sys.argv[1:] else 8000)
