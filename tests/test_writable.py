import pytest

from skvae._writable import check_writable


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path):
    (tmp_path / "old").write_text("old")
    check_writable(tmp_path / "old")
    check_writable(tmp_path / "folder" / "new")

    assert (tmp_path / "old").read_text() == "old"
    assert not any((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("name", [".", "file/new"])
def test_a_folder_and_a_file_as_a_folder_cannot_be_written(name, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match=f"^{tmp_path / name} cannot be written: "):
        check_writable(tmp_path / name)
