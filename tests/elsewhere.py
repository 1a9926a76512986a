"""Code in another thread, or in another process: a new one, or one forked from a server.

A new process imports torch, scikit-learn and skvae for four seconds. A server that has imported
them once forks its processes in milliseconds. What is asked about imports, or about what
libraries read when they are imported, needs a new process.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

__all__ = ["fork_server", "forked", "in_thread", "printed_by", "printed_by_a_fork"]

IMPORTED = ["skvae.vae.training.fit", "skvae.cli.main", "sklearn.datasets", "matplotlib.figure"]


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
        timeout=180,  # a busy machine needs more than a minute
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fork_server():
    """The server, which runs from now on; processes are spawned where there is none."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    multiprocessing.forkserver.ensure_running()
    return context


def forked(code, folder, out="out", err="err", **environment):
    """A process that runs code in a folder and writes what it prints into files there.

    A file may be a pipe that has a name.
    """
    args = code, folder, out, err, {**os.environ, **environment}
    process = fork_server().Process(target=_run, args=args, daemon=True)
    process.start()
    return process


def printed_by_a_fork(code, **environment):
    """What a forked process with these variables prints."""
    with TemporaryDirectory() as folder:
        process = forked(code, folder, **environment)
        process.join(120)
        assert process.exitcode == 0, Path(folder, "err").read_text("utf-8")
        return Path(folder, "out").read_text("utf-8")


def _run(code, folder, out, err, environment):
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for name, number in ((out, 1), (err, 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
    # The server's own stream knows another file.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    np.random.seed()  # forks have one state, which new processes have not
    exec(code, {"__name__": "__main__"})
