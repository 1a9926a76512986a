"""From the start of a process to the first features of a saved VAE, with and without torch.

``OMP_NUM_THREADS=1 python vae_start.py``: processor seconds of processes that load a pickled model
of the network 784-200-200 and transform one row.
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tables import show

from skvae import VAETransformer

CODE = """
import pickle, sys, time
{extra}
vae, X = pickle.load(open(sys.argv[1], "rb"))
vae.transform(X)
print(time.process_time())
"""
REPEATS = 3


def main():
    X = np.random.default_rng(0).random((200, 784), dtype=np.float32)
    vae = VAETransformer(100, likelihood="bernoulli", max_iter=1).fit(X)
    codes = {
        "numpy alone": CODE.format(extra=""),
        "torch imported": CODE.format(extra="import torch"),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vae.pickle"
        path.write_bytes(pickle.dumps((vae, X[:1])))
        results = {name: [] for name in codes}
        for _ in range(REPEATS):
            for name, code in codes.items():
                command = [sys.executable, "-c", code, path]
                found = subprocess.run(command, check=True, capture_output=True, text=True)
                results[name].append(float(found.stdout))
    show(
        ["process", "least s", "median s"],
        ([name, f"{min(s):.2f}", f"{np.median(s):.2f}"] for name, s in results.items()),
    )


if __name__ == "__main__":
    main()
