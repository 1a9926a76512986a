"""A file is written whole or not at all, and whether it can be is known before."""

import errno
import os
import stat

import pytest

from skvae.data.writable import check_writable, replacing


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path):
    (tmp_path / "old").write_text("old")
    check_writable(tmp_path / "old")
    check_writable(tmp_path / "folder" / "new")

    assert (tmp_path / "old").read_text("utf-8") == "old"
    assert not any((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("name", [".", "file/new"])
def test_a_folder_and_a_file_as_a_folder_cannot_be_written(name, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match=f"^{tmp_path / name} cannot be written: "):
        check_writable(tmp_path / name)


def write(path, content):
    with replacing(path) as file:
        file.write(content)


def test_what_is_written_replaces_what_was_there_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "folder" / "new"
    for content in (b"first", b"second"):
        write(path, content)

        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_the_old_file_stays_until_all_of_the_new_one_is_written(error, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as file:
        file.write(b"half")
        raise error

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_an_error_that_names_the_path(tmp_path, full_disk):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    expected = f"^{path} cannot be written: File too large"
    with pytest.raises(OSError, match=expected) as error, full_disk():
        write(path, bytes(2000))
    assert error.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", b"new")
    read = os.read(reader, 10)
    os.close(reader)

    assert read == b"new"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
