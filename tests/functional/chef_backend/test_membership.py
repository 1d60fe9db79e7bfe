"""States of a backend that is replaced: emptied only by the product's own command, joined only when it is empty."""

import os

import pytest

CTL = "chef-backend-ctl"
CLEANSE = f"{CTL} cleanse --yes"
PEER = "10.0.0.1"
POSTGRESQL = "/var/opt/chef-backend/postgresql"


@pytest.fixture(name="data")
def fixture_data(minion):
    """Return the folder in which the node's PostgreSQL has its data; another service has none."""
    minion.path("/var/opt/chef-backend/etcd/data/x")  # its folder is made
    minion.write(f"{POSTGRESQL}/9.5/data/PG_VERSION", "9.5")
    return minion.path(POSTGRESQL)


@pytest.fixture(name="secrets")
def fixture_secrets(minion):
    """Return a file of secrets that only its owner reads."""
    path = minion.path("/root/secrets.json")
    path.write_text("{}", encoding="utf-8")
    path.chmod(0o600)
    return path


class TestEmptied:
    def test_test_mode(self, minion, recorded, data):
        done = minion.state("chef_backend_cluster.emptied", "data", test=True)
        assert (done["result"], done["comment"]) == (None, "would delete all data of be1")
        assert done["changes"] == {"data": {"old": [POSTGRESQL], "new": []}}
        assert recorded.words == []

    def test_emptied_and_seen(self, minion, recorded, data):
        recorded.say(CLEANSE, deletes=[data])
        done = minion.state("chef_backend_cluster.emptied", "data")
        assert (done["result"], done["comment"]) == (True, "all data of be1 is deleted")
        assert done["changes"] == {"data": {"old": [POSTGRESQL], "new": []}}
        again = minion.state("chef_backend_cluster.emptied", "data")
        assert (again["result"], again["changes"], again["comment"]) == (True, {}, "be1 holds no data")
        assert recorded.words == [CLEANSE.split()]

    def test_status_0_and_the_data_still_there(self, minion, recorded, data):
        recorded.say(CLEANSE)
        done = minion.state("chef_backend_cluster.emptied", "data")
        assert done["result"] is False
        assert done["comment"] == f"cleanse ended with status 0, but {POSTGRESQL} still holds files"

    def test_cleanse_fails(self, minion, recorded, data):
        recorded.say(CLEANSE, "no\n", status=1)
        done = minion.state("chef_backend_cluster.emptied", "data")
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"] == f"be1: {CLEANSE} ended with status 1:\n  no"

    @pytest.fixture(name="saving")
    def fixture_saving(self, minion, recorded, data):
        """This node has settings; cleanse deletes all, and saves them where it has saved others before."""
        minion.write("/etc/chef-backend/chef-backend.rb", "fqdn 'be1'")
        minion.write("/etc/chef-backend/chef-backend-secrets.json", "{}")
        minion.write("/root/chef-backend-cleanse-2025/chef-backend.rb", "fqdn 'of before'")
        etc, saved = minion.path("/etc/chef-backend"), minion.path("/root/chef-backend-cleanse-2026")
        copies = {etc / name: saved / name for name in ("chef-backend.rb", "chef-backend-secrets.json")}
        return {"copies": copies, "deletes": [etc, data]}

    def test_p3_the_settings_that_cleanse_has_saved_are_back(self, minion, recorded, saving):
        recorded.say(CLEANSE, **saving)
        done = minion.state("chef_backend_cluster.emptied", "data")
        assert (done["result"], done["comment"]) == (True, "all data of be1 is deleted, its settings are back")
        assert done["changes"]["settings"] == {"old": None, "new": ["chef-backend.rb", "chef-backend-secrets.json"]}
        assert minion.path("/etc/chef-backend/chef-backend.rb").read_text() == "fqdn 'be1'"
        assert minion.path("/etc/chef-backend/chef-backend-secrets.json").read_text() == "{}"
        assert minion.state("chef_backend_cluster.emptied", "data")["comment"] == "be1 holds no data"
        assert recorded.words == [CLEANSE.split()]

    def test_p3_whoever_died_after_cleanse_copies_the_settings_back_the_next_time(self, minion, recorded, saving):
        recorded.say(CLEANSE, status=1, **saving)
        assert minion.state("chef_backend_cluster.emptied", "data")["result"] is False
        would = minion.state("chef_backend_cluster.emptied", "data", test=True)
        assert (would["result"], would["comment"]) == (None, "would copy the settings of be1 back")
        done = minion.state("chef_backend_cluster.emptied", "data")
        assert (done["result"], set(done["changes"])) == (True, {"settings"})
        assert minion.path("/etc/chef-backend/chef-backend.rb").read_text() == "fqdn 'be1'"
        assert recorded.words == [CLEANSE.split()]

    def test_p3_settings_that_cleanse_has_not_saved_are_asked_for(self, minion, recorded, saving):
        recorded.say(CLEANSE, deletes=saving["deletes"])
        for _ in range(2):
            done = minion.state("chef_backend_cluster.emptied", "data")
            assert done["result"] is False
            assert (
                "cleanse has saved no chef-backend.rb below /root/chef-backend-cleanse*: copy this" in done["comment"]
            )
        minion.write("/etc/chef-backend/chef-backend.rb", "fqdn 'be1'")
        assert minion.state("chef_backend_cluster.emptied", "data")["result"] is True

    def test_what_cleanse_leaves_of_the_product_is_named(self, minion, recorded, data):
        minion.write("/var/opt/chef-backend/leaderl/data/unsynced", "x")
        recorded.say(CLEANSE, deletes=[data])
        for number in range(1, 3):  # whoever comes next tries once more
            done = minion.state("chef_backend_cluster.emptied", "data")
            assert done["comment"] == "cleanse ended with status 0, but /var/opt/chef-backend/leaderl still holds files"
            assert recorded.words == [CLEANSE.split()] * number
            recorded.say(CLEANSE)
        recorded.say(CLEANSE, deletes=[minion.path("/var/opt/chef-backend")])
        assert minion.state("chef_backend_cluster.emptied", "data")["result"] is True

    def test_the_settings_themselves_are_restored_and_no_old_copy_that_lies_below_them(self, minion, recorded, saving):
        saved = next(iter(saving["copies"].values())).parent
        for name, text in (("before/chef-backend.rb", "fqdn 'old'"), ("trusted_certs/ca.pem", "pem")):
            minion.write(f"/etc/chef-backend/{name}", text)
            saving["copies"][minion.path(f"/etc/chef-backend/{name}")] = saved / name
        recorded.say(CLEANSE, **saving)
        done = minion.state("chef_backend_cluster.emptied", "data")
        assert done["result"] is True, done["comment"]
        assert minion.path("/etc/chef-backend/chef-backend.rb").read_text() == "fqdn 'be1'"
        assert minion.path("/etc/chef-backend/trusted_certs/ca.pem").read_text() == "pem"

    def test_what_leaderl_keeps_of_before_is_data_too(self, minion, recorded):
        minion.write("/var/opt/chef-backend/leaderl/data/no-start-pgsql", "")
        recorded.say(CLEANSE, deletes=[minion.path("/var/opt/chef-backend/leaderl")])
        done = minion.state("chef_backend_cluster.emptied", "data")
        assert (done["result"], recorded.words) == (True, [CLEANSE.split()])
        assert done["changes"]["data"] == {"old": ["/var/opt/chef-backend/leaderl"], "new": []}


class TestJoined:
    def join(self, minion, secrets, **more):
        return minion.state("chef_backend_cluster.joined", "member", peer=PEER, secrets=str(secrets), **more)

    def line(self, secrets, licence=False):
        words = f"{CTL} join-cluster {PEER} -s {secrets}"
        return f"{words} --accept-license -y" if licence else f"{words} -y"

    def test_p3_a_former_member_comes_back_with_recovery_and_its_own_secrets(self, minion, recorded, secrets):
        line = f"{CTL} join-cluster {PEER} --recovery -y"
        recorded.say(line)
        minion.write("/etc/chef-backend/chef-backend.rb", "fqdn 'be1'")
        minion.write("/etc/chef-backend/chef-backend-secrets.json", "{}")
        assert self.join(minion, secrets)["result"] is True
        assert recorded.words == [line.split()]

    def test_a_host_whose_own_secrets_are_not_the_clusters_is_of_another_cluster(self, minion, recorded, secrets):
        minion.write("/etc/chef-backend/chef-backend.rb", "fqdn 'be1'")
        minion.write("/etc/chef-backend/chef-backend-secrets.json", '{"of": "another"}')
        done = self.join(minion, secrets)
        assert (done["result"], recorded.words) == (False, [])
        assert "differ: is this host of another cluster" in done["comment"]

    def test_one_that_has_no_secrets_of_before_is_a_new_one(self, minion, recorded, secrets):
        recorded.say(self.line(secrets))
        minion.write("/etc/chef-backend/chef-backend.rb", "fqdn 'be1'")
        assert self.join(minion, secrets)["result"] is True
        assert recorded.words == [self.line(secrets).split()]

    def test_test_mode(self, minion, recorded, secrets):
        done = self.join(minion, secrets, test=True)
        assert (done["result"], done["comment"]) == (None, f"would join the cluster of {PEER}")
        assert recorded.words == []

    @pytest.mark.parametrize("licence", [False, True])
    def test_joined(self, minion, recorded, secrets, licence):
        recorded.say(self.line(secrets, licence))
        done = self.join(minion, secrets, accept_license=licence)
        assert (done["result"], done["comment"]) == (True, f"joined the cluster of {PEER}")
        assert done["changes"] == {"member of": {"old": None, "new": PEER}}
        assert recorded.words == [self.line(secrets, licence).split()]

    def test_a_node_with_data_is_left_alone(self, minion, recorded, data, secrets):
        done = self.join(minion, secrets)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"] == f"be1 holds data in {POSTGRESQL}: nothing was done"
        assert recorded.words == []

    def test_join_cluster_fails(self, minion, recorded, secrets):
        recorded.say(self.line(secrets), "timed out\n", status=1)
        done = self.join(minion, secrets)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].endswith("ended with status 1:\n  timed out")


class TestSecrets:
    def refused(self, minion, recorded, path, said):
        done = minion.state("chef_backend_cluster.joined", "member", peer=PEER, secrets=path)
        assert (done["result"], done["changes"]) == (False, {})
        assert said in done["comment"]
        assert recorded.words == []

    @pytest.mark.parametrize("path", ["", "secrets.json", None, ["/root/x"]])
    def test_no_path(self, minion, recorded, path):
        self.refused(minion, recorded, path, f"secrets: {path!r}: expected an absolute path on be1")

    def test_nothing_there(self, minion, recorded, tmp_path):
        self.refused(minion, recorded, str(tmp_path / "x"), "No such file or directory on be1: copy another backend's")

    @pytest.mark.parametrize("folder", ["/etc/chef-backend", "/var/opt/chef-backend"])
    def test_where_cleanse_deletes(self, minion, recorded, folder, tmp_path):
        minion.write(f"{folder}/secrets.json", "{}")
        path = minion.path(f"{folder}/secrets.json")
        self.refused(minion, recorded, str(path), "cleanse deletes what lies there: put it elsewhere on be1")
        link = tmp_path / "link"
        link.symlink_to(path)
        self.refused(minion, recorded, str(link), "cleanse deletes what lies there")

    def test_what_others_may_read_is_empty_or_no_file(self, minion, recorded, secrets, tmp_path):
        secrets.chmod(0o640)
        self.refused(minion, recorded, str(secrets), "expected a file of root's, mode 0600, not empty, on be1")
        secrets.chmod(0o600)
        secrets.write_text("", encoding="utf-8")
        self.refused(minion, recorded, str(secrets), "not empty")
        self.refused(minion, recorded, str(tmp_path), "expected a file")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_of_another_user(self, minion, recorded, secrets):
        os.chown(secrets, 65534, -1)
        self.refused(minion, recorded, str(secrets), "expected a file of root's")
