"""A file in a folder of another user is neither read nor written through what that user has prepared."""

import os

import pytest

from saltext.chef_backend.node import foreign


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    """Return the other user's folder; beside it lies what only root reads."""
    (tmp_path / "shadow").write_text("secret", encoding="utf-8")
    (tmp_path / "theirs").mkdir()
    return tmp_path / "theirs"


def test_what_is_written_is_read_whole_and_belongs_to_whom_the_folder_belongs(folder):
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    foreign.write(folder / "level", "one\n")
    foreign.write(folder / "level", "two\n")
    assert foreign.read(folder / "level") == "two\n"
    assert [path.name for path in folder.iterdir()] == ["level"], "nothing else is left"
    assert (folder / "level").stat().st_uid == folder.stat().st_uid


def test_a_folder_that_is_not_there_is_made(tmp_path):
    foreign.write(tmp_path / "opt" / "upgrades" / "level", "one")
    assert foreign.read(tmp_path / "opt" / "upgrades" / "level") == "one"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_that_is_a_link_is_not_read_and_what_it_leads_to_is_not_written(folder, link):
    link(folder.parent / "shadow", folder / "level")
    with pytest.raises(OSError, match=r"Too many levels|expected a file of the folder's owner"):
        foreign.read(folder / "level")
    foreign.write(folder / "level", "two")
    assert (folder.parent / "shadow").read_text(encoding="utf-8") == "secret"
    assert foreign.read(folder / "level") == "two"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_what_only_root_reads_is_not_read_where_its_user_has_moved_it_to(folder):
    os.chown(folder, 65534, 65534)
    os.rename(folder.parent / "shadow", folder / "level")
    (folder / "level").chmod(0o600)
    with pytest.raises(OSError, match="expected a file of the folder's owner"):
        foreign.read(folder / "level")
    (folder / "level").chmod(0o644)  # as root has copied it by hand
    assert foreign.read(folder / "level") == "secret"


def test_a_folder_that_is_a_link_is_refused(folder):
    (folder / "upgrades").symlink_to(folder.parent)
    for act in (lambda path: foreign.write(path, "two"), foreign.read):
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
            act(folder / "upgrades" / "shadow")
    assert (folder.parent / "shadow").read_text(encoding="utf-8") == "secret"


def test_a_pipe_does_not_hold_up_its_reader_and_what_is_endless_is_not_read(folder):
    os.mkfifo(folder / "level")
    with pytest.raises(OSError, match="expected a file of the folder's owner"):
        foreign.read(folder / "level")
    (folder / "large").write_bytes(b"x" * (foreign.LARGEST + 1))
    with pytest.raises(OSError, match="less than 1 MiB"):
        foreign.read(folder / "large")
