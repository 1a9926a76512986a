"""What is in the page, without a browser."""

import base64
import html
import json
import os
import re
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skvae import FisherVectorEncoder, VAETransformer, save_explorer
from skvae.explorer.page import MAX_FEATURES, MAX_POINTS


def vae(n_components=2, **options):
    options = {"hidden_layer_sizes": (8,), "max_iter": 1, "random_state": 0} | options

    return VAETransformer(n_components, **options)


@pytest.fixture(scope="module")
def digits(digits):
    """As many as a page's scatter needs."""
    X, y = digits
    return X[:400], y[:400]


@pytest.fixture
def page(tmp_path):
    """Write a page; returns its text."""

    def write(estimator, *args, **options):
        save_explorer(estimator, tmp_path / "new" / "page.html", *args, **options)
        return (tmp_path / "new" / "page.html").read_text("utf-8")

    return write


def content_of(text):
    return json.loads(re.search(r'id="content">(.*?)</script>', text, re.DOTALL)[1])


def test_nothing_is_loaded(page, digits):
    text = page(vae().fit(digits[0]), *digits)

    assert "{{" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(?!data:)|@import|url\(|sourceMappingURL', text)
    assert "default-src 'none'" in text
    assert text.count("<script") == text.count("</script>") == 4
    assert "Permission is hereby granted" in text


@pytest.mark.parametrize(
    "text", ["</script><b>", "{{ 7 * 7 }}", "{% raw %}", "{# #}", "&amp;\"'", "<!--<script>"]
)
def test_text_of_the_user_is_text(page, digits, text):
    X, y = digits
    names = [text, *"123456789"]
    written = page(vae().fit(X), X, y, class_names=names, title=f"<i>{text}</i>")
    title = re.search("<title>(.*)</title>", written)[1]

    assert html.unescape(title) == f"<i>{text}</i>" and not re.search("[<>\"']", title)
    assert f"<h1>{title}</h1>" in written
    assert written.count("<script") == written.count("</script>") == 4
    assert content_of(written)["points"]["classes"][0] == {"mark": "0", "name": text}


def test_styles_and_scripts_are_put_in_as_they_are(page, digits):
    text = page(vae().fit(digits[0]))
    folder = files("skvae.explorer")

    for name in ("page.css", "decoder.js", "controls.js"):
        assert folder.joinpath(name).read_text("utf-8") in text


def test_image_or_features(page, digits):
    X = digits[0]
    image = content_of(page(vae(likelihood="bernoulli").fit(X)))
    table = content_of(page(vae().fit(X), image_shape=None))
    wide = content_of(page(vae().fit(X[:, 8:]), image_shape=(7, 8)))

    assert image["image"] == [8, 8, 1] and image["ends"] == [0, 1]
    assert table["image"] is None and len(table["features"]) == 64
    assert wide["image"] == [7, 8, 1]


def test_named_columns_are_features(page):
    X = load_iris(as_frame=True).data
    frame = pd.DataFrame(np.tile(X.to_numpy(), (1, 36)), columns=[f"c{i}" for i in range(144)])
    content = content_of(page(vae().fit(frame)))

    assert [f["name"] for f in content_of(page(vae().fit(X)))["features"]] == list(X.columns)
    assert content["image"] is None
    assert len(content["features"]) == MAX_FEATURES
    assert content["n_features"] == 144


@pytest.mark.slow
def test_a_table_shows_numbers_and_the_probability_of_each_category(page):
    table = pd.DataFrame({"port": ["S", "C", "S"] * 9, "fare": np.arange(27.0)})
    fitted = vae().fit(table)
    content = content_of(page(fitted, table))
    shown = {feature["name"]: feature["ends"] for feature in content["features"]}

    assert list(shown) == list(fitted.columns_.feature_names) == ["fare", "port_C", "port_S"]
    assert shown["port_C"] == shown["port_S"] == [0, 1]
    assert content["image"] is None and len(base64.b64decode(content["points"]["z"])) == 27 * 8
    with pytest.raises(ValueError, match="are no image: leave image_shape out"):
        page(fitted, image_shape=(1, 3))


@pytest.mark.parametrize("variational", [True, False])
def test_columns_that_the_decoder_is_told_are_controls_and_the_others_features(page, variational):
    table = pd.DataFrame({"port": ["S", "C", "S"] * 9, "fare": np.linspace(0, 5, 27), "age": 20.0})
    told = {"conditional": "decoder", "conditions": ["port", "age"], "variational": variational}
    content = content_of(page(vae(**told).fit(table), table))

    assert [feature["name"] for feature in content["features"]] == ["fare"]
    assert content["conditions"] == [
        {"name": "port", "categories": [{"name": "C"}, {"name": "S"}]},
        {"name": "age", "mean": 20.0, "scale": 1.0, "ends": [17.5, 22.5]},
    ]


def test_the_map_has_equal_units_and_room_for_all_classes(page, digits):
    X, y = digits
    model = vae(conditional="prior", max_iter=20).fit(X, y)
    content = content_of(page(model))
    (low_1, high_1), (low_2, high_2) = content["ranges"]

    assert high_1 - low_1 == pytest.approx(high_2 - low_2)
    assert (model.class_means_ - 3.5 >= [low_1 - 1e-5, low_2 - 1e-5]).all()
    assert (model.class_means_ + 3.5 <= [high_1 + 1e-5, high_2 + 1e-5]).all()
    assert [c["name"] for c in content["prior"]["classes"]] == list("0123456789")


def test_classes_with_variances_have_scales(page, digits):
    model = vae(conditional="prior", prior="mixture").fit(*digits)
    prior = content_of(page(model))["prior"]

    assert np.allclose(prior["means"], model.class_means_)
    assert np.allclose(np.square(prior["scales"]), model.class_variances_)


def test_components_of_a_mixture_are_classes(page, digits):
    model = vae(prior="mixture", n_prior_components=3).fit(digits[0])
    prior = content_of(page(model))["prior"]

    assert [c["name"] for c in prior["classes"]] == ["1", "2", "3"]
    assert np.allclose(np.square(prior["scales"]), model.prior_variances_)
    assert np.allclose(prior["weights"], model.prior_weights_)


def test_points_are_posterior_means(page):
    rng = np.random.default_rng(0)
    X = rng.random((MAX_POINTS + 500, 6))
    y = np.where(rng.random(len(X)) < 0.5, "versicolor", "setosa")
    model = vae(output="params").fit(X)
    points = content_of(page(model, X, y))["points"]
    z = np.frombuffer(base64.b64decode(points["z"]), "<f4").reshape(-1, 2)

    assert len(z) == len(points["class_numbers"]) == MAX_POINTS
    assert np.array_equal(z[[0, -1]], model.transform(X)[[0, -1], :2].astype(np.float32))
    assert points["class_numbers"][-1] == ["setosa", "versicolor"].index(y[-1])
    assert points["classes"][1] == {"mark": "1", "name": "versicolor"}


@pytest.mark.parametrize("unknown", [-1, None, np.nan])
def test_points_without_a_label_are_shown_as_such(page, unknown):
    X = np.random.default_rng(0).random((6, 5))
    y = np.array([3, 7, 3, 7, 3, 7], object)
    y[:2] = unknown
    points = content_of(page(vae().fit(X), X, y))["points"]

    assert [c["name"] for c in points["classes"]] == ["3", "7", "unlabelled"]
    assert points["class_numbers"] == [2, 2, 0, 1, 0, 1]
    nothing_known = content_of(page(vae().fit(X), X, [-1] * 6))["points"]
    assert [c["name"] for c in nothing_known["classes"]] == ["unlabelled"]


@pytest.mark.filterwarnings("ignore:Posterior collapse")
@pytest.mark.parametrize("conditional", ["prior", "decoder"])
def test_classes_weigh_the_same_before_the_first_label(page, conditional):
    X = np.random.default_rng(0).random((20, 5))
    model = vae(conditional=conditional).partial_fit(X, np.full(20, -1), classes=["a", "b"])
    content = content_of(page(model, X))

    assert model.sample(3).shape == (3, 5)
    assert np.allclose(model.predict_proba(X).sum(axis=1), 1)
    if conditional == "prior":
        assert content["prior"]["weights"] == [0.5, 0.5]
    else:
        (condition,) = content["conditions"]
        assert condition["name"] == "Class"
        assert [c["name"] for c in condition["categories"]] == ["a", "b"]


def test_what_a_parameter_became_after_the_fit_is_not_shown(page):
    X = np.random.default_rng(0).random((20, 64)) * 255
    model = vae(max_value=255).fit(X)
    before = page(model)
    model.set_params(max_value=1.0, variational=False, conditional="decoder", network="conv")

    assert page(model) == before


def test_grey_levels_without_a_range_are_black_and_white_at_usual_values(page, digits):
    model = vae(max_iter=20).fit(digits[0])
    low, high = content_of(page(model))["ends"]
    rows = model.sample(256)

    assert rows.min() < low < np.quantile(rows, 0.1)
    assert np.quantile(rows, 0.9) < high < rows.max()


def test_a_pipeline_sends_points_through_its_first_steps(page, digits):
    X = digits[0]
    pipeline = make_pipeline(PCA(30), vae()).fit(X * 16)
    alone = content_of(page(pipeline[-1], pipeline[0].transform(X * 16)))

    assert content_of(page(pipeline, X * 16)) == alone


def test_scalers_before_the_vae_give_the_units_of_the_first_x(page):
    X = load_iris(as_frame=True).data
    pipeline = make_pipeline(StandardScaler(), "passthrough", MinMaxScaler(), vae()).fit(X)
    content, alone = content_of(page(pipeline)), content_of(page(pipeline[-1]))
    means = np.linspace(0, 1, 4)
    of_page, of_vae = (
        means * c["decoder"]["scale"] + c["decoder"]["offset"] for c in (content, alone)
    )
    wanted = pipeline[0].inverse_transform(pipeline[2].inverse_transform(of_vae[None]))[0]

    np.testing.assert_allclose(of_page, wanted)
    assert [feature["name"] for feature in content["features"]] == list(X.columns)
    ends = np.array([feature["ends"] for feature in content["features"]])
    assert (ends[:, 0] > 0).all() and (ends[:, 1] < 10).all() and ends[2, 1] > 2


def test_most_informative_dimensions_come_first(page, digits):
    model = vae(5, max_iter=10).fit(digits[0])
    content = content_of(page(model))

    assert content["order"] == list(np.argsort(-model.kl_per_dimension_))


def test_plain_autoencoders_need_rows(page, digits):
    model = vae(3, variational=False).fit(digits[0])
    with pytest.raises(ValueError, match="no prior .* pass rows as X"):
        page(model)
    content = content_of(page(model, digits[0]))
    low, high = np.percentile(model.transform(digits[0]), [0.5, 99.5], axis=0)

    assert np.allclose(content["ranges"], np.stack([low, high], axis=1))
    assert content["nats"] is None


@pytest.mark.slow
def test_what_cannot_be_shown(page, digits):
    X, y = digits
    with pytest.raises(ValueError, match="needs a VAETransformer.*got a FisherVectorEncoder"):
        page(FisherVectorEncoder(2))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        page(vae())
    with pytest.raises(ValueError, match=r"would take \d\.\d MB, and 5 MB are the limit.*weights"):
        page(vae(hidden_layer_sizes=(900, 1000)).fit(X[:40]))
    with pytest.raises(ValueError, match="1 or 3 channels, not of 2"):
        page(vae().fit(X), image_shape=(4, 8, 2))
    with pytest.raises(ValueError, match="means 63 pixels"):
        page(vae().fit(X), image_shape=(7, 9))
    with pytest.raises(ValueError, match="class_names has 2 names, but y has 10 classes"):
        page(vae().fit(X), X, y, class_names=["a", "b"])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        page(vae().fit(X), X, y + 0.5)


@pytest.mark.parametrize("place", ["file/page.html", "folder"])
def test_places_that_cannot_be_written(place, tmp_path, digits):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        save_explorer(vae().fit(digits[0][:40]), os.fspath(tmp_path / place))


def test_a_full_disk_leaves_the_page_that_was_there(tmp_path, digits, full_disk):
    path = tmp_path / "page.html"
    path.write_text("old")
    model = vae().fit(digits[0][:40])
    with pytest.raises(OSError, match=f"^{path} cannot be written: "), full_disk():
        save_explorer(model, path)

    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
