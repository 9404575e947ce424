"""The first bytes of HTTP/2, which tell it from HTTP/1.1."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, 3.4
