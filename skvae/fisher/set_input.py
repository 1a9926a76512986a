"""What encoders of sets take: sets wherever they lie, or rows of which an extractor makes them."""

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from skvae.data.containers import MISSING_ALLOWED, is_dask, validate_numbers
from skvae.data.image_sequence import ImageSequence
from skvae.data.images import validate_images
from skvae.data.tables import is_named_table
from skvae.fisher.annotated_sets import AnnotatedSets, SetWeights
from skvae.fisher.dask_sets import read_dask
from skvae.fisher.descriptor_sets import DescriptorSets
from skvae.fisher.extracted_sets import ExtractedSets
from skvae.fisher.items import items_of
from skvae.fisher.listed_sets import ListedSets
from skvae.fisher.sets import PackedSets, Sets
from skvae.fisher.sources import is_table_in_memory, read_items, read_sets, sequence_of_sets

__all__ = ["SetInputMixin"]


class SetInputMixin:
    """X of a :class:`SetEncoder`, read by what it is, and validated."""

    extractor: Any
    extractor_: Any
    n_features_in_: int

    def _validate_weighted(
        self, X: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[Any, SetWeights | None]:
        """X as rows or a source of sets, those that count, and their weights."""
        given = self._validate(X, reset=reset)
        if sample_weight is None:
            return given, None
        weights = SetWeights.read(sample_weight, len(given))
        if weights.of_sets is None or weights.of_sets.all():
            return given, weights
        counted = np.flatnonzero(weights.of_sets)
        if hasattr(given, "part"):
            given = given.part(counted)
        else:
            given = [given[i] for i in counted] if isinstance(given, list) else given[counted]
        return given, weights.part(counted)

    def _validate(self, X: Any, *, reset: bool) -> Any:
        """X as rows for the extractor, or as a source of sets."""
        reader = type(self).__name__
        if isinstance(X, DescriptorSets):
            if self.extractor is not None:
                raise TypeError("X is DescriptorSets, which are for encoders without extractor.")
            annotated, head = X.source(reader, None if reset else self.n_features_in_)
            validate_numbers(self, head, reset=reset, ensure_min_samples=0)
            return annotated
        if hasattr(self.extractor, "read"):
            read = self.extractor.read(X)
            if is_named_table(X):
                validate_data(self, X, reset=reset, skip_check_array=True)
            return read
        if is_dask(X):
            source, head = read_dask(X, reader, of_sets=self.extractor is None)
        elif self.extractor is not None:
            files = hasattr(self.extractor, "reader")
            images = validate_images(self, X, reset=reset, files=files)
            if isinstance(images, ImageSequence) and files and self.extractor.reader is None:
                images.check_units()
            return images
        elif (items := items_of(X)) is not None:
            source, head = read_items(items, None if reset else self.n_features_in_)
        else:
            X = sequence_of_sets(X, reader)
            if is_table_in_memory(X):
                X = validate_numbers(self, X, reset=reset, **MISSING_ALLOWED)
                return PackedSets(X, np.arange(len(X) + 1))
            source, head = read_sets(X, reader, None if reset else self.n_features_in_)
        validate_numbers(self, head, reset=reset, ensure_min_samples=0)
        return source

    def _source(self, X: Any, weights: SetWeights | None = None) -> Sets:
        source: Sets
        if hasattr(self.extractor, "read"):
            source = self.extractor_.sets(X)
        elif isinstance(X, ImageSequence):
            source = ListedSets(X, self.extractor_)
        else:
            source = X if self.extractor is None else ExtractedSets(X, self.extractor_)
        return source if weights is None else AnnotatedSets(source, weights=weights)

    def _source_of(self, X: Any, sample_weight: Any) -> Sets:
        """The sets of X with weights of descriptors; weights of whole sets change no vector."""
        given, weights = self._validate(X, reset=False), None
        if sample_weight is not None:
            weights = SetWeights.read(sample_weight, len(given), all_zero=True)
        source = self._source(given, weights)
        return source.without_set_weights() if isinstance(source, AnnotatedSets) else source
