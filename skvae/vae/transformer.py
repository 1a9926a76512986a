"""The variational autoencoder as a scikit-learn transformer."""

import os
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.validation import check_is_fitted

from skvae._callbacks import FitTasks
from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import CallbackSupportMixin, Interval, StrOptions, fit_context
from skvae._typing import (
    Array,
    ArrayLike,
    BlocksLike,
    Constraints,
    Device,
    FloatArray,
    IntArray,
    Names,
    PathLike,
    RandomStateLike,
)
from skvae.compute.devices import resolve_device
from skvae.compute.sizes import N_JOBS
from skvae.data.rows import output_dtype, read_rows
from skvae.vae.attributes import (
    decided,
    described,
    fitted_value,
    learned,
    optimizer_of,
    start_of,
    with_optimizer,
    without_learned,
)
from skvae.vae.columns import Columns
from skvae.vae.descriptions import (
    LIKELIHOODS,
    NETWORKS,
    PRIORS,
    LikelihoodName,
    NetworkName,
    PriorName,
)
from skvae.vae.epochs import Arrays, Epoch, Fit, Listener, Start
from skvae.vae.fit_data import Given
from skvae.vae.fit_plan import plan_fit
from skvae.vae.fitted import N_REFINEMENT, FittedVAE
from skvae.vae.imputation import ImputationMixin
from skvae.vae.part_types import Likelihood, Network
from skvae.vae.told import told_conditions

if TYPE_CHECKING:
    from skvae.vae.training.ranks import Ranks

__all__ = ["VAETransformer", "fit_told"]

# Weight of a term of the loss, at most: sums of float32 hold it times as many rows and nats.
_MOST_WEIGHT = 1e12

# A name, what describes the columns, and which ones.
ColumnLikelihoods: TypeAlias = Sequence[tuple[str, Any, Any]]

# What partial_fit means by parameters of the whole fit.
_ONE_EPOCH = {
    "max_iter": 1,
    "learning_rate": "constant",
    "warm_up": 0.0,
    "early_stopping": False,
    "checkpoint": None,
}


class VAETransformer(
    ImputationMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    Estimator,
):
    r"""Features from a variational autoencoder: the posterior mean of each row.

    Encoder and decoder are neural networks, trained to maximise the evidence lower bound

    .. math:: E_{q(z|x)} \log p(x|z) - \beta\, KL(q(z|x) || p(z))

    summed over features, in nats [1]_. The posterior is a diagonal normal whose standard
    deviation is the softplus of the encoder's output.

    Parameters
    ----------
    n_components : int, default=32
        Latent dimensions d.
    network : {"mlp", "conv"}, Network or tuple of two callables, default="mlp"
        "mlp" is linear layers; "conv" two convolutions with stride 2 (32 and 64 channels) before
        them, for rows that are images. Two callables make modules of your own:
        ``encoder(n_features, 2 * n_components)``, whose output is [mean | raw scale], and
        ``decoder(n_components, n_features)``, which for ``conditional="decoder"`` has as many more
        inputs as there are classes, one of them 1, or as ``conditions`` make; to be pickled they
        need to be importable. A ``skvae.parts.Network`` also says how numpy computes them.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) for ``network="conv"``; None means square
        grey images.
    hidden_layer_sizes : int or array-like of int, default=(200, 200)
        Widths of the encoder's hidden layers; the decoder has them in reverse. 16 means (16,).
    activation : {"relu", "tanh"}, default="relu"
        Nonlinearity of the hidden layers.
    likelihood : str, Likelihood or callable, default="auto"
        Distribution of x given z. "bernoulli" needs values in [0, ``max_value``]; on grey levels
        its value is a cross-entropy, not a log-density, which scores say in a warning. "gaussian"
        standardises each feature and learns one noise scale, "gaussian_diag" one per feature.
        "poisson" is for counts, of which the encoder sees log(1 + x); few counts in a row, as in
        short texts, want ``hidden_layer_sizes=(200,)`` and ``warm_up=1.0``. "negative_binomial" is
        for counts that vary more, by an overdispersion that is learned per feature. "categorical"
        takes the values of each column as categories. A list of triples (name, likelihood,
        columns), as of scikit-learn's ``ColumnTransformer``, has a likelihood for each block of
        columns, for categories also a ``OneHotEncoder``, which says how to make them; every column
        is in one block. "auto" is such a list for a DataFrame of pandas or polars with categories,
        text or booleans: "categorical" for those, "gaussian_diag" for the rest. Else it is
        Bernoulli when all values of the fit are 0 or ``max_value``, under ``binarize``, or when
        they lie in [0, ``max_value``] and that is not 1, which says that they are grey levels; else
        it is Gaussian, with a warning if they are whole numbers, as counts are. A callable makes a
        module of your own from the number of features, which describes X as it is, with
        ``log_prob(x, output)``, ``mean(output)`` and ``sample(output, generator)``, and for missing
        values ``log_prob_per_feature(x, output)``; to be pickled it needs to be importable. A
        ``skvae.parts.Likelihood`` also says what is known of it without torch.
    max_value : float, default=1.0
        The value of X that means 1 to a Bernoulli likelihood, 255 for pixels of 8 bits: it
        describes X / ``max_value``. Everything that comes back is in the units of X again. Gaussian
        likelihoods standardise anyway.
    conditional : {None, "prior", "decoder"}, default=None
        What the labels condition; ``transform`` never needs them. Rows are unlabelled where y is -1
        or missing (None, NaN, pandas.NA, empty text).
        "prior" learns class means: p(z|y) = N(mu_y, I), or with ``prior="mixture"``
        N(mu_y, diag s_y^2), and z tells classes apart.
        "decoder" learns p(x|z, y), which leaves to z what the class does not say; unlabelled rows
        enter with the sum over classes; or p(x|z, c) of columns c, see ``conditions``. None ignores
        y.
    conditions : column, list of columns, slice, mask or selector, default=None
        Columns of X that the decoder sees in place of labels, for ``conditional="decoder"``: names
        in a data frame, places in an array. They are no part of x: encoder and likelihood have the
        others, and z is to be free of what these say, such as the batch of a measurement. Text,
        categories and booleans become indicators, numbers are standardised. ``transform`` takes X
        with these columns and never reads their values; scores, ``reconstruct`` and ``impute`` do,
        and ``inverse_transform`` and ``sample`` take a table of them as ``y``. Labels are ignored.
    label_weight : float, default=0.0
        Weight of -log q(y|x) of labelled rows in the loss, q(y|x) as in :meth:`predict_proba`
        (``conditional="prior"``) [7]_. Where most rows are unlabelled, the bound alone finds
        clusters that are not the classes.
    prior : {"normal", "mixture"} or callable, default="normal"
        Distribution of z: N(0, I), or a Gaussian mixture with diagonal covariances, learned with
        the networks [4]_: without labels, or with a component for each class. A callable makes a
        ``skvae.parts.Prior`` of your own for the model, whose encoder it may use.
    n_prior_components : int, default=10
        Gaussians of ``prior="mixture"``, unless they are the classes (``conditional="prior"``).
    variational : bool, default=True
        False is the plain autoencoder: z is the mean, and there is no KL term.
    beta : float, default=1.0
        Weight of the KL term in training [2]_. Scores always have weight 1.
    warm_up : float, default=0.4
        Fraction of the steps of ``fit`` over which the KL weight rises linearly from 0 to
        ``beta``. Without it many latent dimensions carry nothing.
    free_bits : float, default=0.0
        Nats that each latent dimension may carry at no cost: in the loss its KL, averaged over a
        batch, counts as this at least, times the KL weight [5]_. A remedy for collapse.
    n_importance : int, default=1
        Samples of z per row in training. More than one maximise the importance-weighted bound
        [3]_ with the doubly reparameterised gradient [6]_, and need ``beta=1`` and no
        ``free_bits``. All are decoded; then the gradient is taken at one sample of each row, drawn
        by its weight, or, with modules of your own, at all.
    output : {"mean", "params", "sample", "refined"}, default="mean"
        What ``transform`` returns: the mean of q(z|x); ``[mean | log_var]``; one draw of z from
        q(z|x); or the mean of the true posterior p(z|x), by 50 importance samples from q [3]_. The
        noise of the last two is a function of ``random_state`` and the row's values, so they are
        deterministic too.
    binarize : {None, "threshold", "dynamic"}, default=None
        How pixels (X / ``max_value``) become binary: x > 0.5 everywhere, or a Bernoulli
        draw that is new in each epoch. With "dynamic", ``transform`` encodes the grey levels, and
        scores draw each row once.
    optimizer : {"adam", "rmsprop"}, default="adam"
        Adam, or RMSProp as in TensorFlow 1.
    learning_rate_init : float or "auto", default="auto"
        Step size. "auto" is 1e-3 for batches of up to 32 rows, grows with the square root of their
        size [8]_ and is 4e-3 at most. The loss is summed over the rows of a batch.
    learning_rate : {"cosine", "constant"}, default="cosine"
        "cosine" falls to 0 at ``max_iter``.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto" is a hundredth of the rows, but at least 32 and at most 128: few rows
        need small batches to take enough steps.
    max_grad_norm : float, default=None
        Longest gradient of the loss, a sum over the batch's rows, that a step may follow: a longer
        one is scaled down to it (the norm is over all weights together). None follows all.
    max_iter : int, default=50
        Epochs.
    steps_per_epoch : int, default=None
        Steps after which the history, early stopping, checkpoints and callbacks take note, which
        may be less or more than a pass over the data. None means one pass.
    early_stopping : bool, default=False
        Whether to hold out rows, or to take ``X_val`` of :meth:`fit`, stop when their bound no
        longer rises after the warm-up, and return to the best epoch.
    validation_fraction : float, default=0.1
        Fraction of rows held out. Used only with ``early_stopping`` and without ``X_val``.
    n_iter_no_change : int, default=10
        Epochs to wait for a rise. Used only with ``early_stopping``.
    tol : float, default=1e-3
        Smallest rise that counts, in nats per row. Used only with ``early_stopping``.
    warm_start : bool, default=False
        Whether ``fit`` continues from the present weights, with the full KL weight and a new
        learning-rate schedule.
    checkpoint : str or path, default=None
        Folder into which ``fit`` writes its state, ``checkpoint-....npz``: the name stands for all
        that decides the weights (parameters, data and seed). If the state of this very fit is
        there, ``fit`` goes on from it, and ends with the bits of an uninterrupted one. Other fits,
        as those of a cross-validation, may share the folder. It is written after the first epoch,
        then once a minute, and at the end.
    n_jobs : int or None, default=None
        Threads, inside the methods only. After the fit they share out the rows: None means all
        cores, or as many as BLAS may use (``OMP_NUM_THREADS``), and one in workers of joblib and in
        other threads than the main one; no answer depends on their number. Modules of your own are
        called by one thread at a time. In a fit None means one, which a second one helps, under the
        same conditions, for as long as that makes the steps of a perceptron shorter: to the same
        bits. A number is that of torch's own threads, which decides the last bits of a fit and can
        be slower than one where others use the same cores. A forked process takes one.
    device : {None, "cpu", "auto", "cuda"}, default=None
        Where to compute. None is the CPU; "auto" a GPU where there is one. Never part of the
        fitted state.
    random_state : int, RandomState instance or None, default=None
        Decides initial weights, batches and all noise.
    verbose : int, default=0
        Whether to show progress: one live bar on a terminal or in a notebook, elsewhere a line per
        epoch.

    Attributes
    ----------
    parameters_ : dict of ndarray
        Weights.
    likelihood_ : str, Likelihood, callable or list of triples
        The likelihood in use.
    columns_ : Columns
        What the columns of a table are to the network, if they have likelihoods of their own:
        ``columns_.column_of``, an array, has the place of the table's column for each of the
        network's, which ``columns_.feature_names`` names; ``columns_.to_matrix(X)`` gives them.
    mean_, scale_ : ndarray of shape (n_features,) or None
        Internal standardisation (Gaussian likelihood); 0 and 1 for the network's other columns.
    classes_ : ndarray of shape (n_classes,)
        Labels, if ``conditional`` is not None.
    class_counts_ : ndarray of shape (n_classes,)
        Training rows per class, if ``conditional`` is not None; with ``sample_weight`` the sums of
        their weights, which have a mean of 1 in every call.
    class_means_ : ndarray of shape (n_classes, n_components)
        Means of the prior (``conditional="prior"``).
    class_variances_ : ndarray of shape (n_classes, n_components)
        Its variances (``conditional="prior"`` and ``prior="mixture"``), else 1.
    prior_weights_ : ndarray of shape (n_prior_components,)
        Weights of the components (``prior="mixture"`` without classes, or a prior of your own
        that is a mixture).
    prior_means_, prior_variances_ : ndarray of shape (n_prior_components, n_components)
        Their means and variances.
    history_ : dict of list
        Per epoch: ``loss``, ``reconstruction``, ``elbo``, ``kl``, ``kl_weight``, and
        ``validation_elbo`` with early stopping; means per row, in nats, for densities in the
        units of X, over about 10,000 rows of epochs of 20,000 or more. ``n_active`` is
        ``n_active_`` on the rows of ``kl_curves_``.
    kl_curves_ : ndarray of shape (n_epochs, n_components)
        ``kl_per_dimension_`` after each epoch, on one training row of thirty (30 to 1,000 rows).
    loss_curve_ : list of float
        ``history_["loss"]``.
    best_validation_score_ : float
        Validation bound of the epoch returned to (``early_stopping=True``).
    products_ : {"torch", "onednn"}
        Library that multiplied the matrices in the last fit, on which its last bits depend: the
        faster one for this model, measured once in a process, or what the environment variable
        ``SKVAE_PRODUCTS`` names. A fit that goes on keeps to it.
    n_iter_ : int
        Epochs run.
    kl_per_dimension_ : ndarray of shape (n_components,)
        Mean KL of each latent dimension on the training rows, or on 10,000 of them if there are
        more. Under a mixture, that to a row's components, weighted by their responsibility for it.
    n_active_ : int
        Latent dimensions whose posterior mean has a variance over 0.01 on those rows, in units of
        the prior's (within a component, if it is a mixture).
    seed_ : int
        Drawn from ``random_state``; all noise derives from it.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if they are strings.

    See Also
    --------
    FisherScores : Features for linear classifiers from the same model.

    Notes
    -----
    With ``conditional`` the model is a classifier too, to scikit-learn's searches and ensembles as
    well; its :meth:`score` stays the mean bound in nats, so that an accuracy takes
    ``scoring="accuracy"``. Ensembles that number the labels make a class of -1: leave unlabelled
    rows out there.

    **NaN is a missing value**, in every method: the likelihood is that of what is observed of a
    row, every bound one on log p(x_obs), and :meth:`impute` fills in the rest. The encoder sees
    zeros in the place of missing values, the mean of a column that is standardised, and
    ``network="mlp"`` also which values are observed, if there were missing ones when the fit began.
    All this is right where whether a value is missing does not depend on the value itself.
    Standardisation takes the moments of what is observed. Sparse matrices cannot say what is
    missing.

    In a table with blocks of columns a category is to the network a column of 0 and 1 for each of
    its values; one that the fit has not seen is a row of zeros and does not count in log p(x). The
    densities of :meth:`score_samples` are with respect to Lebesgue measure for Gaussian columns, in
    the units of X, and counting measure for the others.
    Encoder and decoder of such a table begin at its principal components [9]_, and not at random,
    where ``network="mlp"`` and ``activation="relu"`` have hidden layers of at least twice
    ``n_components`` units.

    What a fit has settled stays with it. Parameters that are set afterwards take effect in the next
    fit, but for ``output``, ``n_jobs`` and ``device``.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes",
       ICLR 2014.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained
       variational framework", ICLR 2017.
    .. [3] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
       equation 14: their weights, here of the draws themselves.
    .. [4] Z. Jiang, Y. Zheng, H. Tan, B. Tang and H. Zhou, "Variational deep embedding: an
       unsupervised and generative approach to clustering", IJCAI 2017.
    .. [5] D. P. Kingma et al., "Improved variational inference with inverse autoregressive flow",
       NeurIPS 2016, equation 15.
    .. [6] G. Tucker, D. Lawson, S. Gu and C. J. Maddison, "Doubly reparameterized gradient
       estimators for Monte Carlo objectives", ICLR 2019.
    .. [7] D. P. Kingma, D. J. Rezende, S. Mohamed and M. Welling, "Semi-supervised learning with
       deep generative models", NeurIPS 2014, equation 9.
    .. [8] S. Malladi, K. Lyu, A. Panigrahi and S. Arora, "On the SDEs and scaling rules for
       adaptive gradient algorithms", NeurIPS 2022.
    .. [9] M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", Journal of
       the Royal Statistical Society B 61, 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> X = load_digits().data / 16
    >>> vae = VAETransformer(n_components=8, max_iter=3, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (1797, 8)
    >>> vae.likelihood_
    'gaussian'
    """

    parameters_: dict[str, Array]
    likelihood_: str | Likelihood | Callable[..., Any] | ColumnLikelihoods
    columns_: Columns
    mean_: Array | None
    scale_: Array | None
    classes_: Array
    class_counts_: Array
    class_means_: Array
    class_variances_: Array
    prior_weights_: Array
    prior_means_: Array
    prior_variances_: Array
    history_: dict[str, list[float]]
    kl_curves_: Array
    loss_curve_: list[float]
    best_validation_score_: float
    products_: str
    n_iter_: int
    kl_per_dimension_: Array
    n_active_: int
    seed_: int
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: Constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "network": [StrOptions(set(NETWORKS)), Network, tuple, list],
        "image_shape": [tuple, list, None],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"relu", "tanh"})],
        "likelihood": [StrOptions({"auto", *LIKELIHOODS}), Likelihood, callable, list, tuple],
        "max_value": [Interval(Real, 1e-30, 1e30, closed="both")],  # as float32 divides by it
        "conditional": [StrOptions({"prior", "decoder"}), None],
        "conditions": ["array-like", str, Integral, slice, callable, None],
        "label_weight": [Interval(Real, 0, _MOST_WEIGHT, closed="both")],
        "prior": [StrOptions(set(PRIORS)), callable],
        "n_prior_components": [Interval(Integral, 1, None, closed="left")],
        "variational": ["boolean"],
        "beta": [Interval(Real, 0, _MOST_WEIGHT, closed="both")],
        "warm_up": [Interval(Real, 0, 1, closed="both")],
        "free_bits": [Interval(Real, 0, _MOST_WEIGHT, closed="both")],
        "n_importance": [Interval(Integral, 1, None, closed="left")],
        "output": [StrOptions({"mean", "params", "sample", "refined"})],
        "binarize": [StrOptions({"threshold", "dynamic"}), None],
        "optimizer": [StrOptions({"adam", "rmsprop"})],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "learning_rate": [StrOptions({"cosine", "constant"})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "steps_per_epoch": [Interval(Integral, 1, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "n_jobs": N_JOBS,
        "device": [StrOptions({"cpu", "auto", "cuda"}), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int = 32,
        *,
        network: NetworkName | Network | tuple[Callable[..., Any], ...] = "mlp",
        image_shape: Sequence[int] | None = None,
        hidden_layer_sizes: int | Sequence[int] | IntArray = (200, 200),
        activation: Literal["relu", "tanh"] = "relu",
        likelihood: LikelihoodName | Likelihood | Callable[..., Any] | ColumnLikelihoods = "auto",
        max_value: float = 1.0,
        conditional: Literal["prior", "decoder"] | None = None,
        conditions: Any = None,
        label_weight: float = 0.0,
        prior: PriorName | Callable[..., Any] = "normal",
        n_prior_components: int = 10,
        variational: bool = True,
        beta: float = 1.0,
        warm_up: float = 0.4,
        free_bits: float = 0.0,
        n_importance: int = 1,
        output: Literal["mean", "params", "sample", "refined"] = "mean",
        binarize: Literal["threshold", "dynamic"] | None = None,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        learning_rate_init: float | Literal["auto"] = "auto",
        learning_rate: Literal["cosine", "constant"] = "cosine",
        batch_size: int | Literal["auto"] = "auto",
        max_grad_norm: float | None = None,
        max_iter: int = 50,
        steps_per_epoch: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-3,
        warm_start: bool = False,
        checkpoint: PathLike | None = None,
        n_jobs: int | None = None,
        device: Device = None,
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.network = network
        self.image_shape = image_shape
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.likelihood = likelihood
        self.max_value = max_value
        self.conditional = conditional
        self.conditions = conditions
        self.label_weight = label_weight
        self.prior = prior
        self.n_prior_components = n_prior_components
        self.variational = variational
        self.beta = beta
        self.warm_up = warm_up
        self.free_bits = free_bits
        self.n_importance = n_importance
        self.output = output
        self.binarize = binarize
        self.optimizer = optimizer
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_grad_norm = max_grad_norm
        self.max_iter = max_iter
        self.steps_per_epoch = steps_per_epoch
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        if self.conditional is not None and self.conditions is None:
            tags.target_tags.required = True
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags()

        return tags

    @property
    def fitted_(self) -> FittedVAE:
        """The fit as a value, whose methods encode, decode, draw and score."""
        check_is_fitted(self)

        return fitted_value(vars(self))

    @property
    def _n_features_out(self) -> int:
        return self.fitted_.n_components * (2 if self.output == "params" else 1)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: BlocksLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: BlocksLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the model.

        Ctrl-C stops the training at the last whole epoch, with a ``FitInterruptedWarning``.

        Parameters
        ----------
        X : array-like, sparse matrix or iterable of blocks, of shape (n_samples, n_features)
            Rows, or a DataFrame of numbers and categories; NaN where a value is missing. Those of a
            memory map stay on disk, sparse ones sparse, and uint8 arrays uint8; a batch is gathered
            and cast when its turn comes, to the same bits. An iterable yields 2-D blocks, anew
            whenever it is iterated over: first to count and check the rows, then once in every pass
            of the training, which shuffles them within windows of a few thousand. How it cuts them
            makes no difference.
        y : array-like of shape (n_samples,), default=None
            Labels, used and needed unless ``conditional`` is None.
        sample_weight : float or array-like of shape (n_samples,), default=None
            What each row counts, from 0; only ratios matter. The loss is the weighted mean of the
            rows' losses, in expectation: a pass over n rows of positive weight has n visits, of
            which a row gets one of the two whole numbers next to its share. Moments, class
            frequencies and what is said of the fit are weighted too. Rows of weight 0 are left out
            of everything, and equal weights are none.
        X_val : as X, of shape (n_val, n_features), default=None
            Rows to stop by, with ``early_stopping=True``, which then holds out none of X.
        y_val : array-like of shape (n_val,), default=None
            Their labels, used and needed unless ``conditional`` is None.
        sample_weight_val : float or array-like of shape (n_val,), default=None
            Their weights in the validation score.

        Returns
        -------
        self : VAETransformer

        Raises
        ------
        ValueError
            If data, weights or a combination of parameters cannot be used, the model is larger than
            memory, or the loss is not finite from the start. The fit before stays.
        TypeError
            If X can be read only once.
        """
        given = Given(X, y, sample_weight)

        return _fit(self, given, Given(X_val, y_val, sample_weight_val))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: BlocksLike,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for exactly one epoch on ``X``, from the present weights and optimizer state.

        The KL weight is ``beta`` and the learning rate ``learning_rate_init`` throughout. The
        first call decides the likelihood, the standardisation and the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or iterable of blocks, of shape (n_samples, n_features)
            Rows, as for :meth:`fit`.
        y : array-like of shape (n_samples,), default=None
            Labels, used and needed unless ``conditional`` is None.
        classes : array-like of shape (n_classes,), default=None
            All labels that will come, for the first call; None takes those in ``y``.
        sample_weight : float or array-like of shape (n_samples,), default=None
            What each row counts in this epoch, as for :meth:`fit`.

        Returns
        -------
        self : VAETransformer

        Raises
        ------
        ValueError
            If X, y or weights cannot be used, X has values more than a million standard deviations
            from the first data, or parameters have changed that stay with the fit. The model is
            then kept.
        """
        return _partial_fit(self, Given(X, y, sample_weight), classes)

    def transform(self, X: ArrayLike) -> FloatArray:
        """Encode rows; deterministic, and each row on its own, whatever ``output`` is.

        To the last bit, but for convolutions and modules of your own, whose float32 kernels may
        round a row by its place where a layer's width is no multiple of 8.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, NaN where a value is missing. Only counts are checked for what they are, and all
            for what float32 can hold. The values of ``conditions`` are not read, but with
            ``output="refined"``.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components), or (n_samples, 2 * n_components)
            Latent points, or ``[mean | log_var]`` with ``output="params"``; float32 for X of
            float32 or of numbers that are exact in it, such as uint8, else float64, as where
            columns have likelihoods of their own.
        """
        fitted = self.fitted_
        rows = self._rows(X)
        if self.output == "refined":
            told, _ = told_conditions(fitted.conditions, X)
            Z = fitted.draw_posterior(rows, N_REFINEMENT, told)
        elif self.output == "sample":
            Z = fitted.draw_posterior(rows)
        else:
            Z = fitted.encode(rows, log_var=self.output == "params")

        return Z.astype(output_dtype(rows), copy=False)


@fit_context(prefer_skip_nested_validation=True)
def fit_told(
    vae: VAETransformer,
    X: Any,
    y: Any = None,
    *,
    listeners: Sequence[Listener],
    n_steps: int | None = None,
) -> VAETransformer:
    """Fit an estimator as its ``fit`` does, and tell listeners of it.

    Parameters
    ----------
    vae : VAETransformer
        Fitted in place.
    X, y : array-like
        As for its ``fit``.
    listeners : sequence of Listener
        Told of every epoch, with ``fitted`` in it, before the checkpoint is written.
    n_steps : int or None, default=None
        Steps in all, which may end within an epoch; None means ``max_iter`` epochs.

    Returns
    -------
    vae : VAETransformer
    """
    return _fit(vae, Given(X, y), Given(None), listeners, n_steps)


def _fit(
    vae: VAETransformer,
    given: Given,
    own_validation: Given,
    listeners: Sequence[Listener] = (),
    n_steps: int | None = None,
) -> VAETransformer:
    from skvae.vae.training.ranks import ranks_of_fit

    data = given.X, given.y
    with ranks_of_fit() as ranks:
        tasks = FitTasks(vae, "fit", vae.max_iter, *data, is_told=ranks.is_first)
        with fitted_aside(vae) as aside:
            if not aside.warm_start:
                aside.__dict__ = without_learned(vars(aside))
            parameters = aside.get_params(deep=False)
            told = [*listeners, _Tasks(tasks)]
            _train(
                aside,
                parameters,
                given,
                told,
                ranks,
                own_validation=own_validation,
                n_steps=n_steps,
            )
            ranks.of_first(lambda: tasks.end(lambda: vars(aside)))

    return vae


def _partial_fit(vae: VAETransformer, given: Given, classes: Any) -> VAETransformer:
    from skvae.vae.training.optimizers import check_state
    from skvae.vae.training.ranks import ranks_of_fit

    data = given.X, given.y
    with ranks_of_fit() as ranks:
        tasks = FitTasks(vae, "partial_fit", 1, *data, is_told=ranks.is_first)
        with fitted_aside(vae) as aside:
            parameters = aside.get_params(deep=False) | _ONE_EPOCH
            optimizer = optimizer_of(vars(aside))
            told = [_Tasks(tasks)]
            fit = _train(
                aside, parameters, given, told, ranks, classes=classes, optimizer=optimizer
            )
            if fit.optimizer is not None:
                check_state(fit.optimizer)
                aside.__dict__.update(with_optimizer(fit.optimizer))
            ranks.of_first(lambda: tasks.end(lambda: vars(aside)))

    return vae


def _train(
    aside: VAETransformer,
    parameters: dict[str, Any],
    given: Given,
    listeners: Sequence[Listener],
    ranks: "Ranks",
    *,
    own_validation: Given = Given(None),  # noqa: B008, it is frozen
    classes: Any = None,
    optimizer: Arrays | None = None,
    n_steps: int | None = None,
) -> Fit:
    """Train from what an estimator has learned, to which what is learned is added."""
    from skvae.compute.torch_runtime import scoped_runtime
    from skvae.vae.training.aside import second_thread
    from skvae.vae.training.checkpoints import checkpoint_file
    from skvae.vae.training.fit import train_vae
    from skvae.vae.training.listeners import EpochReport

    before = vars(aside)
    plan = plan_fit(
        partial(read_rows, aside),
        before,
        parameters,
        given,
        own_validation,
        classes=classes,
        n_steps=n_steps,
    )
    specification, data = plan.specification, plan.data
    start = start_of(before, optimizer)
    checkpoint = checkpoint_file(plan.parameters, specification, data, start, ranks)
    aside.__dict__.update(decided(plan.parameters, specification, data.labels, plan.columns))
    report = EpochReport(specification.n_epochs, parameters["verbose"])
    n_jobs, device = parameters["n_jobs"], resolve_device(parameters["device"])
    with second_thread(n_jobs, device) as second, scoped_runtime(n_jobs):
        fit = train_vae(
            specification,
            data,
            start,
            device=device,
            aside=second,
            checkpoint=checkpoint,
            listeners=[report, _Fitted(aside), *listeners],
            ranks=ranks,
        )
    aside.__dict__.update(learned(fit, fit.seed), **described(fit))

    return fit


class _Fitted(Listener):
    """Says of every epoch what estimator it would leave."""

    def __init__(self, aside: VAETransformer):
        self._aside = aside

    def fit_began(self, start: Start) -> None:
        self._seed = start.seed

    def epoch_ended(self, epoch: Epoch) -> None:
        def fitted() -> VAETransformer:
            vae = copy(self._aside)
            vae.__dict__.update(learned(epoch, self._seed))
            return vae

        epoch.fitted = fitted


class _Tasks(Listener):
    """Tells scikit-learn's callbacks of the epochs; what they set of torch ends with each call."""

    def __init__(self, tasks: FitTasks):
        self._tasks = tasks

    def fit_began(self, start: Start) -> None:
        from skvae.compute.torch_runtime import kept_runtime

        with kept_runtime():
            self._tasks.begin(start.epochs_left(self._tasks.n_epochs))

    def epoch_ended(self, epoch: Epoch) -> None:
        from skvae.compute.torch_runtime import kept_runtime

        if epoch.fitted is not None:
            fitted = epoch.fitted
            with kept_runtime():
                epoch.stop = self._tasks.end_epoch(lambda: vars(fitted()), epoch.stop)
