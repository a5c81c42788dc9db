"""Which workers a server that stands alone has: chosen by itself, or as `--workers` says."""

from __future__ import annotations

import logging
import platform
from collections import Counter
from collections.abc import Callable, Sequence

from blender_addon.core.errors import ServiceError
from server.engines.card_probe import Cards, usable_cards
from server.engines.graphics_card import HIDDEN, NvidiaCard

from .executor import Card, WorkerKind, WorkerPlace

log = logging.getLogger("realcam.workers")

AUTO = "auto"
"""The plan that fits the machine."""
_CARD = "card"
"""What the words of workers with cards begin with."""
_TOGETHER = "+"
"""Between the cards of one worker."""


def workers_of_machine(words: str, find: Callable[[], Cards] = usable_cards) -> dict[WorkerPlace, str | None]:
    """The workers of this machine, as `planned_workers` returns them; without cards where their driver is silent.

    Args:
        words: as for planned_workers.
        find: the cards of this machine that PyTorch can use.

    Raises:
        ServiceError: see planned_workers.
    """
    try:
        cards = find()
    except ServiceError as error:
        log.error("%s Until then this server uses no card.", error.sentence)
        return planned_workers(words, (), hide_cards=True)
    return planned_workers(words, cards)


def planned_workers(
    words: str, cards: Sequence[NvidiaCard], *, hide_cards: bool = False
) -> dict[WorkerPlace, str | None]:
    """The workers of this machine, each with the CUDA_VISIBLE_DEVICES of its process; None for that of the server.

    Args:
        words: a word for each worker, with commas between them: "light", "heavy", "any", "card0", "card0+1" for one
            with two cards. "auto": one for what needs no card, and one for each card; on a machine without cards, one
            for networks on the processor.
        cards: those of this machine that PyTorch can use.
        hide_cards: whether no worker that needs none is to look for them, even where there are none.

    Raises:
        ServiceError: a word names no worker, a card that is not there, or one that another worker has.
    """
    if words.strip() == AUTO:
        chosen = ["light", *(f"{_CARD}{card.name}" for card in cards)] if cards else ["light", "heavy"]
    else:
        chosen = [word.strip() for word in words.split(",")]
    there = {card.name: Card(card.name, card.memory) for card in cards}
    places = [_place(word, there) for word in chosen]
    taken = Counter(card.name for place in places for card in place.cards)
    twice = [name for name, times in taken.items() if times > 1]
    if twice:
        raise ServiceError(
            f"Two workers cannot have the same card {twice[0]}", f"--workers {words}", "Give each card to one worker."
        )
    numbers = Counter[str]()
    plan: dict[WorkerPlace, str | None] = {}
    for place in places:
        numbers[place.name] += 1
        number = numbers[place.name]
        name = place.name if number == 1 else f"{place.name}-{number}"
        plan[WorkerPlace(name, place.kind, place.cards, platform.node())] = _visible(place, bool(cards) or hide_cards)
    return plan


def _place(word: str, there: dict[str, Card]) -> WorkerPlace:
    """The worker that a word names.

    Raises:
        ServiceError: it names none, or a card that is not there.
    """
    if word in (WorkerKind.LIGHT, WorkerKind.HEAVY):
        return WorkerPlace(word, WorkerKind(word))
    if word == WorkerKind.ANY:
        return WorkerPlace(word, WorkerKind.ANY, tuple(there.values()))
    names = word.removeprefix(_CARD).split(_TOGETHER)
    if not word.startswith(_CARD) or not all(names):
        raise ServiceError(
            f"{word!r} names no worker",
            "expected light, heavy, any, or a card such as card0, or several for one worker such as card0+1",
            "Mend --workers, for instance light,light,card0,card1, or leave it out.",
        )
    absent = [name for name in names if name not in there]
    if absent:
        found = f"it sees {', '.join(there)}" if there else "it sees none"
        raise ServiceError(
            f"This server's PyTorch has no card {absent[0]} for a worker", found, "Mend --workers, or leave it out."
        )
    return WorkerPlace(word, WorkerKind.CARD, tuple(there[name] for name in names))


def _visible(place: WorkerPlace, any_card: bool) -> str | None:
    """The CUDA_VISIBLE_DEVICES of a worker's process."""
    if place.kind is WorkerKind.CARD:
        return ",".join(card.name for card in place.cards)
    return HIDDEN if any_card and place.kind is not WorkerKind.ANY else None
