"""The frontends' own upgrade: who is first, who is due, whose migration-level counts, and what is refused."""

import pytest

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge import server
from saltext.chef_backend.product.version import Version

OLD, NEW = Version(14, 16, 19), Version(15, 10, 12)
SERVER = pillars.Server(NEW, pillars.Package("/x.deb", "0"), accept_license=True)


def drained(node, version):
    return server.Frontend(node, version, drained=True)


def frontends(**versions):
    """Frontends by name; a version in a list has an upgrade that begun and did not end."""
    return [
        server.Frontend(node, v[0] if isinstance(v, list) else v, isinstance(v, list)) for node, v in versions.items()
    ]


def test_the_first_by_name_migrates_the_others_follow():
    seen = frontends(fe2=OLD, fe1=OLD, fe3=OLD)
    assert server.due(seen, NEW) == ["fe1", "fe2", "fe3"]
    assert server.source(seen, NEW) is None


def test_who_runs_the_target_is_left_alone_and_gives_its_migration_level():
    seen = frontends(fe1=OLD, fe2=NEW)
    assert server.due(seen, NEW) == ["fe1"]
    assert server.source(seen, NEW) == "fe2"


@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_upgrade_that_died_half_way_goes_on_first_and_is_no_source(version):
    seen = frontends(fe1=OLD, fe2=[version])
    assert server.due(seen, NEW) == ["fe2", "fe1"]
    assert server.source(seen, NEW) is None


def test_who_lacks_nothing_but_its_clients_comes_before_all_others_and_is_a_source():
    seen = [*frontends(fe1=OLD, fe3=[NEW]), drained("fe2", NEW)]
    assert server.due(seen, NEW) == ["fe2", "fe3", "fe1"]
    assert server.source(seen, NEW) == "fe2"


def test_a_frontend_that_is_drained_or_half_upgraded_is_unfinished():
    seen = [*frontends(fe1=OLD, fe2=NEW, fe3=[OLD]), drained("fe4", NEW), drained("fe5", OLD)]
    assert server.unfinished(seen) == ["fe3", "fe4", "fe5"]


@pytest.mark.parametrize(
    ("seen", "serving"),
    [
        (frontends(fe1=OLD, fe2=OLD), ["fe1", "fe2"]),  # nothing has been touched: all must be well
        (frontends(fe1=[NEW], fe2=OLD), []),  # the database may be migrated already
        (frontends(fe1=NEW, fe2=OLD, fe3=OLD), ["fe1"]),
        (frontends(fe1=NEW, fe2=[NEW], fe3=NEW), ["fe1", "fe3"]),
        ([drained("fe1", NEW), *frontends(fe2=OLD)], ["fe1"]),
    ],
)
def test_who_must_serve_before_another_is_touched(seen, serving):
    assert server.who_serves(seen, NEW) == serving


def test_all_done():
    assert server.due(frontends(fe1=NEW, fe2=NEW), NEW) == []
    server.refuse(frontends(fe1=NEW, fe2=NEW), SERVER)


def test_a_run_that_ended_half_way_is_no_mixture():
    server.refuse(frontends(fe1=NEW, fe2=OLD), SERVER)


@pytest.mark.parametrize(
    ("seen", "wanted", "said"),
    [
        (frontends(fe1=Version(15, 11, 0), fe2=OLD), SERVER, "fe1 runs 15.11.0, which is newer than 15.10.12"),
        (frontends(fe1=OLD, fe2=Version(12, 17, 5)), SERVER, "run different versions (fe1 14.16.19, fe2 12.17.5)"),
        (frontends(fe1=OLD), pillars.Server(NEW, SERVER.package), "server:accept_license: true"),
    ],
)
def test_refused_in_words(seen, wanted, said):
    with pytest.raises(ValueError) as caught:
        server.refuse(seen, wanted)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("version", "target", "over"),
    [
        ((11, 1, 6), (12, 3, 0), None),
        ((11, 1, 6), (12, 17, 15), (12, 3, 0)),
        ((11, 1, 6), (15, 10, 12), (12, 3, 0)),
        ((12, 0, 1), (12, 17, 15), None),
        ((12, 17, 5), (12, 17, 15), None),
        ((12, 17, 5), (13, 0, 0), (12, 17, 15)),
        ((12, 3, 0), (15, 10, 12), (12, 17, 15)),
        ((12, 17, 15), (15, 10, 12), None),
        ((14, 16, 19), (15, 10, 12), None),
    ],
)
def test_the_steps_that_the_documents_name(version, target, over):
    assert server.step(Version(*version), Version(*target)) == (Version(*over) if over else None)


def test_a_target_that_is_a_step_too_far_is_refused_and_the_step_named():
    with pytest.raises(ValueError, match=r"fe1 runs 12\.17\.5: to 15\.10\.12 it has to go over 12\.17\.15: name that"):
        server.refuse(frontends(fe1=Version(12, 17, 5)), SERVER)


def test_before_13_no_licence_is_asked_for():
    server.refuse(frontends(fe1=Version(12, 3, 0)), pillars.Server(Version(12, 17, 5), SERVER.package))


@pytest.mark.parametrize("done", [None, "1.30", "0.99"])
def test_a_database_that_has_not_all_migrations_of_the_release_is_named_whatever_the_status_said(done):
    with pytest.raises(
        Refused, match="fe1: chef-server-ctl upgrade ended with status 0, but the database is at migration"
    ):
        server.migrated("fe1", "1.31", done)


def test_one_that_has_them_or_more_is_well_and_what_is_not_known_is_said():
    assert server.migrated("fe1", "1.31", "1.31") == "the database is at migration 1.31"
    assert server.migrated("fe1", "1.31", "2.0") == "the database is at migration 2.0"
    assert server.migrated("fe1", None, "1.31") == "which migrations the release on fe1 brings is not known"
