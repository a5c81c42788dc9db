"""Which workers take which engines: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from server.engines.engine import EngineNeeds

from .executor import WorkerKind, WorkerPlace

GB = 2**30
"""Bytes in the unit that messages call GB."""


def takers(needs: EngineNeeds, places: Iterable[WorkerPlace]) -> tuple[WorkerPlace, ...]:
    """The workers that take jobs of an engine, the best first.

    That is the one with the most cards that the engine makes one result on together, then the one with the least cards
    and memory.

    Args:
        needs: of the engine.
        places: the workers there are.
    """
    places = tuple(places)
    if needs.cards == 0:
        return next((found for kinds in _WITHOUT_CARD["shared"] if (found := _of(places, kinds))), ())
    with_cards = [place for place in places if _has_cards(place, needs)]
    if with_cards:

        def order(place: WorkerPlace) -> tuple[int, int, int]:
            return (-_together(place, needs), len(place.cards), sum(card.memory for card in place.cards))

        return tuple(sorted(with_cards, key=order))
    kinds_in_turn = _WITHOUT_CARD[needs.without_card]
    return next((found for kinds in kinds_in_turn if (found := _of(places, kinds))), ())


_WITHOUT_CARD: Mapping[str, Sequence[tuple[WorkerKind, ...]]] = {
    "shared": ((WorkerKind.LIGHT, WorkerKind.ANY), (WorkerKind.HEAVY,), (WorkerKind.CARD,)),
    "alone": ((WorkerKind.HEAVY, WorkerKind.ANY),),
    "never": (),
}
"""The kinds of workers that take jobs without a card: the first of these groups that the server has."""


def _of(places: Sequence[WorkerPlace], kinds: tuple[WorkerKind, ...]) -> tuple[WorkerPlace, ...]:
    return tuple(place for place in places if place.kind in kinds)


def _has_cards(place: WorkerPlace, needs: EngineNeeds) -> bool:
    enough = [card for card in place.cards if card.memory >= needs.card_memory]
    return place.kind in (WorkerKind.CARD, WorkerKind.ANY) and len(enough) >= needs.cards


def _together(place: WorkerPlace, needs: EngineNeeds) -> int:
    """The cards of a worker on which an engine makes one result together."""
    able = [card for card in place.cards if card.memory >= needs.each_of_several]
    return max(needs.cards, min(len(able), needs.most_cards))


def why_none(needs: EngineNeeds, places: Iterable[WorkerPlace]) -> str:
    """Why none of the workers takes jobs of such an engine, "" where one does."""
    places = tuple(places)
    if takers(needs, places):
        return ""
    most = max((len(place.cards) for place in places), default=0)
    if needs.without_card == "alone" and not most:
        return "no worker of this server computes networks: start it with --workers auto, or with one that is heavy"
    wanted = "a card" if needs.cards == 1 else f"{needs.cards} cards in one worker"
    largest = max((card.memory for place in places for card in place.cards), default=0)
    if most >= needs.cards:
        wanted += f" of {needs.card_memory / GB:.1f} GB"
        return f"it needs {wanted}; the largest that a worker of this server has is of {largest / GB:.1f} GB"
    on_a_machine = Counter[str]()
    for place in places:
        on_a_machine[place.node] += len(place.cards)
    there = max(on_a_machine.values(), default=0)
    if there < needs.cards:
        return f"it needs {wanted}; this server has {there or 'none'}" + (" on one machine" if there else "")
    together = "+".join(map(str, range(needs.cards)))
    return (
        f"it needs {wanted}; the workers of this server have {most}: start it with --workers light,card{together}, or "
        f"on a cluster with --cards-per-worker {needs.cards}"
    )


def lanes(needs: Mapping[str, EngineNeeds], places: Iterable[WorkerPlace]) -> dict[str, str]:
    """The queue in which an engine's jobs wait, by its name: engines that share a worker share their queue.

    Args:
        needs: of the engines, by name.
        places: the workers there are.

    Returns:
        The name of a worker of each engine's queue; "" where no worker takes the engine.
    """
    places = tuple(places)
    taken = {engine: [place.name for place in takers(need, places)] for engine, need in needs.items()}
    lane = {place.name: place.name for place in places}
    for names in taken.values():
        joined = {lane[name] for name in names}
        together = min(joined, default="")
        lane.update({name: together for name, one in lane.items() if one in joined})
    return {engine: lane[names[0]] if names else "" for engine, names in taken.items()}


def woken(
    wanted: Iterable[EngineNeeds],
    asleep: Iterable[WorkerPlace],
    starting: Iterable[WorkerPlace],
    others: Iterable[WorkerPlace],
) -> set[str]:
    """The names of sleeping workers to wake: one for each waiting job that no starting worker will take.

    Args:
        wanted: the needs of these jobs, in their order.
        asleep: workers that can be woken.
        starting: workers that will be ready soon.
        others: the rest of the workers.
    """
    asleep, starting = list(asleep), list(starting)
    every = [*asleep, *starting, *others]
    free = {place.name for place in (*asleep, *starting)}
    coming = {place.name for place in starting}
    names = set[str]()
    for needs in wanted:
        able = [place.name for place in takers(needs, every) if place.name in free]
        chosen = next((name for name in able if name in coming), able[0] if able else "")
        free.discard(chosen)
        if chosen and chosen not in coming:
            names.add(chosen)
    return names
