import pytest
from sklearn.pipeline import Pipeline

from skvae import datasets, recipes
from skvae.cli import main


@pytest.mark.parametrize("name", recipes.FEATURES)
def test_a_recipe_is_a_program_that_makes_its_pipeline(name, monkeypatch, capsys):
    assert main.main(["recipe", name, "--dataset", "digits"]) == 0
    program = capsys.readouterr().out
    fitted = []

    def fit_transform(self, X, y=None):
        fitted.append(self)
        assert X.shape == (datasets.load_digits().n_train, 64) and X.max() == 1 and len(y) == len(X)
        return X

    monkeypatch.setattr(Pipeline, "fit_transform", fit_transform)
    exec(program, {})

    assert repr(fitted[0]) == repr(recipes.make(name, "digits"))
    assert capsys.readouterr().out.startswith("(")


def test_every_data_set_of_a_recipe_has_a_loader(capsys):
    for dataset in recipes.PROFILES:
        main.main(["recipe", "pca", "--dataset", dataset])
        (line,) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("data = "))
        assert hasattr(datasets, line.removeprefix("data = datasets.").removesuffix("()"))
