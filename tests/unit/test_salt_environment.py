"""What a process of the master's is told of its own Salt."""

import subprocess

import pytest
import salt.config
import salt.fileserver
import yaml

from saltext.chef_backend import digest, salt_environment
from tests import built


def test_the_masters_user_is_its_configurations_whoever_asked_for_the_orchestration(tmp_path):
    """Salt puts the caller into the options: a run that salt-api was asked for was refused on the packages' master."""
    config = tmp_path / "master"
    config.write_text(yaml.safe_dump({"user": "salt", "root_dir": str(tmp_path)}))
    assert salt_environment.daemon({"conf_file": str(config), "user": "alice"}) == "salt"


@pytest.fixture(name="gitfs")
def fixture_gitfs(tmp_path):
    """Return the options of a master that serves a git repository of this tree."""
    repository = tmp_path / "tree"
    built.copy_tree(repository)
    for words in (["init", "--quiet", "--initial-branch", "main"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
        subprocess.run([*built.GIT, *words], cwd=repository, check=True, timeout=60)
    (tmp_path / "cache").mkdir()
    return {
        **salt.config.master_config(None),
        "cachedir": str(tmp_path / "cache"),
        "extension_modules": str(tmp_path / "extmods"),
        "fileserver_backend": ["gitfs"],
        "gitfs_provider": "gitpython",
        "gitfs_remotes": [f"file://{repository}"],
    }


def test_what_gitfs_serves_has_the_digest_of_this_tree_at_first_and_when_it_is_asked_again(gitfs):
    """Salt's gitfs gives a hash as text at first, and as bytes from then on."""
    salt.fileserver.Fileserver(dict(gitfs)).update()
    told = [salt_environment._Files(gitfs, "main").digest() for _ in range(2)]
    assert told == [digest(), digest()]
