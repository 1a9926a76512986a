"""Memory of Fisher vectors of images in files, which are read one at a time.

``python image_files_memory.py`` writes colour PNGs of 600 x 450 pixels into a temporary folder,
and prints how many megabytes ``fit`` and ``transform`` of 50 and 500 of them take at most,
above what the process had before: each number of files and of threads in a process of its own.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import tables

SIZE = (450, 600, 3)
DISTINCT = 10  # the others are hard links, which nobody who reads them can tell


def write(folder, n):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / f"{i:04}.png"
        if i >= DISTINCT:
            path.hardlink_to(folder / f"{i % DISTINCT:04}.png")
            continue
        small = rng.integers(0, 256, (SIZE[0] // 25, SIZE[1] // 25, 3), np.uint8)
        image = Image.fromarray(small).resize(SIZE[1::-1], Image.Resampling.BICUBIC)
        image.save(path, compress_level=1)


def peak(folder, n, n_jobs, queue):
    from skvae import FisherVectorEncoder, ImagePatches

    encoder = FisherVectorEncoder(
        8,
        extractor=ImagePatches(7, stride=12),
        max_descriptors=20_000,
        n_jobs=n_jobs,
        random_state=0,
    )
    paths = sorted(folder.glob("*.png"))[:n]
    encoder.fit(paths[:2])  # imports, and threads
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    vectors = encoder.fit_transform(paths)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(vectors) == n
    queue.put((before / 1e3, after / 1e3, seconds))


def rows(folder, n_jobs, numbers):
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    for jobs in n_jobs:
        for n in numbers:
            process = context.Process(target=peak, args=(folder, n, jobs, queue))
            process.start()
            before, after, seconds = queue.get()
            process.join()
            in_memory = n * np.prod(SIZE) * 4 / 1e6
            yield jobs, n, f"{in_memory:,.0f}", f"{before:.0f}", f"{after:.0f}", f"{seconds:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="+", type=int, default=[50, 500])
    parser.add_argument("--jobs", nargs="+", type=int, default=[1, 2])
    arguments = parser.parse_args()
    header = ["threads", "files", "MB as float32", "peak of 2 files, MB", "peak, MB", "seconds"]
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), max(arguments.files))
        tables.show(header, rows(Path(name), arguments.jobs, arguments.files))


if __name__ == "__main__":
    main()
