"""What makes a worker large: 200 MB that it has written to."""

ballast = bytearray(b"*") * (200 << 20)


def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []
