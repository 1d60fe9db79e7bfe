"""What a process of the master's is told of its own Salt."""

import yaml

from saltext.chef_backend import salt_environment


def test_the_masters_user_is_its_configurations_whoever_asked_for_the_orchestration(tmp_path):
    """Salt puts the caller into the options: a run that salt-api was asked for was refused on the packages' master."""
    config = tmp_path / "master"
    config.write_text(yaml.safe_dump({"user": "salt", "root_dir": str(tmp_path)}))
    assert salt_environment.daemon({"conf_file": str(config), "user": "alice"}) == "salt"
