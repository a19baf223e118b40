"""Odd texts for every parser: each is taken or refused, within a time that its length allows.

How many: CANARY_FUZZ_TEXTS, for each parser.
"""

import os
import random
from collections.abc import Callable
from time import process_time

import pytest

from tests.parsers import PARSERS, Parser, outcome

TEXTS = int(os.environ.get("CANARY_FUZZ_TEXTS", "40"))
LONGEST = 16 * 1024
# Generous, as other processes share the caches: PyYAML takes 20 µs a character, a regular expression milliseconds.
SECONDS, SECONDS_A_CHARACTER = 1.0, 0.000_2
_ALPHABET = "abz019 \t\n\r.,:;-+*/\\|&!?~^$%#@()[]{}<>\"'`=_\0\x1b\x9b\u202e\ud83d\u00e4\U0001f600"


def _repeated(chance: random.Random, text: str) -> str:
    start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    piece = text[start:end] or "("
    return (text[:start] + piece * chance.choice([2, 10, 1_000, 10_000]) + text[end:])[:LONGEST]


def _changed(chance: random.Random, text: str) -> str:
    place = chance.randrange(len(text) + 1)
    return text[:place] + chance.choice(_ALPHABET) + text[place + chance.randrange(2) :]


def _doubled(chance: random.Random, text: str) -> str:
    return (text + chance.choice(["", ",", "\n", " "]) + text)[:LONGEST]


def _cut(chance: random.Random, text: str) -> str:
    return text[: chance.randrange(len(text) + 1)]


_CHANGES: tuple[Callable[[random.Random, str], str], ...] = (_changed, _changed, _repeated, _doubled, _cut)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_every_parser_takes_or_refuses_odd_texts_in_time(parser: Parser) -> None:
    for seed in range(TEXTS):
        chance = random.Random(f"{parser.name} {seed}")  # noqa: S311 it guards nothing
        text = chance.choice(parser.seeds)
        for _ in range(chance.randrange(1, 6)):
            text = chance.choice(_CHANGES)(chance, text)
        began = process_time()
        outcome(parser, text)

        assert process_time() - began < SECONDS + SECONDS_A_CHARACTER * len(text), (seed, text[:200])
