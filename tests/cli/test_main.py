"""The command line as a whole."""

import pytest

from skvae.cli import main


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        (["compare", "--features", "sift"], "fv_vae_patches"),
        (["compare", "--classifiers", "forest"], "svm"),
        (["compare", "--dataset", "imagenet"], "fashion-mnist"),
        (["compare", "--n-seeds", "0"], "0 is less than 1"),
        (["train", "--latent-dim", "two"], "'two' is no whole number"),
        (["recipe", "sift"], "fv_vae_patches"),
        ([], "COMMAND"),
    ],
)
def test_unknown_options_list_the_choices(arguments, choices, capsys):
    with pytest.raises(SystemExit) as exit_:
        main.main(arguments)

    assert exit_.value.code == 2
    assert choices in capsys.readouterr().err
