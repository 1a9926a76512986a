import json
import re

import joblib
import numpy as np
import pytest
import skops.io

from skvae import VAETransformer, datasets
from skvae.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    X = np.random.default_rng(0).random((30, 64))
    vae = VAETransformer(2, hidden_layer_sizes=(4,), max_iter=1).fit(X)
    folder = tmp_path_factory.mktemp("models")
    skops.io.dump(vae, folder / "vae.skops")
    joblib.dump(vae, folder / "vae.joblib")
    (folder / "vae.txt").write_text("no estimator")

    return folder / "vae"


@pytest.mark.slow
def test_explore_writes_a_page(model, tmp_path, capsys):
    page = tmp_path / "page.html"
    command = ["explore", f"{model}.skops", "--output", str(page), "--dataset", "digits"]

    assert main.main([*command, "--title", "Mine"]) == 0
    assert "open it in a browser" in capsys.readouterr().out
    assert "<h1>Mine</h1>" in page.read_text("utf-8")
    assert '"image": [8, 8, 1]' in page.read_text("utf-8")
    assert main.main([*command, "--image-shape", "4", "16"]) == 0
    assert '"image": [4, 16, 1]' in page.read_text("utf-8")
    assert main.main([*command, "--table"]) == 0
    assert '"image": null' in page.read_text("utf-8")


def test_images_have_the_units_of_the_fit(tmp_path, digits):
    """The same model in other units makes the same page, but for what is in those units."""
    pages = []
    for unit in (1, 16):
        options = {"max_value": unit, "hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}
        options["likelihood"] = "bernoulli"
        vae = VAETransformer(2, **options).fit(digits[0] * np.float32(unit))
        skops.io.dump(vae, tmp_path / "vae.skops")
        command = ["explore", str(tmp_path / "vae.skops"), "--dataset", "digits", "--output"]
        for more in ([], ["--max-value", str(unit)]):
            assert main.main([*command, str(tmp_path / "page.html"), *more]) == 0
            text = (tmp_path / "page.html").read_text("utf-8")
            pages.append(json.loads(re.search('"points": ({.*?}), "prior"', text)[1]))

    assert pages[0] == pages[1] == pages[2] == pages[3]


def test_pickles_have_to_be_allowed(model, tmp_path, capsys):
    command = ["explore", f"{model}.joblib", "--output", str(tmp_path / "page.html")]

    assert main.main(command) == 1
    assert "runs the code inside: allow that with --allow-pickle" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
    assert main.main([*command, "--allow-pickle"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([".missing"], "vae.missing: No such file or directory."),
        ([".txt", "--allow-pickle"], "holds no estimator that can be read"),
        ([".missing", "--output", "/dev/null/page.html"], "/dev/null/page.html cannot be written"),
        ([".skops", "--dataset", "fashion-mnist"], "X has 784 features"),
    ],
)
def test_failures_are_a_message(arguments, message, model, capsys, monkeypatch):
    load = type("Bunch", (), {"data": np.zeros((4, 784)), "n_train": 2, "max_value": 255})
    load.target, load.target_names = np.array([0, 1, 0, 1]), ["a", "b"]
    monkeypatch.setitem(datasets.DATASETS, "fashion-mnist", lambda data_home: load)

    assert main.main(["explore", str(model) + arguments[0], *arguments[1:]]) == 1
    assert message in capsys.readouterr().err
