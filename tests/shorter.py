"""Code of examples and pages, of which tests ask that it runs, not what its models learn."""

import re

__all__ = ["shorter"]


def shorter(code: str) -> str:
    """The same code with few epochs, images and descriptors, unless it asserts something."""
    if "assert " in code:
        return code
    code = re.sub(r"max_iter=\d{2,}", "max_iter=4", code)
    code = re.sub(r"\bn_images = \d+", "n_images = 150", code)

    return re.sub(r"\breducer=PCA\(", "max_descriptors=3000, reducer=PCA(", code)
