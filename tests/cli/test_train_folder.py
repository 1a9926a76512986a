import pytest

from skvae.cli.train_folder import claim

CHECKPOINT = "checkpoint-0123456789abcdef.npz"

SETTINGS = {"latent_dim": 2}


def test_new_and_empty_folders_are_taken(tmp_path):
    for folder in (tmp_path, tmp_path / "a" / "b"):
        claim(folder, SETTINGS, resume=False, overwrite=False)
        assert list(folder.glob("*.json"))


@pytest.mark.parametrize("options", [(False, False), (True, False), (False, True)])
def test_the_folders_of_others_are_refused_whatever_is_asked_for(tmp_path, options):
    (tmp_path / CHECKPOINT).write_text("precious")
    resume, overwrite = options
    with pytest.raises(FileExistsError, match="did not write.*Give a new folder"):
        claim(tmp_path, SETTINGS, resume=resume, overwrite=overwrite)

    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_an_earlier_run_needs_a_word(tmp_path):
    claim(tmp_path, SETTINGS, resume=False, overwrite=False)
    with pytest.raises(FileExistsError, match="--resume goes on with it, --overwrite deletes"):
        claim(tmp_path, SETTINGS, resume=False, overwrite=False)
    assert claim(tmp_path, SETTINGS, resume=True, overwrite=False) == tmp_path


def test_overwriting_deletes_what_a_run_wrote_and_nothing_else(tmp_path):
    claim(tmp_path, SETTINGS, resume=False, overwrite=False)
    ours = ["iter_1000_prior_predictive_0.png", "events.out.tfevents.1.host", CHECKPOINT]
    for name in (*ours, "notes.txt", "thesis.png"):
        (tmp_path / name).write_text("")
    claim(tmp_path, {"latent_dim": 3}, resume=False, overwrite=True)

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"skvae-train.json", "notes.txt", "thesis.png"}


@pytest.mark.parametrize("content", ["{", "[1]", "null", "[" * 100_000])
def test_a_damaged_description_is_named(tmp_path, content):
    (tmp_path / "skvae-train.json").write_text(content)
    with pytest.raises(ValueError, match="skvae-train.json is damaged .*: --overwrite starts"):
        claim(tmp_path, SETTINGS, resume=True, overwrite=False)
    claim(tmp_path, SETTINGS, resume=False, overwrite=True)
    claim(tmp_path, SETTINGS, resume=True, overwrite=False)


def test_going_on_needs_the_same_settings(tmp_path):
    claim(tmp_path, SETTINGS, resume=False, overwrite=False)
    with pytest.raises(ValueError, match="latent_dim was 2 and is 3"):
        claim(tmp_path, {"latent_dim": 3}, resume=True, overwrite=False)
