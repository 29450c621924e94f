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


def start_thread():
    def work():
        while True:
            start_thread.count += 1
            time.sleep(0.001)

    if not hasattr(start_thread, "count"):
        start_thread.count = 0
        threading.Thread(target=work, daemon=True).start()
    return str(start_thread.count)


def write_file():
    try:
        with open(os.environ["TINED_TEST_FILE"], "w") as file:
            file.write("written")
    except OSError as error:
        return error.strerror
    return "written"


WAYS = {
    "/well": lambda: "%d %d" % (LOADED_BY, os.getpid()),
    "/spin": spin,
    "/crash": crash,
    "/sleep": hang_in_sleep,
    "/hang-thread": hang_in_thread,
    "/hoard": hoard_more,
    "/children": start_children,
    "/signal": take_signal,
    "/thread": start_thread,
    "/write": write_file,
    "/leave": lambda: os._exit(9),
    "/stdout": lambda: (print("to stdout"), print("to stderr", file=sys.stderr),
                        "said")[2],
}


def app(environ, start_response):
    text = WAYS[environ["PATH_INFO"]]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(text).encode()]


def stalling(environ, start_response):
    start_response("200 OK", [])
    yield b"begun"
    spin()
