"""What is taken out: the mechanisms that stand alone between a fault and what it would do.

Others have a second one behind them, so that a night does not miss them, and unit tests hold them: who sees what is at
work (a command is not begun beside another on its node either), what a silent node counts for (it is its turn), in
which order record and failover are written and that close does not trust the table (the dead man's switch orders it
on), that the highest copy of a record is the truth and a take-over needs a majority (the gates need everybody), that
abort looks (its failover stays off), that a leader comes last (it is the last turn), that the next turn waits for
the cluster to be whole (the node before has waited for it), what another target may not drop (it finishes it too), that
maintenance mode is seen from outside when it was switched on (so it is again before a backend goes down), that a whole
follower takes the backup (it is taken, and noted, before anything is half-upgraded).

No night holds what else the protocol was mended for, and unit tests do as well: a frontend that leaves the pillar, an
API that never answers, a lease that is too short, ids and texts of minions, files below a name of another user's, and
Salt 3006, which takes modules away from whoever is closing a run.
"""

from tests.simulation.mutants import Mutant

MUTANTS = (
    Mutant(
        "who has the lower word replaces the higher",
        "node.record_file",
        "_yields",
        "return wanted.word > found.word and not",
        "return not",
    ),
    Mutant("orders are not fenced", "node.fence", "obey", "if why:", "if False:"),
    Mutant(
        "an order is obeyed however long it has waited",
        "judge.fence",
        "refusal",
        "if waited is None or waited > word.lease:",
        "if False:",
        kinds=("minion stunned",),
    ),
    Mutant(
        "the dead man's switch switches without giving its run up",
        "node.deadman",
        "look",
        "record_file.give_up(host, record.run, record.epoch)",
        "True",
        kinds=("orchestration stopped",),
    ),
    Mutant(
        "the dead man's switch does not look at what is half-upgraded",
        "judge.failover",
        "stuck",
        "if view.half_upgraded",
        "if False",
    ),
    Mutant(
        "the dead man's switch does not look at whose turn it is",
        "judge.failover",
        "why_off",
        "for node in names(turn) if node not in asked",
        "for node in ()",
    ),
    Mutant(
        "another backend switches failover while the first may be at it still",
        "run.failover",
        "_by_the_first_that_can",
        "if at_work:",
        "if False:",
        ("rolling", "reindex"),
        kinds=("command hangs",),
    ),
    Mutant(
        "a frontend that was brought back obeys once more what took it out",
        "run.frontends",
        "in_service",
        ', {"step": "bring the frontends back"}',
        "",
        ("reindex",),
        kinds=("order doubled",),
    ),
    Mutant("signals are not heard", "run.signals", "Signals.hear", "if self._end is None:", "if False:"),
    Mutant(
        "clients are let in on an index that is not whole",
        "record",
        "frontends_may_serve",
        "return not run.down and not run.finished and",
        "return True or",
        ("reindex",),
    ),
    Mutant(
        "a node that leads no more goes down as if it led",
        "node.upgrade",
        "down_for_upgrade",
        "_goes_in_its_turn(host)",
        "pass",
        ("downtime",),
        kinds=("lead moves by itself",),
    ),
    Mutant(
        "a node that leads no more is upgraded as if it led",
        "node.upgrade",
        "upgraded",
        "if handover and not leads and not begun:",
        "if False:",
        kinds=("lead moves by itself",),
    ),
    Mutant(
        "what an order waits for in the middle of its work does not count",
        "judge.fence",
        "waited",
        "return now[1] - since if boot == now[0] else None",
        "return 0.0 if holds else now[1] - since if boot == now[0] else None",
        ("frontends",),
        kinds=("minion stunned",),
    ),
    Mutant(
        "ages are told by the wall clock",
        "node.age",
        "outdated",
        'if noted.get("ctime") != unpacked:',
        "if True:",
        kinds=("clock steps",),
    ),
    Mutant(
        "the settle time is told by the wall clock",
        "node.age",
        "of_services",
        "began = host.processes.began(service.pid) if service.pid else None",
        "began = None",
        ways=("reindex",),
        kinds=("clock steps",),
    ),
    Mutant(
        "a frontend that is out of service starts with its host",
        "node.clients",
        "_keep_down",
        "for folder in _kept_down(host, how):",
        "for folder in ():",
        ("downtime", "reindex"),
        kinds=("node without power",),
    ),
    Mutant(
        "no firewall keeps clients from the frontend that builds the index",
        "run.reindexing",
        "_kept_out",
        '["orch.node.kept_out", sls]',
        "[sls]",
        ("reindex",),
    ),
    Mutant(
        "failover is left on where the lead goes from one to the next",
        "judge.deadman",
        "_of_a_reindex",
        "if nowhere and not beneath:",
        "if False:",
        ("reindex",),
        kinds=("orchestration gets signal 9", "master lost for good"),
    ),
    Mutant(
        "an index of which a part is missing counts as filled",
        "judge.parity",
        "compare",
        "if has != found:",
        "if has and not documents:",
        ("reindex",),
    ),
    Mutant(
        "a backup that was taken is not noted",
        "node.backup",
        "taken",
        "record_file.backed_up_here(host, archive.name)",
        "pass",
        kinds=("orchestration gets signal 9",),
    ),
    Mutant(
        "frontends do not hear that their run has ended",
        "run.closing",
        "_spread",
        "_on_its_own(lambda: lock.spread(master, lock.held(master, run.cluster) or run))",
        "pass",
        ("frontends", "rolling"),
        kinds=("order late",),
    ),
)
