"""The program of the bug report, for the measurements: t/bench/run wsgi."""

import sys


def echo_app(environ, start_response):
    n = 10000
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(n))])
    return [b"*" * n]


application = echo_app

if __name__ == "__main__":
    from paste import httpserver
    httpserver.serve(echo_app, port=sys.argv[1],
                     host=sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1",
                     threadpool_workers=max(10, int(sys.argv[2])),
                     protocol_version="HTTP/1.1")
