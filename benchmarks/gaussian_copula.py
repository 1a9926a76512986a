"""Densities of rows by a Gaussian copula of the package ``pyvinecopulib`` (1.0)."""

import numpy as np
from scipy.stats import norm
from sklearn.preprocessing import OneHotEncoder

from skvae.table_recipes import kinds_of

__all__ = ["GaussianCopula"]


class GaussianCopula:
    """Columns of any distribution, each two of which depend on each other as normal ones do.

    Numbers have a kernel density, with a hundredth of a wide normal one since it ends somewhere,
    and categories their shares, in the order in which the first principal component of zeros and
    ones has them: a copula needs one. The copula is a vine of Gaussian pairs, which knows how to
    count what is discrete. Rows with holes have no density: it is NaN.
    """

    wide = 0.01

    def fit(self, table):
        import pyvinecopulib as vines

        self.numbers, self.categories = kinds_of(table)
        numbers = table[self.numbers].to_numpy(float)
        self.means, self.scales = np.nanmean(numbers, axis=0), np.nanstd(numbers, axis=0)
        self.densities = [vines.Kde1d().fit(column) for column in numbers.T]
        self.one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        self._order(numbers, self.one_hot.fit_transform(table[self.categories]))
        kinds = ["c"] * len(self.numbers) + ["d"] * len(self.categories)
        controls = vines.FitControlsVinecop(family_set=[vines.gaussian])
        _, u = self._uniform(table)
        self.vine = vines.Vinecop.from_data(u, controls=controls, var_types=kinds)
        return self

    def score_samples(self, table):
        """Log-density of rows, (n,), in nats and in the units of numbers."""
        log_p, u = self._uniform(table)
        return log_p.sum(axis=1) + self.vine.logpdf(u)

    def _order(self, numbers, indicators):
        """Put the categories of each column in order, and count them."""
        scaled = np.nan_to_num((numbers - self.means) / self.scales)
        rows = np.hstack([scaled, indicators - indicators.mean(axis=0)])
        axis = np.linalg.svd(rows, full_matrices=False)[2][0, len(self.numbers) :]
        ends = np.cumsum([len(known) for known in self.one_hot.categories_])[:-1]
        self.orders = [np.argsort(part) for part in np.split(axis, ends)]
        counts = [part.sum(axis=0) + 1 for part in np.split(indicators, ends, axis=1)]
        self.shares = [n[order] / n.sum() for n, order in zip(counts, self.orders, strict=True)]

    def _uniform(self, table):
        """Log-density of each cell, and where it lies in its column: from 0 to 1, both ends."""
        x = table[self.numbers].to_numpy(float)
        tail = norm(self.means, 3 * self.scales)
        kernel = [density.pdf(c) for density, c in zip(self.densities, x.T, strict=True)]
        below = [density.cdf(c) for density, c in zip(self.densities, x.T, strict=True)]
        p = (1 - self.wide) * np.array(kernel).T + self.wide * tail.pdf(x)
        u = (1 - self.wide) * np.array(below).T + self.wide * tail.cdf(x)
        of_categories = [self._of_category(table, i) for i in range(len(self.categories))]
        share, high, low = np.array(of_categories).reshape(-1, 3, len(x)).transpose(1, 2, 0)
        return np.log(np.hstack([p, share])), np.hstack([u, high, low]).clip(0, 1)

    def _of_category(self, table, i):
        """Share of a row's category, and that of all up to it and below it; NaN for unknown."""
        known = list(self.one_hot.categories_[i][self.orders[i]])
        places = [known.index(v) if v in known else -1 for v in table[self.categories[i]]]
        ends = np.append(np.cumsum(self.shares[i]), np.nan)
        shares = np.append(self.shares[i], np.nan)[places]
        return shares, ends[places], ends[places] - shares
