"""Secrets in what a program prints: left out, so that the lines stay readable. What leaves a node goes through here."""

import re
from collections.abc import Sequence

HIDDEN = "***"
# every repetition has a bound, or is followed by nothing: a long line must not take long
_KEY = r"(?:password|passwd|passphrase|secret|token|credential|private[_-]?key|api[_-]?key)[\w-]{0,60}"
_VALUE = r"""(?:\\"(?:(?!\\").)*\\"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|["']?[^\s,;&"'}\]]+)"""
_SET = r"""[\\'"\]]{0,9}[ \t]{0,99}(?:=>|=|:)[ \t]{0,99}"""
_NAMED = re.compile(  # password: "x", PGPASSWORD=x, 'a_password' => 'x'; --password x; password 'x'
    rf"({_KEY}{_SET}|(?<![\w-])--[\w-]{{0,60}}?{_KEY}[ \t]{{1,9}}|\b{_KEY}[ \t]{{1,9}}(?='))({_VALUE})", re.IGNORECASE
)
_HEADER = re.compile(r"(authorization:[ \t]*\w{1,20}[ \t]+)\S+", re.IGNORECASE)
_URL = re.compile(r"([a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,99}:)[^\s/'\"]{1,200}@", re.IGNORECASE)
_BLOCK = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_REST = re.compile(r"\A[A-Za-z0-9+/=\s]+(?=-----END [A-Z ]*PRIVATE KEY-----)")  # of a block that was cut off
_OPTION = re.compile(rf"--?[\w-]{{0,60}}?{_KEY}", re.IGNORECASE)


def mask(text: str) -> str:
    """Return a text with its secrets replaced by ``***``: of passwords, tokens, keys, and in URLs."""
    text = _REST.sub(f"{HIDDEN}\n", _BLOCK.sub(rf"\1 {HIDDEN} \2", text))
    text = _URL.sub(rf"\1{HIDDEN}@", _HEADER.sub(rf"\1{HIDDEN}", text))
    return _NAMED.sub(lambda found: found[1] + _hidden(found[2]), text)


def mask_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command with their secrets replaced, as :func:`mask`."""
    before = ("", *words)
    return [HIDDEN if _OPTION.fullmatch(last) else mask(word) for last, word in zip(before, words, strict=False)]


def _hidden(value: str) -> str:
    """The value, hidden, in its quotes."""
    quote = re.match(r"\\?[\"']", value)
    return f"{quote[0]}{HIDDEN}{quote[0]}" if quote else HIDDEN
