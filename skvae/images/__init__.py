"""Images to sets of local descriptors."""
