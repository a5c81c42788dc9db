"""The weights that exist for engines on diffusers, by name: what they consist of, how large it is and who may use it.

Commits and hashes are not here but in pins/, see pins.py. Nobody here has asked the hub: what licences say was read in
public copies of the repositories' cards, and sizes are those of public lists of files or worked out from the networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from blender_addon.core.protocol.engine_facts import CONDITIONS, NO, NOT_CLEAR, YES

_WORST_FIRST = (NO, NOT_CLEAR, CONDITIONS, YES)

ROOT_FILES = ("model_index.json",)
"""Files of a repository outside folders that a pipeline is loaded from."""


@dataclass(frozen=True)
class WeightsPart:
    """A part of a pipeline, with its licence.

    Attributes:
        name: for people.
        folders: of the repository.
        bytes: of its files, about; 0 where that is not known.
        licence: name of the text.
        commercial: whether it allows commercial use: YES of a licence that sets no condition on use, CONDITIONS,
            NOT_CLEAR or NO.
        why: by what text that is so, or what is not clear.
    """

    name: str
    folders: tuple[str, ...]
    bytes: int
    licence: str
    commercial: str
    why: str

    def holds(self, file: str) -> bool:
        """Whether a file of the repository is this part's, by its path there."""
        return any(file.startswith(f"{folder}/") for folder in self.folders)


@dataclass(frozen=True)
class PublishedWeights:
    """The weights of one pipeline.

    Attributes:
        name: by which they are got, and the name of their folder.
        title: for people.
        repo: owner/name of the repository, in diffusers' layout.
        parts: what it consists of.
    """

    name: str
    title: str
    repo: str
    parts: tuple[WeightsPart, ...]

    def part_of(self, file: str) -> WeightsPart | None:
        """The part that a file of the repository belongs to; None for files of the whole, and for unused ones."""
        return next((part for part in self.parts if part.holds(file)), None)

    @property
    def licence(self) -> str:
        """The names of its licences, each once."""
        return ", ".join(dict.fromkeys(part.licence for part in self.parts))

    @property
    def commercial(self) -> str:
        """Whether clips may be used commercially: what the part says that allows least."""
        said = {part.commercial for part in self.parts}
        return next(answer for answer in _WORST_FIRST if answer in said)

    @property
    def commercial_use(self) -> str:
        """The same in words, with the parts that it rests on."""
        answer = self.commercial
        parts = [part for part in self.parts if part.commercial == answer]
        if answer == YES:
            return f"commercial use: yes, by {self.licence}"
        named = "; ".join(f"{part.name}: {part.why}" for part in parts)
        return f"commercial use: {answer} ({named})"


_APACHE = "Apache-2.0"
_WAN_CARD = "the repository's card names Apache-2.0, which allows it"
_UMT5 = "the repository's card names Apache-2.0; it is Google's UMT5-XXL, under Apache-2.0 too"
_LTX2 = "LTX-2 Community License Agreement"
_LTX2_WHY = (
    "it is LTX-2's: that agreement claims everything derived from LTX-2, and asks companies of 10 million dollars of "
    "yearly revenue for a licence, while the card of SANA-WM names Apache-2.0 for the whole"
)
_GEMMA = "Gemma Terms of Use"
_GEMMA_WHY = "the terms allow it within Google's Prohibited Use Policy, which Google may change"


def _wan(name: str, title: str, repo: str, transformer: int, vae: int) -> PublishedWeights:
    return PublishedWeights(
        name=name,
        title=title,
        repo=repo,
        parts=(
            WeightsPart("transformer", ("transformer", "scheduler"), transformer, _APACHE, YES, _WAN_CARD),
            WeightsPart("VAE", ("vae",), vae, _APACHE, YES, _WAN_CARD),
            WeightsPart("text encoder UMT5-XXL", ("text_encoder", "tokenizer"), 11_383_000_000, _APACHE, YES, _UMT5),
        ),
    )


_SANA_WM = PublishedWeights(
    name="sana-wm",
    title="SANA-WM",
    repo="Efficient-Large-Model/SANA-WM_bidirectional-diffusers",
    parts=(
        WeightsPart(
            "transformer",
            ("transformer", "scheduler"),
            5_320_000_000,
            _APACHE,
            NOT_CLEAR,
            "the card names Apache-2.0, and some of the videos it was trained on were published for non-commercial use",
        ),
        WeightsPart("VAE", ("vae",), 2_440_000_000, _LTX2, NOT_CLEAR, _LTX2_WHY),
        WeightsPart(
            "text encoder Gemma-2-2B",
            ("text_encoder", "tokenizer"),
            5_250_000_000,
            _GEMMA,
            CONDITIONS,
            _GEMMA_WHY,
        ),
    ),
)

# A repository of its own, by diffusers' documentation of 0.42. The sizes are those of the same files elsewhere, before
# they were brought into this layout.
_SANA_WM_REFINER = PublishedWeights(
    name="sana-wm-refiner",
    title="SANA-WM's refiner",
    repo="Efficient-Large-Model/SANA-WM_bidirectional-diffusers-refiner",
    parts=(
        WeightsPart("refiner", ("transformer", "connectors", "scheduler"), 41_000_000_000, _LTX2, NOT_CLEAR, _LTX2_WHY),
        WeightsPart(
            "the refiner's text encoder Gemma-3-12B",
            ("text_encoder", "tokenizer"),
            46_000_000_000,
            _GEMMA,
            CONDITIONS,
            _GEMMA_WHY,
        ),
    ),
)

PIPELINE_WEIGHTS: dict[str, PublishedWeights] = {
    weights.name: weights
    for weights in (
        _wan("vace", "Wan2.1-VACE 1.3B", "Wan-AI/Wan2.1-VACE-1.3B-diffusers", 7_146_000_000, 508_000_000),
        # Whether its transformer is published in 16 or in 32 bits was not to be found out here.
        _wan("vace-14b", "Wan2.1-VACE 14B", "Wan-AI/Wan2.1-VACE-14B-diffusers", 0, 508_000_000),
        _wan("wan-i2v", "Wan2.2-TI2V-5B", "Wan-AI/Wan2.2-TI2V-5B-Diffusers", 20_000_000_000, 2_819_000_000),
        _SANA_WM,
        _SANA_WM_REFINER,
    )
}
"""The weights by name."""
