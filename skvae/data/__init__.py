"""Rows and files, wherever they lie."""
