"""`realcam weights list`: which weights exist, and which are here."""

from __future__ import annotations

from server.depth.catalogue import CARDS
from server.depth.depth_weights import downloaded_weights
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS, PublishedWeights
from server.engines.pipelines.weights.installed import installed_weights, read_manifest, weights_absence
from server.model.weights.own_networks import own_networks, shipped_networks
from server.model.weights.weights_fetch import in_units
from server.model.weights.weights_sources import WEIGHTS_SOURCES
from server.model.weights.weights_store import WeightsStore
from server.terminal.plain_console import PlainConsole, PlainTable, say


def overview(store: WeightsStore) -> None:
    """Print a table of all weights, by name."""
    table = PlainTable("name", "size", "licence", "commercial use", "here")
    table.columns[0].no_wrap = True
    for variant in WEIGHTS_SOURCES:
        manifest = store.manifest(variant)
        here = in_units(manifest.bytes) if manifest else "no"
        table.add_row(variant, "", "research, see the model cards", "no", here)
    for network in own_networks(store):
        table.add_row(network.name, "", network.facts.licence, "", "yes")
    for network in shipped_networks():
        table.add_row(network.name, "", network.facts.licence, "", "comes with the server")
    for published in PIPELINE_WEIGHTS.values():
        table.add_row(
            published.name,
            _size(published),
            published.licence,
            published.commercial,
            _here(published, store),
        )
    for card in CARDS.values():
        here = "no" if downloaded_weights(card, store) is None else "yes"
        commercial = "yes" if card.commercial else "no"
        table.add_row(card.name, in_units(card.bytes), card.licence, commercial, here)
    PlainConsole().print(table)
    for published in PIPELINE_WEIGHTS.values():
        absent = weights_absence(published.name, store=store)
        if absent and read_manifest(store, published.name) is not None:
            say(f"{published.name}: {absent}.", err=True)


def _size(published: PublishedWeights) -> str:
    size = in_units(sum(part.bytes for part in published.parts))
    return size if all(part.bytes for part in published.parts) else f"over {size}"


def _here(published: PublishedWeights, store: WeightsStore) -> str:
    here = installed_weights(published.name, store)
    if here is None:
        return "in part" if read_manifest(store, published.name) is not None else "no"
    return in_units(here.bytes)
