"""Applications for the tests of the module wsgi: one callable each."""

import faulthandler
import gzip
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from wsgiref.validate import validator

STARS = b"*" * 10000


def echo_app(environ, start_response):
    """The program of the bug report, in Python 3."""
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(STARS)))])
    return [STARS]


def environ_app(environ, start_response):
    """What an application sees, a variable a line."""
    text = "".join("%s=%r\n" % pair for pair in sorted(environ.items()))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode("utf-8")]


class Parts:
    """An iterable that tells, in the log, when it was closed."""

    def __init__(self, parts, name):
        self.parts = iter(parts)
        self.name = name

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.parts)

    def close(self):
        print("closed", self.name)


def fail_after(part):
    yield part
    raise ValueError("the second part")


def twice(start_response, flushed):
    write = start_response("200 OK", [("X-First", "1")])
    if flushed:
        write(b"begun ")
    try:
        raise KeyError("once")
    except KeyError:
        start_response("503 Later", [("X-Second", "2")], sys.exc_info())
    return [b"again"]


def upload(environ, start_response):
    total = 0
    while block := environ["wsgi.input"].read(1 << 16):
        total += len(block)
    start_response("200 OK", [])
    return [b"%d" % total]


def lines(environ, start_response):
    source = environ["wsgi.input"]
    seen = [source.readline(), source.readline(3), source.readline(),
            next(source), source.readlines(1), source.read(2),
            source.read(), source.read(), source.readline()]
    start_response("200 OK", [])
    return [repr(seen).encode()]


def count_pieces(parts, start_response, length=None):
    fields = [] if length is None else [("Content-Length", str(length))]
    start_response("200 OK", fields)
    return parts


def wrapped(environ, start_response, whole):
    with open(__file__, "rb") as file:
        text = file.read()
    source = open(__file__, "rb") if whole else io.BytesIO(text)
    source.readline()
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](source, 100)


def kept(environ, start_response):
    """Uses what belongs to the request before."""
    said = []
    for use in (lambda: kept.input.read(), lambda: kept.start("200 OK", [])):
        try:
            use()
        except (AttributeError, RuntimeError) as error:
            said.append(type(error).__name__)
    kept.input, kept.start = environ["wsgi.input"], start_response
    start_response("200 OK", [])
    return [" ".join(said).encode()]


def forked(environ, start_response):
    """The child comes back, as if it were a worker."""
    if os.fork() == 0:
        return [b"the child answers"]
    os.wait()
    start_response("200 OK", [])
    return [b"the parent answers"]


def other_thread(environ, start_response):
    said = []

    def work():
        try:
            start_response("200 OK", [])
        except RuntimeError:
            said.append(b"refused")
        print("from a thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    start_response("200 OK", [])
    return said


def forks(part):
    """A child comes back; the log has what becomes of it."""
    pid = os.fork()
    if pid == 0:
        return part
    print("a child ended with",
          os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return part


class ForkingEnd:
    """The child comes back from one of these."""

    def __init__(self, place):
        self.place = place

    def __iter__(self):
        if self.place == "iter":
            forks(None)
        return self.parts()

    def parts(self):
        yield b"the parent"
        if self.place == "end":
            forks(None)

    def close(self):
        if self.place == "close":
            forks(None)


def exit_in_child(status):
    pid = os.fork()
    if pid == 0:
        if status == "raise":
            raise ValueError("in the child")
        sys.exit(status)
    return b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def without_exception(start_response):
    write = start_response("200 OK", [])
    write(b"begun ")
    start_response("503 Later", [], (None, None, None))
    return []


def recursive(start_response):
    """The objects of the headers call start_response themselves."""
    class Header:
        def __repr__(self):
            start_response("200 OK", [("X-Inner", "1")])
            return "a header"

    start_response("200 OK", [Header()])
    return []


def compressed(environ, start_response):
    """A file of which the descriptor has other bytes than it reads."""
    name = environ["PATH_INFO"].lstrip("/") + ".%d" % os.getpid()
    path = os.path.join(tempfile.gettempdir(), name)
    with gzip.open(path, "wb") as file:
        file.write(b"a text " * 1000)
    source = gzip.open(path, "rb")
    os.unlink(path)
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](source)


def written(environ, start_response, length=None):
    """A file of which a part is still in Python's buffer."""
    file = tempfile.TemporaryFile()
    file.write(b"a text " * 1000)
    file.seek(0)
    file.read(7)
    file.seek(0, 2)
    file.write(b"its end")
    file.seek(7)
    fields = [] if length is None else [("Content-Length", str(length))]
    start_response("200 OK", fields)
    return environ["wsgi.file_wrapper"](file)


def write_for_ever(start_response):
    write = start_response("200 OK", [])
    while True:
        write(STARS)


def streams_of_children(environ, start_response):
    """sys.stdout and sys.stderr are files that child processes can have."""
    for stream in (sys.stdout, sys.stderr):
        subprocess.run(["/bin/true"], stdout=stream, check=True)
    faulthandler.enable()
    faulthandler.disable()
    start_response("200 OK", [])
    return [b"%d %d" % (sys.stdout.fileno(), sys.stderr.fileno())]


def read_meanwhile(environ, start_response):
    """A thread runs while this one waits for the client."""
    def work():
        time.sleep(0.05)
        print("a thread meanwhile")

    threading.Thread(target=work).start()
    return upload(environ, start_response)


WAYS = {
    "/meanwhile": read_meanwhile,
    "/list": lambda e, s: count_pieces([b"a", b"", b"b"], s),
    "/many": lambda e, s: count_pieces([b"ab"] * 1000, s),
    "/none": lambda e, s: count_pieces([], s),
    "/parts": lambda e, s: count_pieces(Parts([b"a", b"", b"b"], "parts"), s),
    "/length": lambda e, s: count_pieces(iter([b"a", b"b"]), s, 2),
    "/head": lambda e, s: count_pieces([], s, 1000),
    "/short": lambda e, s: count_pieces([b"a"], s, 2),
    "/long": lambda e, s: count_pieces([b"abc"], s, 2),
    "/short-parts": lambda e, s: count_pieces(iter([b"a"]), s, 2),
    "/large": lambda e, s: count_pieces(iter([STARS * 100]), s, 1000000),
    "/text": lambda e, s: count_pieces(["text"], s),
    "/object": lambda e, s: count_pieces(17, s),
    "/silent": lambda e, s: [b"no start_response"],
    "/raise": lambda e, s: 1 / 0,
    "/exit": lambda e, s: sys.exit(3),
    "/fail": lambda e, s: count_pieces(Parts(fail_after(b"a"), "fail"), s),
    "/fail-length": lambda e, s: count_pieces(fail_after(b"a"), s, 2),
    "/twice": lambda e, s: twice(s, False),
    "/twice-begun": lambda e, s: twice(s, True),
    "/upload": upload,
    "/lines": lines,
    "/unread": lambda e, s: count_pieces([b"not read"], s),
    "/file": lambda e, s: wrapped(e, s, True),
    "/memory": lambda e, s: wrapped(e, s, False),
    "/kept": kept,
    "/forked": forked,
    "/thread": other_thread,
    "/fork-iter": lambda e, s: count_pieces(ForkingEnd("iter"), s),
    "/fork-end": lambda e, s: count_pieces(ForkingEnd("end"), s),
    "/fork-close": lambda e, s: count_pieces(ForkingEnd("close"), s),
    "/exit/3": lambda e, s: count_pieces([exit_in_child(3)], s),
    "/exit/none": lambda e, s: count_pieces([exit_in_child(None)], s),
    "/exit/words": lambda e, s: count_pieces([exit_in_child("words")], s),
    "/exit/raise": lambda e, s: count_pieces([exit_in_child("raise")], s),
    "/no-exception": lambda e, s: without_exception(s),
    "/recursive": lambda e, s: recursive(s),
    "/two-lengths": lambda e, s: (
        s("200 OK", [("Content-Length", "2"), ("Content-Length", "3")]),
        [b"abc"])[1],
    "/length-twice": lambda e, s: (
        s("200 OK", [("Content-Length", "3"), ("Content-Length", "3")]),
        [b"abc"])[1],
    "/compressed": compressed,
    "/written": written,
    "/written-part": lambda e, s: written(e, s, 70),
    "/written-short": lambda e, s: written(e, s, 70000),
    "/for-ever": lambda e, s: write_for_ever(s),
    "/streams": streams_of_children,
}

STATUSES = {
    "/status/204": ("204 No Content", []),
    "/status/304": ("304 Not Modified", [("ETag", '"a"')]),
    "/status/length/304": ("304 Not Modified", [("Content-Length", "9")]),
    "/status/418": ("418 I'm a teapot, short", []),
    "/status/bad": ("ok", []),
    "/status/999": ("999 Too much", []),
    "/status/100": ("100 Continue", []),
    "/status/101": ("101 Switching Protocols", []),
    "/status/103": ("103 Early Hints", [("X-More", "b")]),
    "/status/split": ("200 OK", [("X-Split", "a\r\nX-More: b")]),
    "/status/hop": ("200 OK", [("Connection", "close")]),
    "/status/wide": ("200 OK", [("X-Wide", "\u20ac")]),
    "/status/latin": ("200 OK", [("X-Latin", "\xe4")]),
    "/status/own": ("200 OK", [("Server", "mine"), ("Date", "never")]),
}


def ways(environ, start_response):
    path = environ["PATH_INFO"]
    if path in STATUSES:
        start_response(*STATUSES[path])
        return [] if path.endswith("4") else [b"content"]
    return WAYS[path](environ, start_response)


class Object:
    """An application is any callable; it may be a method."""

    def method(self, environ, start_response):
        start_response("200 OK", [])
        return [b"a method"]


thing = Object()


def make_app():
    return thing.method


def all_of_it(environ, start_response):
    """Uses everything that PEP 3333 has, for wsgiref.validate."""
    size = len(environ["wsgi.input"].read(4))
    size += len(environ["wsgi.input"].readline())
    size += sum(len(line) for line in environ["wsgi.input"].readlines())
    for line in environ["wsgi.input"]:
        size += len(line)
    environ["wsgi.errors"].write("a word, ")
    environ["wsgi.errors"].writelines(["a line\n"])
    environ["wsgi.errors"].flush()
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"%d bytes;" % size)

    def content():
        yield b" and "
        yield b"more"

    return content()


validated = validator(all_of_it)
validated_stars = validator(echo_app)
