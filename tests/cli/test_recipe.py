from skvae import recipes
from skvae.cli import main


def test_recipe_prints_the_pipeline(capsys):
    assert main.main(["recipe", "fv", "--dataset", "mnist"]) == 0
    assert capsys.readouterr().out.strip() == repr(recipes.make("fv", "mnist"))
