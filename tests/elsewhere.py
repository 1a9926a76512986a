"""Code in another thread, or in another process."""

import os
import subprocess
import sys
import threading

__all__ = ["in_thread", "printed_by"]


def in_thread(function, *args):
    """What a function returns in a new thread."""
    out = []
    thread = threading.Thread(target=lambda: out.append(function(*args)))
    thread.start()
    thread.join()
    return out[0]


def printed_by(code, **environment):
    """What a new process with these variables prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
