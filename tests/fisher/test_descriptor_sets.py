import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing

from skvae import (
    BagOfVisualWordsEncoder,
    DescriptorSets,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    VLADEncoder,
)

ENCODERS = [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder]


@pytest.fixture
def descriptors(rng):
    return [rng.normal(size=(n, 3)) for n in (6, 0, 9, 4, 12)]


def numbered(descriptors):
    """Positions and weights that tell which set they are of."""
    positions = [np.full((len(s), 3), i / 10) for i, s in enumerate(descriptors)]
    return DescriptorSets(
        descriptors,
        positions=positions,
        weights=[np.full(len(s), i) for i, s in enumerate(descriptors)],
    )


def numbers_of(sets):
    for s, where, weights in zip(sets.descriptors, sets.positions, sets.weights, strict=True):
        assert len(s) == len(where) == len(weights)
    return [len(s) for s in sets.descriptors]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (2, [9]),
        (-1, [12]),
        (slice(1, 4), [0, 9, 4]),
        ([3, 0], [4, 6]),
        (np.array([4, 4]), [12, 12]),
        (np.array([True, False, False, True, False]), [6, 4]),
        ([False, False, True, False, False], [9]),
    ],
)
def test_sets_are_chosen_with_what_belongs_to_them(descriptors, key, expected):
    sets = numbered(descriptors)
    assert numbers_of(sets[key]) == expected
    assert numbers_of(_safe_indexing(sets, key)) == expected
    assert numbers_of(pickle.loads(pickle.dumps(sets))[key]) == expected


def test_a_number_too_large_is_an_index_error(descriptors):
    with pytest.raises(IndexError):
        numbered(descriptors)[5]
    assert [len(one) for one in numbered(descriptors)] == [1] * 5


def labelled(rng, n=40):
    """Sets of two classes, which differ in what lies at the right."""
    y = np.arange(n) % 2
    positions = [rng.uniform(-1, 1, (30, 2)) for _ in y]
    descriptors = [
        rng.normal(size=(30, 2)) + 3 * c * np.sign(p[:, :1])
        for c, p in zip(y, positions, strict=True)
    ]
    return DescriptorSets(descriptors, positions=positions), y


def test_positions_and_weights_pass_through_splits_without_routing(rng):
    X, y = labelled(rng)
    pipeline = make_pipeline(
        FisherVectorEncoder(2, spatial=(1, 2), random_state=0), LogisticRegression()
    )
    assert cross_val_score(pipeline, X, y, cv=4).mean() > 0.9
    grid = {"fishervectorencoder__spatial": [(2,), "xy", ("xy", 1, 2)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.9 and search.predict(X).shape == (40,)
    train, test, *_ = train_test_split(X, y, random_state=0)
    assert isinstance(train, DescriptorSets) and len(train.positions) == len(train) == 30


@pytest.mark.parametrize("spatial", ["xy", (1, 2), ("xy", 1, 2)])
def test_vectors_are_those_that_encode_gives(rng, spatial):
    X, _ = labelled(rng, 6)
    weights = [rng.random(30) for _ in range(6)]
    X = DescriptorSets(X.descriptors, positions=X.positions, weights=weights)
    encoder = FisherVectorEncoder(3, spatial=spatial, random_state=0).fit(X)
    for vector, *one in zip(encoder.transform(X), X.descriptors, X.positions, weights, strict=True):
        assert np.allclose(vector, encoder.encode(*one), atol=1e-12)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("p", [1, 3])
def test_positions_of_any_dimension_are_appended(rng, encoder, p):
    descriptors = [rng.normal(size=(20, 2)) for _ in range(5)]
    positions = [rng.uniform(-1, 1, (20, p)) for _ in range(5)]
    X = DescriptorSets(descriptors, positions=positions)
    found = encoder(3, spatial="xy", xy_weight=0.5, random_state=0).fit(X)
    joint = [np.hstack([s, 0.5 * q]) for s, q in zip(descriptors, positions, strict=True)]
    assert np.array_equal(found.transform(X), encoder(3, random_state=0).fit_transform(joint))
    _, means, where = found.component_descriptors()
    assert means.shape == (3, 2) and where.shape == (3, p)
    with pytest.raises(ValueError, match="A pyramid takes two"):
        encoder(3, spatial=(1, 2)).fit(X)
    with pytest.raises(ValueError, match=f"positions of {p} dimensions here; these have {p + 1}"):
        more = [np.hstack([q, q[:, :1]]) for q in positions]
        found.transform(DescriptorSets(descriptors, positions=more))


def test_sets_without_positions_are_an_error_where_these_are_needed(rng, descriptors):
    X, _ = labelled(rng, 5)
    for spatial in ("xy", (1, 2)):
        encoder = FisherVectorEncoder(2, spatial=spatial, random_state=0)
        with pytest.raises(ValueError, match="or DescriptorSets with positions"):
            encoder.fit(X.descriptors)
        with pytest.raises(ValueError, match="spatial needs positions of the descriptors"):
            encoder.fit(X).transform(X.descriptors)


def test_sets_in_files_keep_what_belongs_to_them(rng, tmp_path):
    X, _ = labelled(rng, 4)
    mapped = []
    for i, s in enumerate(X.descriptors):
        np.save(tmp_path / f"{i}.npy", s)
        mapped.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    weights = [1, 2, 1, 0.5]
    a, b = (
        FisherVectorEncoder(2, spatial=(1, 2), random_state=0)
        .fit(DescriptorSets(X.descriptors, positions=X.positions))
        .transform(DescriptorSets(s, positions=X.positions, weights=weights))
        for s in (X.descriptors, mapped)
    )
    assert np.array_equal(a, b)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_weights_are_those_that_fit_and_transform_take(rng, descriptors, encoder):
    weights = [rng.random(len(s)) for s in descriptors]
    X = DescriptorSets(descriptors, weights=weights)
    a = encoder(3, random_state=0)
    b = encoder(3, random_state=0)
    assert np.array_equal(a.fit_transform(X), b.fit_transform(descriptors, sample_weight=weights))
    assert np.array_equal(
        a.fit(X).transform(descriptors),
        b.fit(descriptors, sample_weight=weights).transform(descriptors),
    )


def test_an_index_becomes_that_of_the_vectors_where_there_is_none(descriptors):
    encoder = FisherVectorEncoder(2, random_state=0).set_output(transform="pandas")
    assert isinstance(encoder.fit_transform(numbered(descriptors)), pd.DataFrame)


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"positions": [np.zeros((6, 2))]}, "positions are of 1 sets, but there are 5 sets"),
        ({"positions": [np.zeros((6, 2))] * 5}, "Set 1 has 0 descriptors, but 6 positions"),
        ({"weights": [1, 2]}, r"weights must have shape \(5,\), one for every set"),
        ({"weights": [[1] * 6] * 5}, "Set 1 has 0 descriptors, but 6 weights"),
        ({"weights": [1, 1, -1, 1, 1]}, r"weights\[2\] is -1, a negative weight"),
        ({"weights": [0] * 5}, "All weights are zero"),
    ],
)
def test_what_does_not_match_is_named(descriptors, beside, message):
    with pytest.raises(ValueError, match=message):
        DescriptorSets(descriptors, **beside)


def test_positions_outside_of_the_unit_square_are_named(descriptors):
    positions = [np.zeros((len(s), 2)) for s in descriptors]
    positions[3][2] = 640, 480
    with pytest.raises(ValueError, match=r"positions of set 3 reach from 0 to 640; .* \[-1, 1\]"):
        DescriptorSets(descriptors, positions=positions)
    with pytest.raises(ValueError, match="positions have no dimension"):
        DescriptorSets(descriptors, positions=[np.zeros((len(s), 0)) for s in descriptors])
    positions[3] = np.zeros((4, 3))
    with pytest.raises(ValueError, match="positions of set 3 have 3 dimensions, those of set 0 2"):
        DescriptorSets(descriptors, positions=positions)


def test_a_table_is_no_sequence_of_sets():
    with pytest.raises(ValueError, match="every row of a table is a set of one"):
        DescriptorSets(np.ones((4, 3)))


def test_other_estimators_refuse_them(descriptors):
    X = numbered(descriptors)
    with pytest.raises(TypeError, match="DescriptorSets are no array"):
        DiagonalGaussianMixture().fit(X)
    with pytest.raises(TypeError, match="for encoders without extractor"):
        FisherVectorEncoder(extractor=ImagePatches()).fit(X)


@pytest.mark.parametrize("beside", ["positions", "weights"])
def test_what_can_be_read_once_is_refused_beside_sets_too(descriptors, beside):
    once = (
        np.zeros((len(s), 2))[:, 0 if beside == "weights" else slice(None)] for s in descriptors
    )
    with pytest.raises(TypeError, match=rf"{beside} is an iterator .*, which .* list\({beside}\)"):
        DescriptorSets(descriptors, **{beside: once})
