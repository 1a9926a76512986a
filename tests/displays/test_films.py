import numpy as np
import pytest
from sklearn.datasets import load_digits

from skvae import VAETransformer
from skvae.displays.films import PictureFolder, save_films, save_gif

Image = pytest.importorskip("PIL.Image", reason="needs the extra 'train'")

PIXELS, Y = load_digits(return_X_y=True)
PIXELS = PIXELS.astype(np.uint8)


@pytest.fixture(scope="module")
def vae():
    options = {"hidden_layer_sizes": (64,), "max_iter": 30, "learning_rate_init": 4e-3}
    return VAETransformer(2, max_value=16, binarize="threshold", random_state=0, **options).fit(
        PIXELS[:500]
    )


def pictures(folder, n_samples=3, n_components=2, n=40):
    X, y = PIXELS[-n:], Y[-n:]
    options = {"n_samples": n_samples, "n_components": n_components}
    return PictureFolder(folder, X, y, (8, 8), 16, class_names=list("0123456789"), **options)


def read(path):
    return np.asarray(Image.open(path))


@pytest.mark.slow
def test_files_bear_the_names_of_the_seed_and_hold_the_same_digits_throughout(tmp_path, vae):
    drawn = pictures(tmp_path)
    images = [drawn.draw(vae, iteration) for iteration in (100, 1000)]
    for k in range(3):
        names = (
            f"posterior_predictive_{k}_data",
            f"posterior_predictive_{k}_sample",
            f"prior_predictive_{k}",
        )
        for name in names:
            first = read(tmp_path / f"iter_100_{name}.png")
            assert np.array_equal(first, read(tmp_path / f"iter_1000_{name}.png"))
            assert first.shape == (8, 8) and set(np.unique(first)) <= {0, 255}
        data = read(tmp_path / f"iter_100_{names[0]}.png")
        assert np.array_equal(data > 0, PIXELS[-40 + k].reshape(8, 8) > 8)
    for batches in images:
        assert batches.keys() == {"data", "posterior_predictive", "prior_predictive"}
        assert batches["data"].shape == (8, 8, 8)


@pytest.mark.slow
def test_what_is_drawn_of_test_digits_looks_like_them(tmp_path, vae):
    data, drawn, others = pictures(tmp_path, n_samples=40).draw(vae, 1).values()

    assert np.abs(data - drawn).mean() < 0.95 * np.abs(data - others).mean()


def test_the_manifold_lies_as_on_paper(tmp_path, vae):
    pictures(tmp_path).draw(vae, 5)
    canvas = read(tmp_path / "prior_predictive_map_frame_5.png")
    assert canvas.shape == (160, 160)
    corners = {(-3, -3): (slice(-8, None), slice(8)), (3, 3): (slice(8), slice(-8, None))}
    for z, (rows, columns) in corners.items():
        expected = vae.inverse_transform(np.array([z], float)).reshape(8, 8) / 16
        np.testing.assert_allclose(canvas[rows, columns] / 255, expected, atol=0.003)


@pytest.mark.slow
def test_films_show_the_frames_in_the_order_of_iterations(tmp_path, vae):
    drawn = pictures(tmp_path)
    for iteration in (900, 1000, 20_000):
        drawn.draw(vae, iteration)
    shades = {900: 10, 1000: 120, 20_000: 250}
    for iteration, shade in shades.items():
        path = tmp_path / f"prior_predictive_map_frame_{iteration}.png"
        Image.new("L", (160, 160), shade).save(path)
    save_films(tmp_path)
    film = Image.open(tmp_path / "prior_predictive.gif")
    found = []
    for frame in range(film.n_frames):
        film.seek(frame)
        found.append(film.convert("L").getpixel((0, 0)))

    np.testing.assert_allclose(found, list(shades.values()), atol=2)
    assert film.info["loop"] == 0
    assert Image.open(tmp_path / "posterior_predictive.gif").size == (800, 600)


def test_maps_are_of_planes_only(tmp_path):
    vae = VAETransformer(3, max_value=16, binarize="threshold", max_iter=1).fit(PIXELS[:100])
    drawn = pictures(tmp_path, n_components=3)
    drawn.draw(vae, 1)
    save_films(tmp_path)

    assert not list(tmp_path.glob("*map*")) and not list(tmp_path.glob("*.gif"))


def test_one_frame_is_a_film_too(tmp_path):
    Image.new("L", (4, 4), 7).save(tmp_path / "a.png")
    save_gif([tmp_path / "a.png"], tmp_path / "a.gif")
    assert Image.open(tmp_path / "a.gif").size == (4, 4)


@pytest.mark.parametrize("name", ["film.gif", "iter_1_prior_predictive_0.png"])
def test_a_full_disk_leaves_the_picture_that_was_there(name, tmp_path, vae, full_disk):
    frame = tmp_path / "frame.png"
    Image.fromarray(np.tile(PIXELS[0].reshape(8, 8), (20, 20))).save(frame)
    path = tmp_path / "run" / name
    path.parent.mkdir()
    path.write_text("old")
    with pytest.raises(OSError, match=f"^{path} cannot be written: "), full_disk():
        if name == "film.gif":
            save_gif([frame, frame], path)
        else:
            noise = np.random.default_rng(0).random((8, 8))
            pictures(path.parent)._save(noise, name)

    assert path.read_text("utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]
