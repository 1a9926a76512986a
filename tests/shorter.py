"""Code of examples and pages, of which tests ask that it runs, not what its models learn."""

import re

__all__ = ["shorter"]

LESS = {
    r"max_iter=\d{2,}": "max_iter=4",  # vae__max_iter too
    r"\bcv=[3-9]": "cv=2",
    r"\bn_draws=5": "n_draws=2",
    r"\bn_images = \d+": "n_images = 60",
    r"\bn = 500 if": "n = 120 if",
    r"\bdata\.n_train : len\(X\)": "data.n_train : data.n_train + 60",
    r"\bimages\[:200\]": "images[:60]",
    r"\bimages\[:150\], digits.target\[:150\]": "images[:45], digits.target[:45]",
    r"\bimages\[150:\], digits.target\[150:200\]": "images[45:], digits.target[45:60]",
    r"\brange\(40\)": "range(9)",
    r"\b[12]00_000\b": "40_000",
    r"\breducer=PCA\(": "max_descriptors=3000, reducer=PCA(",
    r'"reducer": PCA\(': '"max_descriptors": 3000, "reducer": PCA(',
}
# Epochs, and a goal, with which what is asserted is true.
ENOUGH = {
    "early_stopping=True": "early_stopping=True, max_iter=50",
    ").set_callbacks(StopAt(-25))": ", max_iter=50).set_callbacks(StopAt(-35))",
}
SHARE = 3  # one of so many images
DIGITS = {
    "X, y = load_digits(return_X_y=True)": f"; X, y = X[::{SHARE}], y[::{SHARE}]",
    "X = load_digits().data / 16": f"; X = X[::{SHARE}]",
    "y = load_digits().target": f"; y = y[::{SHARE}]",
}


def shorter(code: str) -> str:
    """The same code with few epochs and descriptors and a third of all images.

    What asserts something has a third of its epochs, and all its descriptors.
    """
    for loaded, fewer in DIGITS.items():
        code = code.replace(loaded, loaded + fewer)
    code = re.sub(r"(?<=[\[:])(\d{3,4})(?=[\]:])", lambda n: f"{int(n[1]) // SHARE}", code)
    code = re.sub(r"\b(test_size|train_size)=\d{3,}", r"\1=0.5", code)
    code = re.sub(r"\bsizes = \[20,.*\]", "sizes = [20, 50, 100]", code)
    if "assert " in code:
        for given, enough in ENOUGH.items():
            code = code.replace(given, enough)
        return re.sub(r"(?<=max_iter=)([3-9]\d)\b", lambda n: f"{int(n[1]) // 3}", code)
    for pattern, smaller in LESS.items():
        code = re.sub(pattern, smaller, code)
    return code
