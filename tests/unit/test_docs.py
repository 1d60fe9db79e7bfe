"""The pages say what the code says: keys, defaults, messages, steps, fields, files; and their links lead somewhere.

What lies in docs/ is linked by Sphinx (`make docs`); the pages outside of it are looked at here.
"""

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from saltext.chef_backend import journal, record, settings
from saltext.chef_backend.judge import fleet, kinds

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "_utils/saltext/chef_backend"
REFERENCE = CHECKOUT / "docs/reference"
PAGES = [CHECKOUT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")]
PAGES += [CHECKOUT / "changelog/README.md", *sorted((CHECKOUT / "tests").rglob("README.md"))]
MESSAGES = ("gates", "answers", "downtime", "replace", "server", "request", "way", "waiver")
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^()\s:]+)\)")
KINDS = {
    "A cluster": settings.Cluster,
    "package": settings.Package,
    "hops": settings.Hop,
    "server": settings.Server,
    "window": settings.Window,
    "probe": settings.Probe,
    "gates": settings.Gates,
    "timeouts": settings.Timeouts,
    "fleet": fleet.Group,
    "reactor": settings.Reactor,
}
TOLD = {"window:timezone": "UTC"}  # a default that the pillar's reader has, and no field


def text_of(page):
    return (REFERENCE / page).read_text(encoding="utf-8")


def rows_below(text, heading):
    """Return the cells of the first table below a heading, its head left out."""
    below = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in below.splitlines() if line[:1] == "|"]
    return rows[2:]


def headings(path):
    """Return the anchors of a page's headings, as a forge makes them."""
    found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_readme_is_read_in_one_go():
    assert len((CHECKOUT / "README.md").read_text(encoding="utf-8").splitlines()) <= 110


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_the_map_names_files_that_are_there():
    named = {span for span in SPAN.findall((CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8"))}
    files = {span for span in named if re.fullmatch(r"[\w./-]+\.(py|sls|yaml|md|sh|txt|cfg)|[\w./-]+/", span)}
    assert len(files) > 50
    assert {file for file in files if not any((place / file).exists() for place in (CHECKOUT, PACKAGE))} == set()


@pytest.mark.parametrize("heading", KINDS)
def test_the_pillars_keys_stand_there_with_their_defaults(heading):
    kind = KINDS[heading]
    told = {SPAN.findall(row[0])[0]: row[2] for row in rows_below(text_of("pillar.md"), heading)}
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    if kind is settings.Cluster:
        del defaults["name"]  # it is the key of the whole
    assert list(told) == sorted(defaults, key=list(told).index)
    for key, default in defaults.items():
        shown = TOLD.get(f"{heading}:{key}", default)
        if shown is dataclasses.MISSING:
            assert told[key] == "required", key
        elif shown is None or shown == ():
            assert told[key] == "none", key
        elif isinstance(shown, settings.Gates | settings.Timeouts):
            assert told[key] == "as there", key
        else:
            assert told[key] == f"`{str(shown).lower() if isinstance(shown, bool) else shown}`", key


def raised(name):
    """Return the longest fixed part of each message that a module of `judge` refuses something with."""
    tree = ast.parse((PACKAGE / f"judge/{name}.py").read_text(encoding="utf-8"))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    said = [call.args[0] for call in calls if call.args]
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    said += [word.value for call in made for word in call.keywords if word.arg == "refused"]
    said += [call.args[1] for call in made if call.args and getattr(call.args[0], "value", "") == "refused"]
    for message in said:
        parts = [node.value for node in ast.walk(message) if isinstance(node, ast.Constant)]
        longest = max((str(part) for part in parts), key=len, default="")
        if len(longest) > 8:
            yield longest.strip(" ,.;:()'")


@pytest.mark.parametrize("name", MESSAGES)
def test_every_refusal_is_explained(name):
    page = text_of("reasons.md")
    said = list(raised(name))
    assert said
    assert [part for part in said if part not in page] == []


def test_every_reason_for_not_healthy_is_explained():
    page, tree = text_of("reasons.md"), ast.parse((PACKAGE / "judge/health.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason"]
    words = {call.args[2].value for call in calls if isinstance(call.args[2], ast.Constant)}
    words |= {
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and getattr(node.targets[0], "id", "") == "advice"
        and isinstance(node.value, ast.Constant)
    }
    assert len(words) > 20
    assert sorted(word for word in words if word.strip() not in page) == []


def test_the_guides_table_of_codes_says_what_the_code_says():
    told = [tuple(row) for row in rows_below(text_of("reasons.md"), "Codes")]
    assert told == [
        (f"`{kind.code}`", kind.severity, "yes" if kind.waivable else "no", kind.means) for kind in kinds.KINDS.values()
    ]


def test_every_step_that_is_told_is_listed():
    page, steps = text_of("events.md"), set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        steps |= set(re.findall(r'(?:journal\.told\(host|progress\.tell\(master, record), "([a-z ]+)"', text))
    assert len(steps) > 15
    listed = {span for row in rows_below(page, "Steps") for span in SPAN.findall(row[0])}
    assert steps <= listed
    assert {journal.GATE, journal.COMMAND, "probe", "restore failover", "failover on", "failover off"} <= listed


@pytest.mark.parametrize(
    ("heading", "kind"), [("Fields of an entry", journal.Entry), ("The record", record.Record)], ids=["entry", "record"]
)
def test_every_field_is_listed(heading, kind):
    listed = {span for row in rows_below(text_of("events.md"), heading) for span in SPAN.findall(row[0])}
    assert listed == {field.name for field in dataclasses.fields(kind)}


def test_every_door_has_its_place_in_the_reference():
    wanted = {
        f"saltext.chef_backend.{path.parent.name[1:]}.{path.stem}"
        for kind in ("_grains", "_modules", "_runners", "_states")
        for path in (CHECKOUT / kind).glob("*.py")
    }
    found = [name for path in REFERENCE.rglob("*.rst") for name in re.findall(r"automodule:: (\S+)", path.read_text())]
    assert sorted(found) == sorted(wanted)


def test_every_verb_of_the_runner_is_in_the_table_of_commands():
    tree = ast.parse((CHECKOUT / "_runners/chef_backend.py").read_text(encoding="utf-8"))
    verbs = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}
    listed = re.findall(r"[a-z]+", " ".join(row[0] for row in rows_below(text_of("commands.md"), "The runner")))
    assert verbs <= set(listed)
