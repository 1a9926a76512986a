"""Panels of series, whose windows are sets of descriptors."""
