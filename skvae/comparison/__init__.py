"""The parts of the feature comparison; :func:`skvae.compare_features` puts them together."""
