"""Sets that are read when they are asked for: the memory of encoders on five gigabytes of them.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python sets_from_files.py write --folder DIR``, then
``measure --folder DIR`` and ``show``: half an hour and 20 GB of disk. ``measure --form generated``
needs no ``write``. What was measured is kept in ``results/`` and not measured again. h5py and zarr
have to be installed for their forms. Linux: memory is read from /proc.
"""

import argparse
import time
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from fisher_out_of_core import in_child
from records import append, read
from tables import show

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    VLADEncoder,
)

N_SETS, SIZES, D, N_COMPONENTS = 2_500, (2_000, 14_001), 64, 16
POOL = 50_000  # descriptors that all sets are cut from, each shifted
NAME = "sets-from-files"
METHODS = ["fit", "transform"]


@cache
def sizes():
    return np.random.default_rng(0).integers(*SIZES, N_SETS)


@cache
def pool():
    return np.random.default_rng(1).standard_normal((POOL, D), np.float32)


class Generated:
    """Sets that are computed."""

    def __init__(self, folder):
        pass

    def __len__(self):
        return N_SETS

    def __getitem__(self, i):
        first = np.random.default_rng(i).integers(POOL - SIZES[1])
        return pool()[first : first + sizes()[i]] + np.float32(i % 7)


class Files:
    """One file a set."""

    def __init__(self, folder):
        self.folder = folder / "npy"

    def __len__(self):
        return N_SETS

    def __getitem__(self, i):
        return np.load(self.folder / f"{i}.npy")


def write_files(sets, folder):
    (folder / "npy").mkdir(exist_ok=True)
    for i in range(N_SETS):
        np.save(folder / "npy" / f"{i}.npy", sets[i])


def archive(folder):
    return np.load(folder / "sets.npz").values()


def write_archive(sets, folder):
    import zipfile

    with zipfile.ZipFile(folder / "sets.npz", "w") as file:
        for i in range(N_SETS):
            with file.open(f"{i}.npy", "w") as member:
                np.lib.format.write_array(member, sets[i])


def h5py_datasets(folder):
    import h5py

    file = h5py.File(folder / "sets.h5")
    return [file[str(i)] for i in range(N_SETS)]


def write_h5py(sets, folder):
    import h5py

    with h5py.File(folder / "sets.h5", "w") as file:
        for i in range(N_SETS):
            file[str(i)] = sets[i]


def zarr_arrays(folder):
    import zarr

    group = zarr.open_group(folder / "sets.zarr", mode="r")
    return [group[str(i)] for i in range(N_SETS)]


def write_zarr(sets, folder):
    import zarr

    group = zarr.open_group(folder / "sets.zarr", mode="w")
    for i in range(N_SETS):
        group.create_array(str(i), data=sets[i])


# What reads sets, and what writes them.
FORMS = {
    "generated": (Generated, None),
    "one .npy file a set": (Files, write_files),
    "npz": (archive, write_archive),
    "h5py, a dataset a set": (h5py_datasets, write_h5py),
    "zarr, an array a set": (zarr_arrays, write_zarr),
}
ENCODERS = {
    "FisherVectorEncoder": lambda **settings: FisherVectorEncoder(
        mixture=DiagonalGaussianMixture(N_COMPONENTS, max_iter=10, tol=1), **settings
    ),
    "VLADEncoder": lambda **settings: VLADEncoder(N_COMPONENTS, **settings),
    "BagOfVisualWordsEncoder": lambda **settings: BagOfVisualWordsEncoder(N_COMPONENTS, **settings),
}


def encoder(name, n_jobs):
    return ENCODERS[name](max_descriptors=100_000, random_state=0, n_jobs=n_jobs)


def work(form, folder, name, method, n_jobs):
    """(wall seconds, a sum that tells vectors apart) of a call."""
    X = FORMS[form][0](folder)
    fitted = encoder(name, n_jobs)
    if method == "transform":
        generated = Generated(folder)
        fitted.fit([generated[i] for i in range(0, N_SETS, 500)])
    start = time.perf_counter()
    found = getattr(fitted, method)(X)
    vectors = found if method == "transform" else found.transform([next(iter(X))])
    return time.perf_counter() - start, float(np.abs(vectors, dtype=np.float64).sum())


def measure(form, folder, name, method, n_jobs):
    case = {"form": form, "encoder": name, "method": method, "n_jobs": n_jobs}
    if any(case.items() <= record.items() for record in read(NAME)):
        return
    (seconds, total), (resident, anonymous) = in_child(work, form, folder, name, method, n_jobs)
    found = {"seconds": seconds, "sum": total, "peak": resident, "anonymous": anonymous}
    print(case | found, flush=True)
    append(NAME, case | found)


def table():
    columns = ["form", "encoder", "method", "n_jobs", "peak", "anonymous", "seconds"]
    rows = [
        [f"{r[c]:.0f}" if isinstance(r[c], float) else r[c] for c in columns] for r in read(NAME)
    ]
    return columns, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["write", "measure", "show"])
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--form", choices=FORMS, nargs="+", default=list(FORMS))
    parser.add_argument("--encoder", choices=ENCODERS, nargs="+", default=list(ENCODERS)[:1])
    parser.add_argument("--method", choices=METHODS, nargs="+", default=METHODS)
    parser.add_argument("--n-jobs", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    if options.task == "show":
        show(*table())
        return
    for form in options.form:
        if options.task == "write":
            if FORMS[form][1] is not None:
                FORMS[form][1](Generated(None), options.folder)
            continue
        for name, method, n_jobs in product(options.encoder, options.method, options.n_jobs):
            measure(form, options.folder, name, method, n_jobs)


if __name__ == "__main__":
    main()
