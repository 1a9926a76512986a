"""Tables with a key to sets of descriptors: all rows of a key are one set."""
