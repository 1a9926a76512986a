"""Fisher vectors of Gaussian mixtures."""
