"""Programs that answer from recorded texts and note how they were called.

A program is the script below, put on PATH under the names it stands for. It looks its answer up in a file, by
the longest beginning of its words that has one, appends its call to another file, and ends. A call without an
answer ends as chef-backend-ctl ends on an unknown command, so nothing passes by accident.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Answer = dict[str, Any]  # what a call does, as `answer` describes it

PROGRAMS = ("chef-backend-ctl", "chef-server-ctl", "psql", "runuser", "dpkg", "dpkg-query", "rpm", "nft")
READING = {  # what a state may call in test mode
    ("chef-backend-ctl", "cluster-status"),
    ("chef-backend-ctl", "status"),
    ("chef-server-ctl", "status"),
    ("psql", "-d"),
    ("runuser", "-u"),
    ("dpkg", "-I"),
    ("dpkg-query", "--showformat"),
    ("rpm", "-q"),
    ("rpm", "-qp"),
    ("nft", "list tables"),
}

SCRIPT = """#!{python} -IS
import json, os, shutil, sys, time

folder = {folder!r}
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
by = os.readlink("/proc/%d/exe" % os.getppid())
call = {{"words": words, "by": by, "licence": os.environ.get("CHEF_LICENSE")}}
with open(folder + "/calls.jsonl", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
if words[0] == "runuser":  # without becoming another user: for that one must be root, and the user be there
    os.execv(words[4], words[4:])
with open(folder + "/answers.json") as file:
    answers = json.load(file)
beginnings = [json.dumps(words[:count]) for count in range(len(words), 0, -1)]
answer = next((answers[key] for key in beginnings if key in answers), None)
if answer is None:
    sys.exit("Unknown command: " + " ".join(words[1:]))
time.sleep(answer["seconds"])
for path, text in answer["writes"].items():
    with open(words[-1] if path == "LAST WORD" else path, "w") as file:
        file.write(text)
end = time.monotonic() + 10
while answer["waits"] and not os.path.exists(answer["waits"]):
    if time.monotonic() > end:
        sys.exit("nobody wrote " + answer["waits"])
    time.sleep(0.01)
for source, target in answer["copies"].items():
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(source, "rb") as old, open(target, "wb") as new:
        new.write(old.read())
for path in answer["deletes"]:
    shutil.rmtree(path)
if answer["then"]:  # nothing else may be written at once: two programs may run side by side
    answers.update(answer["then"])
    with open(folder + "/answers.new", "w") as file:
        json.dump(answers, file)
    os.replace(folder + "/answers.new", folder + "/answers.json")
sys.stdout.write(answer["stdout"])
sys.stderr.write(answer["stderr"])
sys.exit(answer["status"])
"""


def answer(
    stdout: str = "",
    *,
    status: int = 0,
    stderr: str = "",
    seconds: float = 0,
    writes: Mapping[str | Path, str] | None = None,
    waits: str | Path = "",
    copies: Mapping[str | Path, str | Path] | None = None,
    deletes: Iterable[str | Path] = (),
    then: Mapping[str, str | Answer] | None = None,
) -> Answer:
    """Describe what a call does.

    :param stdout: text it prints.
    :param status: its exit status.
    :param stderr: text it prints to standard error.
    :param seconds: how long it takes.
    :param writes: ``{path: text}`` of files it writes; the path ``LAST WORD`` is the last of its words.
    :param waits: file that another program has to write before it goes on, in 10 s.
    :param copies: ``{from: to}`` of files it copies.
    :param deletes: folders that it deletes.
    :param then: ``{command line: text or answer}`` that hold from now on: a command that changes something.
    """
    later = {_key(line): _full(said) for line, said in (then or {}).items()}
    return {
        "stdout": stdout,
        "status": status,
        "stderr": stderr,
        "seconds": seconds,
        "writes": {str(path): text for path, text in (writes or {}).items()},
        "waits": str(waits),
        "copies": {str(old): str(new) for old, new in (copies or {}).items()},
        "deletes": [str(path) for path in deletes],
        "then": later,
    }


class Recorded:
    """A folder with the programs, their answers, and the calls they noted."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.bin = self.folder / "bin"
        self.bin.mkdir(parents=True)
        for name in PROGRAMS:
            program = self.bin / name
            program.write_text(SCRIPT.format(python=sys.executable, folder=str(self.folder)), encoding="utf-8")
            program.chmod(0o755)
        self.answers: dict[str, Answer] = {}
        self._save()

    def say(self, line: str | Sequence[str], *args: Any, **kwargs: Any) -> None:
        """From now on a call that begins with ``line``, text or a list of words, gives this :func:`answer`."""
        current = json.loads((self.folder / "answers.json").read_text(encoding="utf-8"))
        self.answers = {**current, _key(line): answer(*args, **kwargs)}
        self._save()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Return every call so far: mappings with ``words``, ``by`` (which program called it) and ``licence``."""
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    @property
    def words(self) -> list[list[str]]:
        """Return the words of every call so far, each a list."""
        return [call["words"] for call in self.calls]

    @property
    def changing(self) -> list[list[str]]:
        """Return the words of the calls that do more than read."""
        return [words for words in self.words if tuple(words[:2]) not in READING]

    def _save(self) -> None:
        (self.folder / "answers.json").write_text(json.dumps(self.answers), encoding="utf-8")


def _key(line: str | Sequence[str]) -> str:
    return json.dumps(line.split() if isinstance(line, str) else line)


def _full(said: str | Answer) -> Answer:
    return said if isinstance(said, dict) else answer(said)
