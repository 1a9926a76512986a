"""Millions of descriptors that stay on disk: memory, time against their number, stepwise EM.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 SKVAE_DATA_HOME=... python fisher_out_of_core.py``, about
half an hour and 4 GB of disk; ``-n 1000000`` for a trial. ``--table scale -n 100000000`` is one row
of that table, about ten minutes and 26 GB of disk; ``--table peers -n 1000000`` has those that want
all descriptors in memory. Linux: memory is read from /proc.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
from fisher_peers import (
    c_library,
    encoder,
    fit,
    fit_scikit_learn,
    fit_vlfeat,
    installed_peers,
    problem,
    start,
)
from interleaved import clock
from mnist import mnist
from sklearn.decomposition import PCA
from tables import show

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches

PATCH_SIZE, N_DIMS, N_COMPONENTS = 7, 20, 64
BATCH_SIZES = (5_000, 10_000)
PASSES = (1, 3)
IMAGES_AT_A_TIME = 400
BLOCK_ROWS = 100_000
SET_ROWS = 500
SCALE = 64, 256  # D, K of the tables of scale and peers
IN_MEMORY = 1_000_000  # descriptors of the latter, at most
TABLES = ["speed", "memory", "scale", "peers"]
DRAWN_ROWS = 1_000_000  # of a file in which they come again and again


class FileBlocks:
    """Re-iterable blocks of a file, read without mapping it."""

    def __init__(self, path):
        self.path = path

    def __iter__(self):
        shape = np.load(self.path, mmap_mode="r").shape
        with open(self.path, "rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            for _ in range(0, shape[0], BLOCK_ROWS):
                block = np.fromfile(file, np.float32, BLOCK_ROWS * shape[1])
                yield block.reshape(-1, shape[1])


def mapped(path):
    return np.load(path, mmap_mode="r")


def write_blobs(path, n, d=64):
    """Random descriptors around a few centers."""
    rng = np.random.default_rng(0)
    centers = 2 * rng.normal(size=(100, d)).astype(np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    for first in range(0, n, BLOCK_ROWS):
        rows = out[first : first + BLOCK_ROWS]
        rows[:] = rng.standard_normal(rows.shape, np.float32)
        rows += centers[rng.integers(0, len(centers), len(rows))]


def write_normal(path, n):
    """Rows of a normal distribution, the first of them again and again."""
    d = SCALE[0]
    out = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    drawn = np.random.default_rng(0).standard_normal((min(n, DRAWN_ROWS), d), np.float32)
    for first in range(0, n, DRAWN_ROWS):
        rows = out[first : first + DRAWN_ROWS]
        rows[:] = drawn[: len(rows)]


def write_patches(path, n):
    """Reduced patches of MNIST, image after image."""
    X = mnist("train")[0]
    X = X[np.random.default_rng(0).permutation(len(X))]
    extractor = ImagePatches(patch_size=PATCH_SIZE).fit(X)

    def patches(first):
        sets = np.asarray(extractor.transform(X[first : first + IMAGES_AT_A_TIME]))
        return sets.reshape(-1, PATCH_SIZE**2)

    reducer = PCA(N_DIMS, random_state=0).fit(patches(0))
    out = np.lib.format.open_memmap(path, "w+", np.float32, (n, N_DIMS))
    done = 0
    for first in range(0, len(X), IMAGES_AT_A_TIME):
        rows = reducer.transform(patches(first))[: n - done]
        out[done : done + len(rows)] = rows
        done += len(rows)
    if done < n:
        raise ValueError(f"MNIST has {done} patches, fewer than n={n}.")


def mapped_sets(path):
    X = mapped(path)
    return X.reshape(-1, SET_ROWS, X.shape[1])


def listed_sets(path):
    return list(mapped_sets(path))


def read_block(path, i):
    """The i-th block of a file, as sets that lie in memory."""
    return mapped_sets(path)[i * BLOCK_ROWS // SET_ROWS :][: BLOCK_ROWS // SET_ROWS].copy()


def dask_blocks(path):
    import dask

    read = dask.delayed(read_block)
    return [read(path, i) for i in range(len(mapped(path)) // BLOCK_ROWS)]


def dask_array(path):
    import dask.array as da

    shape = (BLOCK_ROWS // SET_ROWS, SET_ROWS, mapped(path).shape[1])
    return da.concatenate([da.from_delayed(b, shape, np.float32) for b in dask_blocks(path)])


def dask_bag(path):
    import dask
    import dask.bag as db

    return db.from_delayed([dask.delayed(list)(block) for block in dask_blocks(path)])


def memory(name):
    """MB of this process, by the name of a field."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields[name].split()[0]) / 1024


def watched(send, function, args):
    """Run a function; the kernel keeps the peak of all memory, a thread looks at the anonymous."""
    Path("/proc/self/clear_refs").write_bytes(b"5")  # forget the peak of the imports
    resident, anonymous = memory("VmRSS"), memory("RssAnon")
    peak, running = anonymous, True

    def watch():
        nonlocal peak
        while running:
            peak = max(peak, memory("RssAnon"))
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = function(*args)
    finally:
        running = False
        watcher.join()
    send.send((result, (memory("VmHWM") - resident, peak - anonymous)))


def in_child(function, *args):
    """Result of a function in a process of its own, and its peak (resident, anonymous) MB."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=watched, args=(send, function, args))
    child.start()
    send.close()
    result = receive.recv()
    child.join()
    return result


def timed_fit(read, path, settings):
    """(mixture, processor seconds) of a fit."""
    X = read(path)
    start = time.process_time()
    settings = {"n_components": N_COMPONENTS, "random_state": 0} | settings
    mixture = DiagonalGaussianMixture(**settings).fit(X)
    return mixture, time.process_time() - start


def timed_encode(read, path, mixture):
    """Processor seconds of the Fisher vector of a whole file."""
    encoder = FisherVectorEncoder(mixture=mixture).fit(mapped(path)[:1000].copy()[None])
    start = time.process_time()
    encoder.encode(read(path))
    return time.process_time() - start


def timed_iteration(fit, path, mixture):
    """Processor seconds of the second iteration, all descriptors in memory."""
    X = np.load(path)
    return clock(partial(fit, X, mixture, 2)) - clock(partial(fit, X, mixture, 1))


def timed_encoding(prepare, path, mixture):
    """Processor seconds of the Fisher vector of a file that is in memory."""
    X, encode = np.load(path), prepare()(mixture)
    return clock(partial(encode, X, improved=True))


def timed_encoder(sets, path, mixture):
    """Processor seconds of the fit of an encoder to sets."""
    X = sets(path)
    encoder = FisherVectorEncoder(mixture=mixture, random_state=0)
    start = time.process_time()
    encoder.fit(X)
    return time.process_time() - start


def memory_rows(path):
    few = {"max_iter": 2, "tol": 0}
    cases = {
        "EM, memory map": (timed_fit, mapped, path, few),
        "EM, iterable of blocks": (timed_fit, FileBlocks, path, few),
        "stepwise EM, memory map": (timed_fit, mapped, path, few | {"batch_size": 10_000}),
        "stepwise EM, iterable": (timed_fit, FileBlocks, path, few | {"batch_size": 10_000}),
    }
    for name, case in cases.items():
        (mixture, seconds), peak = in_child(*case)
        yield memory_row(name, mixture.n_iter_, seconds, peak)
    for name, read in {"memory map": mapped, "iterable of blocks": FileBlocks}.items():
        seconds, peak = in_child(timed_encode, read, path, mixture)
        yield memory_row(f"encode, {name}", 1, seconds, peak)
    for name, sets in {
        "3-D memory map": mapped_sets,
        "list of memory maps": listed_sets,
        "3-D dask array": dask_array,
        "dask bag": dask_bag,
    }.items():
        seconds, peak = in_child(timed_encoder, sets, path, mixture)
        yield memory_row(f"encoder's fit, {name}", "", seconds, peak)


def memory_row(name, passes, seconds, peak):
    return [name, passes, f"{seconds:.0f}", f"{peak[0]:.0f}", f"{peak[1]:.0f}"]


def scale_rows(path):
    """Encoding, and a fit of one iteration: it looks at the descriptors first, for a floor."""
    n, (d, k) = len(mapped(path)), SCALE
    _, mixture = problem(1, d, k=k)
    settings = {"n_components": k, "tol": 0, "max_iter": 1} | start(mixture, np.float64)
    seconds, peak = in_child(timed_encode, mapped, path, mixture)
    yield scale_row(n, "encode", seconds, peak)
    (_, seconds), peak = in_child(timed_fit, mapped, path, settings)
    yield scale_row(n, "fit of one iteration", seconds, peak)


def scale_row(n, work, seconds, peak):
    gigabytes = 4e-9 * n * SCALE[0]
    times = f"{seconds:.1f}", f"{1e6 * seconds / n:.2f}"
    return [f"{n:,}", f"{gigabytes:.1f}", work, *times, *(f"{mb:.0f}" for mb in peak)]


def peer_rows(path):
    _, mixture = problem(1, SCALE[0], k=SCALE[1])
    cases = {
        "iteration, skvae": (timed_iteration, fit),
        "iteration, scikit-learn": (timed_iteration, fit_scikit_learn),
        "encode, skvae": (timed_encoding, skvae_encoder),
    }
    if "VLFeat" in installed_peers():
        cases["iteration, VLFeat"] = (timed_iteration, fit_vlfeat)
        cases["encode, VLFeat"] = (timed_encoding, c_library)
    for name, (timed, work) in cases.items():
        seconds, peak = in_child(timed, work, path, mixture)
        yield [name, f"{seconds:.1f}", f"{peak[0]:,.0f}"]


def skvae_encoder():
    return lambda mixture: lambda X, improved: encoder(mixture).encode(X)


def speed_rows(path):
    (em, base), _ = in_child(timed_fit, mapped, path, {})
    reached = em.score(mapped(path))
    yield ["EM", em.n_iter_, f"{reached:.3f}", "", f"{base:.0f}", ""]
    for size in BATCH_SIZES:
        for passes in PASSES:
            settings = {"batch_size": size, "max_iter": passes}
            (mixture, seconds), _ = in_child(timed_fit, mapped, path, settings)
            score = mixture.score(mapped(path))
            yield [
                f"batches of {size:,}",
                mixture.n_iter_,
                f"{score:.3f}",
                f"{score / reached - 1:+.2%}",
                f"{seconds:.0f}",
                f"{seconds / base:.3f}",
            ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=TABLES, nargs="+", default=TABLES, help="or all")
    parser.add_argument("-n", type=int, default=10_000_000, help="descriptors")
    parser.add_argument("--folder", default=None, help="where the files are made for a while")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "X.npy"
        if "speed" in arguments.table:
            write_patches(path, arguments.n)
            show(
                ["fit", "passes", "log-likelihood", "of EM's", "processor s", "share of EM's"],
                speed_rows(path),
            )
        if "memory" in arguments.table:
            write_blobs(path, arguments.n)
            show(
                ["work", "passes", "processor s", "peak MB above imports", "of that anonymous"],
                memory_rows(path),
            )
        if "scale" in arguments.table:
            write_normal(path, arguments.n)
            times = ["processor s", "us a descriptor"]
            peaks = ["peak MB above imports", "of that anonymous"]
            show(["descriptors", "GB", "work", *times, *peaks], scale_rows(path))
        if "peers" in arguments.table:
            write_normal(path, min(arguments.n, IN_MEMORY))
            show(["work", "processor s", "peak MB above imports"], peer_rows(path))


if __name__ == "__main__":
    main()
