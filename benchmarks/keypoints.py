"""Fisher vectors of keypoints: the example of scikit-image, the same in skvae, and better ones.

``python keypoints.py``, about five minutes. Digits of scikit-learn, enlarged; mean accuracy of
``LinearSVC`` on three random quarters, after training on the rest.
"""

import numpy as np
from skimage.feature import ORB, SIFT, fisher_vector, learn_gmm
from skimage.transform import resize
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC
from tables import show

from skvae import FisherVectorEncoder, ImageKeypoints

K, SEEDS = 16, (0, 1, 2)
# Side of the enlarged digits, detector, reducer, xy weight. The first is scikit-image's example,
# whose pixels go up to 16; only that one is encoded by scikit-image as well.
SETTINGS = {
    "ORB, 5 keypoints": (80, ORB(n_keypoints=5, harris_k=0.01, fast_threshold=0.08 / 16), None, 3),
    "ORB, 50 keypoints": (80, ORB(50, harris_k=0.01, fast_threshold=0.02), PCA(24), 3),
    "SIFT": (64, SIFT(upsampling=1, c_dog=0.001, c_edge=20), PCA(24), 100),
}


def scikit_image_vectors(keypoints, *parts):
    """Vectors of scikit-image; images without keypoints, which it refuses, are zeros."""
    parts = [[s.astype(np.float32) for s in keypoints.transform(X)] for X in parts]
    options = {"random_state": 0, "max_iter": 1000, "covariance_type": "diag"}
    gmm = learn_gmm([s for s in parts[0] if len(s)], n_modes=K, gm_args=options)
    d = keypoints.n_dimensions_
    zeros = np.zeros(K + 2 * K * d)
    return [np.array([fisher_vector(s, gmm) if len(s) else zeros for s in sets]) for sets in parts]


def accuracies(X, y, seed, detector, reducer, xy_weight):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)

    def score(train, test):
        return LinearSVC(random_state=0).fit(train, y_train).score(test, y_test)

    keypoints = ImageKeypoints(detector).fit(X_train)
    found = []
    if reducer is None:
        found.append(score(*scikit_image_vectors(keypoints, X_train, X_test)))
    for spatial in ((1, 2), ("xy", 1, 2)):
        encoder = FisherVectorEncoder(
            K,
            extractor=keypoints,
            reducer=reducer,
            spatial=spatial,
            xy_weight=xy_weight,
            random_state=0,
        )
        train, test = encoder.fit_transform(X_train), encoder.transform(X_test)
        # The first cell of a pyramid is the vector without a pyramid.
        whole = train.shape[1] // 5
        found += [score(train[:, :whole], test[:, :whole]), score(train, test)]
    return found


def main():
    digits = load_digits()

    def measure(name):
        side, *options = SETTINGS[name]
        images = np.stack([resize(image, (side, side)) for image in digits.images / 16])
        found = np.mean([accuracies(images, digits.target, s, *options) for s in SEEDS], axis=0)
        return [name, *["", *(f"{a:.3f}" for a in found)][-5:]]

    header = ["keypoints", "scikit-image", "skvae", "(1, 2)", "xy", "(xy, 1, 2)"]
    show(header, map(measure, SETTINGS))


if __name__ == "__main__":
    main()
