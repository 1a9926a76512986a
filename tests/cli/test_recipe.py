import io
import os
import sys

import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from skvae import datasets, recipes
from skvae.cli import main
from skvae.table_recipes import TABLE_FEATURES


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


def test_a_recipe_reads_from_the_folder_that_was_given(capsys):
    main.main(["recipe", "pca", "--dataset", "mnist", "--data-home", "sets"])
    assert "datasets.load_mnist(data_home='sets')" in capsys.readouterr().out


@pytest.mark.parametrize("name", TABLE_FEATURES)
def test_a_recipe_for_a_table_is_a_program_that_makes_its_pipeline(
    name, tmp_path, monkeypatch, capsys
):
    path = tmp_path / "table.csv"
    table = pd.DataFrame({"id": [1, 2], "age": [3.0, None], "sex": ["f", "m"], "y": ["u", "v"]})
    table.to_csv(path, sep=";", index=False)
    assert main.main(["recipe", name, "--data", str(path), "--target", "y", "--drop", "id"]) == 0
    program = capsys.readouterr().out
    fitted = []

    def fit_transform(self, X, y=None):
        fitted.append(self)
        assert list(X.columns) == ["age", "sex"] and list(y) == ["u", "v"]
        return X

    monkeypatch.setattr(Pipeline, "fit_transform", fit_transform)
    exec(program, {})

    assert repr(fitted[0]) == repr(recipes.make_for_table(name, table[["age", "sex"]]))


def test_a_program_in_a_file_is_one_for_python_whatever_the_names(tmp_path, monkeypatch):
    path = tmp_path / ("größe.csv" if os.name == "nt" else r"C:\Users\größe.csv")
    path.write_text("größe,λ,y\n1,2,u\n2,1,v\n", "utf-8")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "latin-1"))
    assert main.main(["recipe", "raw", "--data", str(path), "--target", "λ"]) == 0
    sys.stdout.flush()
    program = sys.stdout.buffer.getvalue()

    compile(program, "features.py", "exec")
    assert "['λ']".encode() in program


def test_a_feature_of_sets_is_refused_for_a_table(tmp_path, capsys):
    (tmp_path / "table.csv").write_text("a,y\n1,u\n2,v\n")
    arguments = ["recipe", "fv", "--data", str(tmp_path / "table.csv"), "--target", "y"]

    assert main.main(arguments) == 1
    assert "'fv' is unknown for tables" in capsys.readouterr().err
