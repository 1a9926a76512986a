import ast
from pathlib import Path

import numpy as np
import pytest

import skvae
from skvae import FisherVectorEncoder
from skvae.fisher.codec import Codec
from skvae.fisher.conventions import convert_layout
from skvae.fisher.energy import energies
from skvae.fisher.layout import GRADIENTS, Layout, by_gradient
from skvae.mixture.moments import n_moments
from skvae.mixture.statistics import Mixture

K, D = 5, 3
ALL = tuple(GRADIENTS)


@pytest.mark.parametrize("kept", [ALL, ("means",), ("weights", "stds"), ("means", "stds")])
def test_unflatten_undoes_flatten(rng, kept):
    gradients = rng.normal(size=(7, K, n_moments(D)))
    layout = Layout(kept, K, D)
    back = by_gradient(layout.unflatten(layout.flatten(gradients)))
    for name, expected in by_gradient(gradients).items():
        assert np.array_equal(back[name], expected if name in kept else 0 * expected)


def test_layout_is_weights_means_stds_component_major(rng):
    gradients = rng.normal(size=(1, K, n_moments(D)))
    vector = Layout(("stds", "weights", "means"), K, D).flatten(gradients)[0]
    assert vector[2] == gradients[0, 2, 0]
    assert vector[K + 2 * D + 1] == gradients[0, 2, 1 + 1]
    assert vector[K + K * D + 2 * D + 1] == gradients[0, 2, 1 + D + 1]


@pytest.mark.parametrize("kept", [ALL, ("means",), ("weights",), ("stds", "means")])
def test_sizes_slices_and_names_agree(rng, kept):
    layout = Layout(kept, K, D)
    assert layout.flatten(np.zeros((1, K, n_moments(D)))).shape == (1, layout.n_features)
    names = layout.feature_names()
    assert len(set(names)) == layout.n_features
    for name, features in layout.slices().items():
        assert all(n.startswith(GRADIENTS[name].label) for n in names[features])
    assert [n.partition("_")[2] for n in names] == layout.feature_names(labelled=False)


def test_weights_are_one_group_and_each_mean_and_deviation_is_one():
    assert Layout(ALL, K, D).group_starts.tolist() == [0, *range(K, K + 2 * K * D, D)]
    assert Layout(("stds",), K, D).group_starts.tolist() == [*range(0, K * D, D)]


@pytest.mark.parametrize("kept", [ALL, ("means", "stds")])
def test_a_length_tells_the_dimensions(kept):
    layout = Layout(kept, K, D)
    assert Layout.of_length(kept, K, layout.n_features) == layout
    for impossible in (0, K, layout.n_features + 1):
        with pytest.raises(ValueError, match="no d gives"):
            Layout.of_length(kept, K, impossible)


# Nobody else knows the order


@pytest.fixture
def other_order(monkeypatch):
    """The gradients laid out the other way round, which nothing remembers as they were."""
    monkeypatch.setattr("skvae.fisher.encoder.recent_codec", Codec)
    kept = dict(GRADIENTS)
    GRADIENTS.clear()
    GRADIENTS.update(reversed(kept.items()))
    yield
    GRADIENTS.clear()
    GRADIENTS.update(kept)


def everything(X):
    """All that depends on a layout, but for the order of features."""
    encoder = FisherVectorEncoder(K, norm="intra", random_state=0).fit(X)
    vectors = encoder.transform(X)
    decoded = encoder.decode_statistics(vectors)
    plain = FisherVectorEncoder(mixture=encoder.mixture_, power=1, norm=None).fit(X).transform(X)
    mixture = Mixture(*(vars(encoder.mixture_)[f"{a}_"] for a in Mixture._fields))
    shares = energies(Codec(mixture, ALL, 0.5, "l2"), X[0])
    by_name = dict(zip(encoder.get_feature_names_out(), vectors.T, strict=True))
    theirs = convert_layout(plain, K, target="scikit-image")
    unsigned = dict(zip(encoder.get_feature_names_out(), np.abs(theirs.T), strict=True))

    return {
        "vectors": by_name,
        "converted": unsigned,
        "decoded": dict(enumerate(decoded)),
        "images": {0: encoder.inverse_transform(vectors)},
        "energies": dict(zip(GRADIENTS, shares, strict=True)),
    }


@pytest.fixture
def expected(rng):
    X = rng.normal(size=(6, 30, D))
    return X, everything(X)


def test_the_order_is_known_to_the_layout_alone(expected, other_order):
    X, before = expected
    now = everything(X)
    assert list(now["vectors"]) != list(before["vectors"])
    for what, values in before.items():
        assert values.keys() == now[what].keys()
        for name, value in values.items():
            assert np.allclose(now[what][name], value, rtol=1e-9, atol=1e-12), (what, name)


def test_the_names_of_all_gradients_stand_together_in_one_file():
    folder = Path(skvae.__file__).parent
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
                items = node.keys if isinstance(node, ast.Dict) else node.elts
                values = {item.value for item in items if isinstance(item, ast.Constant)}
                if values.issuperset(ALL):
                    found.add(path.relative_to(folder).as_posix())
    assert found == {"fisher/layout.py"}
