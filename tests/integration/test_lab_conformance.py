"""The model of the product that the simulation uses, and the lab's stand-ins: the same conversations with both.

What they print must be the same words, and what a cluster shows when it has come to rest the same table.
"""

import dataclasses
import json
from collections.abc import Callable

import pytest

from tests.integration.lab_people import install, install_server, the_leader, until
from tests.lab import health
from tests.lab.clients.tally import KEPT_OUT
from tests.lab.index import creator
from tests.simulation import conversation
from tests.simulation.conversation import Facts, Model, Said, plain
from tests.simulation.place import BACKENDS
from tests.simulation.product.frontend import FAILS, REFUSES

CONVERSATIONS = 110
IDENTITY = "var/opt/chef-backend/leaderl/data/identity.json"


@pytest.mark.parametrize("seed", range(CONVERSATIONS))
def test_a_conversation_goes_alike_with_the_model_and_the_stand_ins(lab, seed, tmp_path):
    facts = facts_of(lab)
    model = Model(facts, tmp_path)
    try:
        agree(lab, model)
        for step in conversation.drawn(seed):
            name = conversation.named(step.who, the_leader(lab))
            assert name == model.name(step.who)
            expected = model.say(step.who, step.words)
            assert said(lab, facts, name, step.words) == expected, (name, step)
            agree(lab, model)
    finally:
        model.end()


@pytest.mark.spoils
@pytest.mark.parametrize("server", ["14.16.19", "15.10.63"])
def test_a_frontends_clients_are_let_in_and_refused_alike(lab, server, tmp_path):
    install_server(lab, "fe1", server)
    facts = dataclasses.replace(facts_of(lab), server=server)
    model = Model(facts, tmp_path)
    try:
        for step in conversation.CLIENTS:
            expected = model.say(step.who, step.words)
            assert said(lab, facts, step.who, step.words) == expected, step
            comes_to(lambda: clients_get(lab), model.clients_get())
    finally:
        model.end()


def clients_get(lab) -> dict[str, str]:
    """What each frontend does with its clients."""
    words = {health.LET_IN: conversation.LETS_IN, KEPT_OUT: REFUSES, health.NO_CONNECTION: REFUSES}
    return {name: words.get(health.client_gets(lab.address(name)), FAILS) for name in lab.frontends}


def facts_of(lab) -> Facts:
    """What the lab's cluster is now."""
    versions = {
        name: json.loads((lab.root(name) / "opt/chef-backend/version-manifest.json").read_text())["build_version"]
        for name in BACKENDS
    }
    guids = {name: json.loads((lab.root(name) / IDENTITY).read_text())["guid"] for name in BACKENDS}
    leader = the_leader(lab)
    return Facts(versions, guids, leader, creator(lab, leader), lab.server)


def said(lab, facts: Facts, name: str, words: tuple[str, ...]) -> Said:
    """Do a step in the lab."""
    if words[0] == "power":
        (lab.power_on if words[1] == "on" else lab.power_off)(name)
        return Said(0, "")
    if words[0] == "install":
        install(lab, name, words[1])
        return Said(0, "")
    done = lab.exec(name, *words, check=False)
    return Said(done.returncode, plain("\n".join(filter(None, (done.stdout, done.stderr))), facts.guids))


def agree(lab, model: Model) -> None:
    """See that the lab comes to show what the model shows; a difference that stays is told."""
    wanted = model.shown()

    def shown() -> dict[str, str]:
        return {
            name: said(lab, model.facts, name, ("chef-backend-ctl", "cluster-status")).text
            + "\n"
            + said(lab, model.facts, name, ("chef-backend-ctl", "status")).text
            for name in wanted
        }

    comes_to(shown, wanted)


def comes_to(shown: Callable[[], dict[str, str]], wanted: dict[str, str]) -> None:
    """See that the lab comes to show what the model does; a difference that stays is told."""
    try:
        until(lambda: shown() == wanted, "the lab shows what the model shows")
    except AssertionError:
        assert shown() == wanted
