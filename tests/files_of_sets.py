"""Sets in files, which other processes import too."""

import numpy as np


class Files:
    """One file a set, read when it is asked for."""

    def __init__(self, sets, folder):
        self.paths = [folder / f"{i}.npy" for i in range(len(sets))]
        for path, s in zip(self.paths, sets, strict=True):
            np.save(path, s)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return np.load(self.paths[i])
