"""What becomes of a worker by its application: for t/0952-wsgi-life.t."""

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

LOADED_BY = os.getpid()
hoard = []
forks = []
os.register_at_fork(before=lambda: forks.append("before"),
                    after_in_child=lambda: forks.append("child"),
                    after_in_parent=lambda: forks.append("parent"))


def say_goodbye():
    print("atexit in", os.getpid())


atexit.register(say_goodbye)


def spin():
    while True:
        pass


def crash():
    ctypes.string_at(0)


def hang_in_sleep():
    time.sleep(3600)


def hang_in_thread():
    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    thread.join()


def hoard_more():
    hoard.append(b"x" * (4 << 20))
    return str(len(hoard))


def start_children():
    out = subprocess.run(["/bin/echo", "a child"], capture_output=True,
                         check=True).stdout
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    return "%s %d" % (out.decode().strip(),
                      os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def take_signal():
    seen = []
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    return str(seen == [signal.SIGUSR1])


class Counter(threading.Thread):
    """A thread that goes on between requests."""
    count = 0

    def run(self):
        while True:
            self.count += 1
            time.sleep(0.001)


def start_thread():
    if not hasattr(start_thread, "counter"):
        start_thread.counter = Counter(daemon=True)
        start_thread.counter.start()
    return str(start_thread.counter.count)


class SigEvent(ctypes.Structure):
    """struct sigevent (sigevent(7)); the rest of it is not used."""
    _fields_ = [("value", ctypes.c_void_p), ("signo", ctypes.c_int),
                ("notify", ctypes.c_int), ("function", ctypes.c_void_p),
                ("rest", ctypes.c_char * 64)]


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def when_time_has_come(value):
    print("by a thread of the C library")


def start_timer():
    """Later, a thread that Python does not know calls Python."""
    libc = ctypes.CDLL(None)
    timer = ctypes.c_void_p()
    event = SigEvent(notify=2, function=ctypes.cast(when_time_has_come,
                                                    ctypes.c_void_p))
    when = (ctypes.c_long * 4)(0, 0, 0, 300 * 1000 * 1000)
    return "%d %d" % (libc.timer_create(1, ctypes.byref(event),
                                        ctypes.byref(timer)),
                      libc.timer_settime(timer, 0, when, None))


def hang_with_signals():
    """This signal is the application's own."""
    signal.signal(signal.SIGRTMAX,
                  lambda number, frame: print("signal", number))
    os.kill(os.getpid(), signal.SIGRTMAX)
    spin()


def write_file():
    try:
        with open(os.environ["TINED_TEST_FILE"], "w") as file:
            file.write("written")
    except OSError as error:
        return error.strerror
    return "written"


WAYS = {
    "/a.txt": lambda: "a\n",
    "/well": lambda: "%d %d" % (LOADED_BY, os.getpid()),
    "/spin": spin,
    "/crash": crash,
    "/sleep": hang_in_sleep,
    "/hang-thread": hang_in_thread,
    "/hoard": hoard_more,
    "/children": start_children,
    "/signal": take_signal,
    "/thread": start_thread,
    "/signals": hang_with_signals,
    "/timer": start_timer,
    "/forks": lambda: " ".join(forks),
    "/write": write_file,
    "/leave": lambda: os._exit(9),
    "/long": lambda: print("begin", "x" * 12000, "end"),
    "/stdout": lambda: (print("to stdout"), print("to stderr", file=sys.stderr),
                        "said")[2],
}


LARGE = b"*" * (10 << 20)


def large(start_response, content, *fields):
    start_response("200 OK", list(fields))
    return content


LARGE_WAYS = {
    "/large": lambda s: large(s, [LARGE]),
    "/pieces": lambda s: large(s, [LARGE[:1 << 20]] * 10),
    "/declared": lambda s: large(s, iter([LARGE]),
                                 ("Content-Length", str(len(LARGE)))),
}


def app(environ, start_response):
    if environ["PATH_INFO"] in LARGE_WAYS:
        return LARGE_WAYS[environ["PATH_INFO"]](start_response)
    text = WAYS[environ["PATH_INFO"]]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(text).encode()]


def events(environ, start_response):
    """Parts, or empty ones behind the first, for as long as the query says."""
    part = b"." if environ["PATH_INFO"] == "/parts" else b""
    start_response("200 OK", [])
    yield b"begun"
    end = time.monotonic() + float(environ["QUERY_STRING"])
    while time.monotonic() < end:
        time.sleep(0.1)
        yield part
    yield b"ended"


def stalling(environ, start_response):
    start_response("200 OK", [])
    yield b"begun"
    spin()
