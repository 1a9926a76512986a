"""Encoders of sets by a vocabulary of visual words: VLAD and bags of words."""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import KMeans

from skvae._sklearn import HasMethods
from skvae._typing import Constraints, Device, FloatArray, IntArray, Names, RandomStateLike
from skvae.compute.devices import gpu_or_none
from skvae.data.weights import repeated_rows
from skvae.fisher.codec import Codec, recent_codec
from skvae.fisher.coordinates import Move
from skvae.fisher.parts import fitted_model
from skvae.fisher.set_encoder import SetEncoder
from skvae.fisher.spatial import Spatial
from skvae.fisher.words import check_near, has_far_words, learn, usual_distance, warn_of_units
from skvae.mixture.assignment import Assignment
from skvae.mixture.kernel import recent
from skvae.mixture.missing import filled
from skvae.mixture.statistics import Mixture

__all__ = ["BagOfVisualWordsEncoder", "VLADEncoder"]


class _WordsEncoder(SetEncoder):
    """Each descriptor belongs to the nearest center of a clustering wholly.

    That is hard assignment under a mixture with equal weights and one variance, so the statistics
    of the Fisher vector serve here as well. A subclass says which of them it takes, and with what
    its features' names begin.
    """

    _sums: str  # a gradient of the Fisher vector, whose residuals are summed
    _prefix: str

    _model, _centers = "vocabulary", "cluster_centers_"

    vocabulary_: Any
    word_counts_: IntArray | None
    _far_words: bool = False

    _parameter_constraints: Constraints = {
        **SetEncoder._parameter_constraints,
        "vocabulary": [HasMethods(["fit"]), None],
    }

    def __init__(
        self,
        n_components: int = 64,
        *,
        extractor: Any = None,
        reducer: Any = None,
        vocabulary: Any = None,
        power: float = 0.5,
        norm: str | None = "l2",
        spatial: Spatial = None,
        xy_weight: float = 1.0,
        max_descriptors: int = 200_000,
        device: Device = None,
        dtype: str | None = None,
        n_jobs: int | None = None,
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.extractor = extractor
        self.reducer = reducer
        self.vocabulary = vocabulary
        self.power = power
        self.norm = norm
        self.spatial = spatial
        self.xy_weight = xy_weight
        self.max_descriptors = max_descriptors
        self.device = device
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _n_model_components(self) -> int:
        return getattr(self.vocabulary, "n_clusters", self.n_components)

    def _fit_model(
        self, local: FloatArray, rng: np.random.RandomState, weights: FloatArray | None
    ) -> None:
        vocabulary = self._new_model() if self.vocabulary is None else self.vocabulary
        if not hasattr(vocabulary, self._centers):
            warn_of_units(local)
        self.vocabulary_ = fitted_model(
            vocabulary, "cluster_centers_", local, rng, "vocabulary", weights
        )
        self._far_words = has_far_words(np.asarray(self.vocabulary_.cluster_centers_))
        counts = None
        if self.vocabulary is None:
            labels = self.vocabulary_.labels_
            of_each = weights if len(labels) == len(local) else None
            counts = np.bincount(labels, of_each, minlength=self.n_components)
        self.word_counts_ = counts

    def _learn_model(
        self, local: FloatArray, move: Move | None, weights: FloatArray | None
    ) -> None:
        vocabulary = deepcopy(self.vocabulary_)
        centers = vocabulary.cluster_centers_
        if move is not None:
            vocabulary.cluster_centers_ = move.of_means(centers).astype(centers.dtype)
        local = filled(local.astype(centers.dtype, copy=False), centers.mean(axis=0), weights)
        if self.word_counts_ is None:
            rows = slice(None) if weights is None else repeated_rows(weights)
            before = np.array(vocabulary.cluster_centers_)  # which scikit-learn overwrites
            self.vocabulary_ = vocabulary.partial_fit(local[rows])
            learned = np.asarray(self.vocabulary_.cluster_centers_)
            check_near(learned, before)
            self._far_words = has_far_words(learned)
            return
        words = learn(vocabulary.cluster_centers_, self.word_counts_, local, weights)
        check_near(words.centers, vocabulary.cluster_centers_)
        self._far_words = has_far_words(words.centers)
        vocabulary.cluster_centers_, self.word_counts_ = words.centers, words.counts
        vocabulary.labels_, vocabulary.inertia_ = words.labels, words.inertia
        self.vocabulary_ = vocabulary

    def _new_model(self) -> KMeans:
        return KMeans(self.n_components)

    def _codec(self) -> Codec:
        self._check_settings()
        return _codec_of_words(
            _Centers(np.asarray(self.vocabulary_.cluster_centers_)),
            self._far_words,
            gradients=(self._sums,),
            power=float(self.power),
            norm=self.norm,
            levels=self._levels,
            prefix=self._prefix,
            device=gpu_or_none(self.device),
        )


class _Centers(NamedTuple):
    """Of all words, as the vocabulary has them."""

    centers: FloatArray  # (K, d)


@recent
def _codec_of_words(words: _Centers, far: bool, **choices: Any) -> Codec:
    """The codec of a mixture of which each word is a component."""
    given = words.centers
    centers = given.astype(np.float64)
    # Any variance has the same nearest center; that of most centers keeps numbers near one.
    variance = usual_distance(centers) ** 2 if far else centers.var(axis=0).max()
    if variance <= np.finfo(np.float64).tiny:  # its inverse is infinite
        variance = 1.0
    n_words = len(centers)
    return recent_codec(
        Mixture(np.full(n_words, 1 / n_words), centers, np.full(centers.shape, variance)),
        assignment=Assignment(top_k=1),
        whitened=False,
        eps_means=float(np.finfo(given.dtype if given.dtype.kind == "f" else np.float64).eps),
        **choices,
    )


class VLADEncoder(_WordsEncoder):
    r"""Vectors of locally aggregated descriptors: sums of residuals about visual words.

    With :math:`\mu_k` the k-th center of a k-means clustering of local descriptors, the vector of a
    set is :math:`v_k = \sum_{x: \text{nearest is } k} (x - \mu_k)`, raised to a signed power and
    normalised.

    Parameters
    ----------
    n_components : int, default=64
        K, the number of words. A ``vocabulary`` brings its own.
    extractor : transformer, default=None
        As in ``FisherVectorEncoder``, like all that follow but the vocabulary.
    reducer : transformer, default=None
        Fitted on local descriptors and applied to them.
    vocabulary : clusterer, default=None
        Has ``cluster_centers_`` once fitted, such as ``KMeans`` or ``MiniBatchKMeans``. A fitted
        one is used as it is; an unfitted one is cloned and fitted. None means ``KMeans``.
        ``partial_fit`` is there for None and for those that have one.
    power : float, default=0.5
        Exponent of the signed power; 1 leaves the sums as they are.
    norm : {"l2", "l1", "intra"} or None, default="l2"
        ``"intra"``: L2 of each word's residual, then of the whole.
    spatial : "xy", tuple or None, default=None
        Positions as dimensions, pyramid, or both.
    xy_weight : float, default=1.0
        Scale of appended positions, in units of the reduced descriptors.
    max_descriptors : int, default=200_000
        Random descriptors that reducer and vocabulary are fitted on, at most.
    device : {None, "cpu", "auto", "cuda"}, default=None
        Where statistics are computed.
    dtype : {"float16", "float32", "float64"} or None, default=None
        Of the vectors. None: that of the descriptors, float32 or float64.
    n_jobs : int, default=None
        Workers that encode, as in ``FisherVectorEncoder``.
    random_state : int, RandomState instance or None, default=None
        Decides the sample of descriptors, and seeds every nested ``random_state`` that is None.
    verbose : int, default=0
        From 1 on, ``fit`` prints its steps (the sample of descriptors, the reducer, the words), and
        joblib the progress of the encoding.

    Attributes
    ----------
    vocabulary_ : clusterer
        The fitted vocabulary.
    word_counts_ : ndarray of shape (n_components,) or None
        Descriptors that each word is the mean of; None for a ``vocabulary`` of the user's.
    reducer_, extractor_ : transformer or None
        The fitted parts.
    n_features_in_ : int
        Columns of X: d of a descriptor, or the pixels of an image with an extractor.

    See Also
    --------
    FisherVectorEncoder : Soft assignment, variances, and the metric of the likelihood.

    Notes
    -----
    **X** is read as in ``FisherVectorEncoder``: every row of a 2-D array is a set of one.

    **NaN is a missing value.** The nearest word is that by the dimensions that are observed, and
    the residual of a missing one is zero. A vocabulary that takes no missing values, such as
    ``KMeans``, is fitted on the mean of its dimension in the place of each.

    References
    ----------
    H. Jégou, M. Douze, C. Schmid and P. Pérez, "Aggregating local descriptors into a compact image
    representation", CVPR 2010.

    R. Arandjelović and A. Zisserman, "All about VLAD",
    CVPR 2013 (``norm="intra"``).

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import VLADEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 3)) for n in (20, 35, 50)]
    >>> VLADEncoder(4, random_state=0).fit_transform(X).shape
    (3, 12)
    """

    _sums, _prefix = "means", "vlad"

    def get_feature_names_out(self, input_features: Any = None) -> Names:
        """Names such as ``vlad_k3_d7``: word and dimension.

        With a pyramid its cell comes first, as in ``vlad_cell2_k3_d7``.

        Parameters
        ----------
        input_features : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        names : ndarray of str
        """
        return super().get_feature_names_out(input_features)


class BagOfVisualWordsEncoder(_WordsEncoder):
    """Bags of visual words: how often each word of a vocabulary is the nearest one.

    Local descriptors are clustered once; the vector of a set counts its descriptors by their
    nearest center, raised to a power and normalised. The defaults are the histogram's square roots,
    of length one, whose dot products are Hellinger's kernel; ``power=1, norm=None`` are counts and
    ``power=1, norm="l1"`` frequencies.

    Parameters
    ----------
    n_components : int, default=64
        K, the number of words. A ``vocabulary`` brings its own.
    extractor : transformer, default=None
        As in ``FisherVectorEncoder``, like all that follow but the vocabulary.
    reducer : transformer, default=None
        Fitted on local descriptors and applied to them.
    vocabulary : clusterer, default=None
        Has ``cluster_centers_`` once fitted, such as ``KMeans`` or ``MiniBatchKMeans``. A fitted
        one is used as it is; an unfitted one is cloned and fitted. None means ``KMeans``.
        ``partial_fit`` is there for None and for those that have one.
    power : float, default=0.5
        Exponent of the counts; 1 leaves them as they are.
    norm : {"l2", "l1", "intra"} or None, default="l2"
        Of the histogram, with a pyramid of each cell's; ``"intra"`` is ``"l2"`` here.
    spatial : "xy", tuple or None, default=None
        Positions as dimensions, pyramid, or both.
    xy_weight : float, default=1.0
        Scale of appended positions, in units of the reduced descriptors.
    max_descriptors : int, default=200_000
        Random descriptors that reducer and vocabulary are fitted on, at most.
    device : {None, "cpu", "auto", "cuda"}, default=None
        Where statistics are computed.
    dtype : {"float16", "float32", "float64"} or None, default=None
        Of the vectors. None: that of the descriptors, float32 or float64.
    n_jobs : int, default=None
        Workers that encode, as in ``FisherVectorEncoder``.
    random_state : int, RandomState instance or None, default=None
        Decides the sample of descriptors, and seeds every nested ``random_state`` that is None.
    verbose : int, default=0
        From 1 on, ``fit`` prints its steps (the sample of descriptors, the reducer, the words), and
        joblib the progress of the encoding.

    Attributes
    ----------
    vocabulary_ : clusterer
        The fitted vocabulary.
    word_counts_ : ndarray of shape (n_components,) or None
        Descriptors that each word is the mean of; None for a ``vocabulary`` of the user's.
    reducer_, extractor_ : transformer or None
        The fitted parts.
    n_features_in_ : int
        Columns of X: d of a descriptor, or the pixels of an image with an extractor.

    Notes
    -----
    **X** is read as in ``FisherVectorEncoder``: every row of a 2-D array is a set of one.

    **NaN is a missing value.** The nearest word is that by the dimensions that are observed. A
    vocabulary that takes no missing values, such as ``KMeans``, is fitted on the mean of its
    dimension in the place of each.

    References
    ----------
    J. Sivic and A. Zisserman, "Video Google: a text retrieval approach to object matching in
    videos", ICCV 2003.

    G. Csurka, C. Dance, L. Fan, J. Willamowski and C. Bray, "Visual categorization with bags of
    keypoints", ECCV workshop on statistical learning in computer vision, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import BagOfVisualWordsEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 3)) for n in (20, 35, 50)]
    >>> bag = BagOfVisualWordsEncoder(4, power=1, norm=None, random_state=0)
    >>> bag.fit_transform(X).sum(axis=1)
    array([20., 35., 50.])
    """

    _sums, _prefix = "weights", "bag"

    def get_feature_names_out(self, input_features: Any = None) -> Names:
        """Names such as ``bag_k3``: the word.

        With a pyramid its cell comes first, as in ``bag_cell2_k3``.

        Parameters
        ----------
        input_features : Ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        names : ndarray of str
        """
        return super().get_feature_names_out(input_features)
