"""Code of examples and pages, of which tests ask that it runs, not what its models learn."""

import re

__all__ = ["shorter"]

ALL_DIGITS = "X, y = load_digits(return_X_y=True)"


def shorter(code: str) -> str:
    """The same code with few epochs, images and descriptors, unless it asserts something."""
    if "assert " in code:
        return code
    code = re.sub(r"max_iter=\d{2,}", "max_iter=4", code)  # vae__max_iter too
    code = re.sub(r"\bn_images = \d+", "n_images = 150", code)

    if re.search(r"train_test_split\(\s*X\b", code):  # parts of any size, of fewer images
        code = code.replace(ALL_DIGITS, f"{ALL_DIGITS}; X, y = X[::3], y[::3]")
        code = re.sub(r"\b(test_size|train_size)=\d{3,}", r"\1=0.5", code)
        code = re.sub(r"\bsizes = \[20,.*\]", "sizes = [20, 50, 100]", code)
    code = code.replace('"reducer": PCA(', '"max_descriptors": 3000, "reducer": PCA(')

    return re.sub(r"\breducer=PCA\(", "max_descriptors=3000, reducer=PCA(", code)
