"""What is kept of a night for whoever wants to know more: everything said, the journal, the logs."""

import contextlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.campaign import look
from tests.campaign.schedules import Schedule
from tests.campaign.seen import Seen
from tests.lab import salt
from tests.lab.common import LabError
from tests.lab.evidence import Event
from tests.lab.hosts import Lab

READING = ("cluster-status", "status", "version", "show-config")


def keep(folder: Path, seen: Seen, violations: Sequence[str]) -> None:
    """Write the story of a night: what happened when, in seconds since its begin."""
    (folder / "story.txt").write_text(story(seen, violations))
    (folder / "schedule.json").write_text(json.dumps(seen.schedule.to_dict(), indent=1))
    (folder / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in seen.events))


def keep_disks(folder: Path, lab: Lab) -> None:
    """Copy the logs of master and minions, and what the extension keeps on each host that is on."""
    with contextlib.suppress(OSError):
        shutil.copy(salt.LOG, folder / "master.log")
    for host in lab.hosts:
        with contextlib.suppress(OSError, LabError, shutil.Error):
            target = folder / host
            target.mkdir(exist_ok=True)
            shutil.copy(lab.root(host) / look.LOG, target / "minion.log")
            shutil.copytree(lab.root(host) / look.OWN, target / "own", dirs_exist_ok=True)
            shutil.copytree(lab.root(host) / "var/log/chef-backend", target / "product", dirs_exist_ok=True)


def story(seen: Seen, violations: Sequence[str]) -> str:
    """Return it as text."""
    lines: list[tuple[float, str]] = []
    for said in seen.said:
        words = " ".join(said.words)
        lines.append((said.began, f"{said.who} types {words}"))
        lines.append((said.ended, f"{said.who}'s command ends with status {said.status}: {words[:60]}"))
    for one in seen.struck:
        lines.append((one.began, f"FAULT {one.fault} [{one.where}] {one.missed}"))
        if one.ended is not None and one.fault.seconds:
            lines.append((one.ended, f"over: {one.fault.kind} [{one.where}]"))
    lines += [(event["time"], text) for event in seen.events if (text := _text(event))]
    lines += [(left.at, f"left alone: {left}") for left in seen.left]
    told = [f"{time - seen.began:8.1f}  {text}" for time, text in sorted(lines)]
    told += [f"advised: {what}" for what in seen.advised]
    verdict = [f"VIOLATION {line}" for line in violations]
    head = f"{seen.schedule}\nleader {seen.leader}, target {seen.target}; {seen.outcome}; {seen.end}\n"
    counted = f"{seen.writes} writes, {len(seen.lost)} lost, {seen.revived} revived, pause {seen.pause:.1f} s"
    return "\n".join([head, *told, "", counted, *verdict]) + "\n"


def _text(event: Event) -> str:
    what, host = event["event"], event["host"]
    if what in ("begin", "end"):
        words = event["argv"]
        if len(words) > 1 and words[1] in READING:
            return ""
        how = f" with {event['status']}" if what == "end" else ""
        return f"{host}: {' '.join(words)} {what}s{how}"
    if what in ("leads", "stops-leading"):
        return f"{host} {what} {event.get('how', event.get('why', ''))}"
    return ""


def folder_of(root: Path, schedule: Schedule) -> Path:
    """Return a new, empty folder for a night."""
    folder = root / f"{schedule.number:04}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
