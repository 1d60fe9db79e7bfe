"""The doors: what Salt's loader finds in them on a node and on a master, and what they say where they cannot work."""

import ast

import pytest
import salt.loader

from saltext.chef_backend.node import host
from tests.functional.loading.doors import DOORS, functions
from tests.functional.minion import REPO, minion_opts

NO_BACKEND = "no Chef Backend here: neither /opt/chef-backend nor its data is there"
NO_FRONTEND = "no Chef Infra Server here: neither /opt/opscode nor its data is there"
NEITHER = "neither Chef Backend nor Chef Infra Server here"
EVERYWHERE = "never said: it is of use everywhere"
NO_MASTER = "no master here: this is for orchestrations and runners"
BACKEND, FRONTEND = "/opt/chef-backend", "/opt/opscode"

# what each door says where it cannot work
REASONS = {
    "_modules": {
        "chef_backend": NO_BACKEND,
        "chef_backend_membership": NO_BACKEND,
        "chef_backend_services": NO_BACKEND,
        "chef_backend_agent": NO_BACKEND,
        "chef_server": NO_FRONTEND,
        "chef_server_agent": NO_FRONTEND,
        "chef_backend_probe": NO_FRONTEND,
        "chef_backend_environment": EVERYWHERE,
    },
    "_states": {
        "chef_backend": NEITHER,
        "chef_backend_cluster": NO_BACKEND,
        "chef_backend_index": NO_BACKEND,
        "chef_server": NO_FRONTEND,
        "chef_server_index": NO_FRONTEND,
        "chef_server_upgrade": NO_FRONTEND,
        "chef_backend_run": NO_MASTER,
        "chef_backend_downtime": NO_MASTER,
        "chef_backend_reindex": NO_MASTER,
        "chef_backend_replace": NO_MASTER,
        "chef_backend_fleet": NO_MASTER,
        "chef_backend_way": NO_MASTER,
        "chef_server_run": NO_MASTER,
    },
    "_runners": {"chef_backend": NO_MASTER},
}
ON_A_NODE = [NO_BACKEND, NO_FRONTEND, NEITHER, EVERYWHERE]


def names(kind, reasons):
    """Return what the doors of a kind are called by Salt that say one of these where they cannot work."""
    return {door.name for door in DOORS if door.kind == kind and REASONS[kind][door.file] in reasons}


# what is there


@pytest.mark.filterwarnings("ignore:'crypt' is deprecated")  # of one of Salt's own, which are all loaded here
def test_on_a_node_there_are_the_operators_modules_and_the_agents_and_nothing_that_they_import(shared):
    found = set(shared.call("sys.list_functions", "chef_*"))
    assert {name.partition(".")[0] for name in found} == {
        "chef_backend",
        "chef_server",
        "chef_backend_agent",
        "chef_server_agent",
        "chef_backend_probe",
        "chef_backend_environment",
    }
    assert found == set(functions("_modules"))


def test_on_a_node_there_are_the_states_of_nodes_and_nothing_that_they_import(shared):
    found = set(shared.call("sys.list_state_functions", "chef_*"))
    assert found == set(functions("_states", names("_states", ON_A_NODE)))


def test_on_a_master_there_are_the_states_of_runs_and_nothing_that_they_import(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(host, "ROOT", tmp_path)  # on which nothing is installed
    found = set(hub.functions["sys.list_state_functions"]("chef_*"))
    assert found == set(functions("_states", names("_states", [NO_MASTER])))


def test_on_a_master_there_is_the_runner_and_nothing_that_it_imports(hub):
    found = {name for name in salt.loader.runner(hub.opts) if name.startswith("chef_")}
    assert found == set(functions("_runners"))


def test_every_function_and_every_state_is_described():
    for door in DOORS:
        for name, node in door.functions.items():
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            assert first.endswith((".", ":")) or ". " in first, name


# what is not


class Loaded:
    """The doors of this tree, loaded by Salt for a node or a master whose files lie below a folder."""

    def __init__(self, root, **more):
        opts = minion_opts(root, **more)
        utils = salt.loader.utils(opts)
        modules = salt.loader.minion_mods(opts, utils=utils, context={})
        self.loaders = {
            "_modules": modules,
            "_states": salt.loader.states(opts, modules, utils, salt.loader.serializers(opts)),
            "_runners": salt.loader.runner(opts, utils=utils),
        }
        for door in DOORS:
            self.loaders[door.kind]._load_module(door.file)

    def refused(self):
        """Return what the doors say that refuse to be loaded, by kind and file."""
        missing = {kind: loader.missing_modules for kind, loader in self.loaders.items()}
        said = {kind: {} for kind in self.loaders}
        for door in DOORS:
            if door.file in missing[door.kind]:
                said[door.kind][door.file] = missing[door.kind][door.file]
        return said


@pytest.fixture(name="loaded")
def fixture_loaded(tmp_path, monkeypatch):
    """Return a function that loads all doors on a machine on which these folders are."""
    monkeypatch.setattr(host, "ROOT", tmp_path)

    def load(*folders, **more):
        for folder in folders:
            (tmp_path / folder.lstrip("/")).mkdir(parents=True)
        return Loaded(tmp_path, **more)

    return load


def reasons(*said):
    """Return what the doors say that say one of these."""
    return {kind: {file: text for file, text in doors.items() if text in said} for kind, doors in REASONS.items()}


def test_every_door_is_written_down_here():
    assert {(door.kind, door.file) for door in DOORS} == {(kind, file) for kind in REASONS for file in REASONS[kind]}


def test_where_nothing_of_chef_is_every_door_says_why_it_is_of_no_use(loaded):
    assert loaded().refused() == reasons(NO_BACKEND, NO_FRONTEND, NEITHER, NO_MASTER)


def test_on_a_backend_only_what_is_for_frontends_and_masters_is_missing(loaded):
    assert loaded(BACKEND).refused() == reasons(NO_FRONTEND, NO_MASTER)


def test_on_a_frontend_only_what_is_for_backends_and_masters_is_missing(loaded):
    assert loaded(FRONTEND).refused() == reasons(NO_BACKEND, NO_MASTER)


def test_on_a_master_only_what_is_for_nodes_is_missing(loaded):
    assert loaded(__role="master").refused() == reasons(NO_BACKEND, NO_FRONTEND, NEITHER)


def test_on_a_master_that_is_a_backend_too_nothing_but_what_is_for_frontends_is_missing(loaded):
    assert loaded(BACKEND, __role="master").refused() == reasons(NO_FRONTEND)


@pytest.mark.parametrize("folder", ["/opt/chef-backend", "/etc/chef-backend", "/var/opt/chef-backend"])
def test_a_backend_whose_package_or_data_is_left_is_one_still(loaded, folder):
    assert NO_BACKEND not in loaded(folder).refused()["_modules"].values()


@pytest.mark.parametrize("folder", ["/opt/opscode", "/etc/opscode", "/var/opt/opscode"])
def test_a_frontend_whose_package_or_data_is_left_is_one_still(loaded, folder):
    assert NO_FRONTEND not in loaded(folder).refused()["_modules"].values()


def test_whoever_calls_what_is_of_no_use_here_is_told_why(loaded):
    here = loaded()
    for kind in REASONS:
        for name in functions(kind, names(kind, [NO_BACKEND, NO_FRONTEND, NEITHER, NO_MASTER])):
            assert name not in here.loaders[kind]
            said = here.loaders[kind].missing_fun_string(name)
            assert said.startswith(f"'{name.partition('.')[0]}' __virtual__ returned False: "), said
            assert said.partition(": ")[2] in (NO_BACKEND, NO_FRONTEND, NEITHER, NO_MASTER)


# the package is no door


def test_no_part_of_the_package_is_a_module_of_salts_own(shared, hub):
    assert [path.name for path in (REPO / "_utils").glob("*") if path.name != "__pycache__"] == ["saltext"]
    for opts in (shared.opts, hub.opts):
        assert "saltext" not in salt.loader.utils(opts).file_mapping


@pytest.mark.parametrize("kind", sorted(REASONS))
def test_a_door_attaches_itself_before_it_imports_of_the_package(kind):
    for path in sorted((REPO / kind).glob("*.py")):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "saltext" in line and line[0] != " "]
        assert lines[:2] == ["import saltext.chef_backend", "saltext.chef_backend.attach(__file__)"], path
        assert {line.partition(" import ")[0].partition(".chef_backend")[0] for line in lines[2:]} == {"from saltext"}
