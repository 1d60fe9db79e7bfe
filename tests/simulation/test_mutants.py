"""Each mechanism that can be taken out is there; that the simulation finds it, ``mutants`` prints, in minutes."""

import pytest

from tests.simulation.mutants import catch
from tests.simulation.mutations import MUTANTS
from tests.simulation.night import Schedule, spend


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_source(mutant):
    assert mutant.code() != mutant.function_object().__code__


def test_a_mutant_is_at_large_only_while_it_is_let():
    mutant = next(one for one in MUTANTS if one.name == "signals are not heard")
    function = mutant.function_object()
    before = function.__code__
    with mutant.at_large():
        assert function.__code__ != before
    assert function.__code__ == before
    assert not spend(Schedule("rolling")).violations


def test_the_simulation_finds_a_mechanism_that_is_taken_out():
    mutant = next(one for one in MUTANTS if one.name == "orders are not fenced")
    caught = catch(mutant, 1500)
    assert caught.violation is not None
