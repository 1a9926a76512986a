"""Gaussian mixtures and their sufficient statistics: the one idea of the library."""
