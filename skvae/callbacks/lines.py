"""A line of text for an epoch."""

from typing import Any

from skvae.callbacks.notes import Notes, Numbering, numbered

__all__ = ["Lines"]


class Lines(Notes):
    """Print a line for every few epochs of a fit, and for the last one.

    ``verbose=1`` of the estimator shows all numbers of all epochs; here a template says which.

    Parameters
    ----------
    template : str, default="Epoch: {number} ELBO: {elbo:.3f} s/epoch: {seconds:.3e}"
        What is printed, by ``str.format``, from ``number``, ``seconds`` and the record of the
        epoch: the names in ``history_``, such as ``elbo``, ``kl`` and ``loss``, in nats per row.
        ``seconds`` is the time that the epoch took, for each step of ``number``.
    every : int, default=1
        Epochs from one line to the next.
    number : callable or None, default=None
        From the number of an epoch to the one that is shown for it, where something else than
        epochs is counted: batches, if each epoch has as many (``steps_per_epoch``).

    See Also
    --------
    TensorBoard : Writes the same numbers into files.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer
    >>> from skvae.callbacks import Lines
    >>> lines = Lines("{number} epochs: {elbo:.1f} nats", every=5)
    >>> vae = VAETransformer(2, max_iter=10).set_callbacks(lines)  # doctest: +SKIP
    >>> vae.fit(load_digits().data / 16)  # doctest: +SKIP
    """

    def __init__(
        self,
        template: str = "Epoch: {number} ELBO: {elbo:.3f} s/epoch: {seconds:.3e}",
        *,
        every: int = 1,
        number: Numbering | None = None,
    ) -> None:
        super().__init__(every=every, number=number)
        self.template = template

    def note(self, vae: Any, context: Any, seconds: float) -> None:
        """Print the line of an epoch."""
        record = {name: values[-1] for name, values in vae.history_.items()}
        number, before = (numbered(self.number, vae.n_iter_ - done) for done in (0, 1))
        seconds /= number - before
        print(self.template.format(**record, number=number, seconds=seconds), flush=True)
