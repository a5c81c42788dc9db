"""Machines too small for the engine `realcam`: known, with the numbers, before a job is sent. Needs no PyTorch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import psutil
import pytest

from server.engines import card_probe
from server.engines import graphics_card as card
from server.engines.graphics_card import built_for_cuda, card_memory, pytorch_cuda, unused_card
from server.engines.machine_memory import (
    Machine,
    cgroup_limits,
    free_machine_memory,
    machine_memory,
    this_machine,
)
from server.engines.realcam import sources
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.memory.minimum_memory import shortage
from server.engines.realcam.sources import RandomWeights
from server.packages import MODEL_PACKAGES, absent_packages

GB = 2**30
ALL = ("realcam-256", "realcam-512", "realcam-1024")


def test_a_limit_on_addresses_is_one_on_memory() -> None:
    """`ulimit -v`, in a process of its own."""
    if not psutil.LINUX:
        pytest.skip("only Linux limits a process's addresses so")
    program = (
        "import psutil\n"
        "from server.engines.machine_memory import free_machine_memory, machine_memory\n"
        f"psutil.Process().rlimit(psutil.RLIMIT_AS, ({GB}, {GB}))\n"
        "print(machine_memory(), free_machine_memory(), psutil.Process().memory_info().vms)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    limit, free, used = map(int, done.stdout.split())
    assert limit == GB
    assert 0 < free <= GB - used // 2


@pytest.mark.parametrize(
    ("memory", "card", "variants", "sentence"),
    [
        (64, None, ALL, ""),
        (8, None, ALL, ""),
        (8, None, ("realcam-512",), r"needs 7\.4 GB of memory .* has 8\.0 GB, and 7\.2 GB of that to spare"),
        (6, None, ALL, r"needs 6\.7 GB of memory for its smallest clip; the server has 6\.0 GB"),
        (10, None, ("realcam-1024",), r"needs 10\.5 GB of memory"),
        (64, 24, ALL, ""),
        (64, 2, ALL, ""),
        (64, 2, ("realcam-512",), r"needs 1\.9 GB of the card's memory .* has 2\.0 GB, and 1\.8 GB"),
        (64, 1, ALL, r"needs 1\.2 GB of the card's memory"),
        (4, 4, ALL, r"needs 4\.6 GB of memory beside so small a card .* has 4\.0 GB"),
        (4, 24, ALL, ""),
    ],
)
def test_what_a_machine_cannot_hold(memory: int, card: int | None, variants: tuple[str, ...], sentence: str) -> None:
    """GB of the machine and of its card. A card that holds the weights needs no room for them beside it."""
    said = shortage(Machine(memory * GB, None if card is None else card * GB), variants)
    assert re.search(sentence, said) if sentence else said == ""


def test_the_panel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if missing := absent_packages(MODEL_PACKAGES, extra="models"):
        pytest.skip(missing)
    monkeypatch.setattr(sources, "this_machine", lambda: Machine(3 * GB))
    assert "needs 6.7 GB of memory" in RealCamEngine(RandomWeights("full")).capability.unavailable
    assert RealCamEngine(RandomWeights("tiny")).capability.unavailable == "", "which runs anywhere"


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


def own(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "cgroup"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_container_of_version_2_limits(tmp_path: Path) -> None:
    """Every group from the process's own to the root counts; the file cache of a group is not used up."""
    root = tmp_path / "fs"
    group(root)
    group(root / "pod", memory__max=str(8 * GB), memory__current=str(5 * GB), memory__stat=f"inactive_file {2 * GB}")
    group(root / "pod" / "server", memory__max="max", memory__current="100", memory__stat="inactive_file 0")
    assert cgroup_limits(root, own(tmp_path, "0::/pod/server")) == [(8 * GB, 3 * GB)]


def test_a_container_of_version_1_limits(tmp_path: Path) -> None:
    """Inside, the group's folder has not the name that the host gave it: the root is the group."""
    root = tmp_path / "fs"
    group(
        root / "memory",
        memory__limit_in_bytes=str(4 * GB),
        memory__usage_in_bytes=str(GB),
        memory__stat=f"cache 9\ntotal_inactive_file {GB // 2}",
    )
    lines = ("4:memory:/docker/0a1b", "3:cpuset:/docker/0a1b", "0::/")
    assert cgroup_limits(root, own(tmp_path, *lines)) == [(4 * GB, GB // 2)]


def test_no_container_no_limit(tmp_path: Path) -> None:
    assert cgroup_limits(tmp_path, tmp_path / "nowhere") == []
    assert cgroup_limits(tmp_path, own(tmp_path, "0::/")) == []


def test_this_machine() -> None:
    assert 0 < free_machine_memory() <= machine_memory() <= psutil.virtual_memory().total
    assert this_machine().memory == machine_memory()


def driver(version: int = 13010, visible: bool = True, cards: int = 1) -> Any:
    """CUDA's, on a machine with cards of 24 GB, or with none in sight (CUDA_VISIBLE_DEVICES is "")."""

    def put(value: int) -> Callable[..., int]:
        def answer(place: Any, *_: object) -> int:
            place._obj.value = value
            return 0

        return answer

    return SimpleNamespace(
        cuInit=lambda flags: 0 if visible else 100,
        cuDriverGetVersion=put(version),
        cuDeviceGetCount=put(cards),
        cuDeviceGet=put(0),
        cuDeviceTotalMem_v2=put(24 * GB),
    )


@pytest.mark.parametrize(
    ("built_for", "found", "memory"),
    [
        (13, driver(), 24 * GB),
        (12, driver(), 24 * GB),
        (None, driver(), None),
        (13, driver(version=12080), None),
        (13, driver(visible=False), None),
        (13, None, None),
    ],
    ids=["a card", "older build", "build for the CPU", "driver too old", "card hidden", "no driver"],
)
def test_a_card_counts_where_pytorch_would_use_it(
    built_for: int | None, found: Any, memory: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "pytorch_cuda", lambda: built_for)
    monkeypatch.setattr(card, "cuda_driver", lambda: found)
    card.nvidia_cards.cache_clear()
    assert card_memory() == memory
    card.nvidia_cards.cache_clear()


@pytest.mark.parametrize(
    ("variable", "names"), [(None, ["0", "1"]), ("3,GPU-8d2f", ["3", "GPU-8d2f"])], ids=["all", "chosen"]
)
def test_each_card_has_the_name_by_which_a_worker_sees_it_alone(
    variable: str | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_probe, "pytorch_cuda", lambda: 13)
    monkeypatch.setattr(card, "cuda_driver", lambda: driver(cards=2))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    card.nvidia_cards.cache_clear()
    assert [(found.name, found.memory) for found in card_probe.usable_cards(card.nvidia_cards)] == [
        (name, 24 * GB) for name in names
    ]
    card.nvidia_cards.cache_clear()


@pytest.mark.parametrize(
    ("system", "built_for", "found", "said"),
    [
        ("win32", None, driver(), "NVIDIA card found, but this PyTorch was built without CUDA .* --torch-backend auto"),
        ("win32", 13, driver(version=12080), "driver is for CUDA 12 and this PyTorch was built for CUDA 13"),
        ("win32", 13, driver(), "^$"),
        ("win32", None, driver(visible=False), "^$"),
        ("linux", None, None, "^$"),
        ("darwin", None, None, "Apple's GPU is not used"),
    ],
    ids=["Windows' own PyTorch", "driver too old", "used", "card hidden", "no card", "Apple"],
)
def test_a_card_that_pytorch_cannot_use_is_said(
    system: str, built_for: int | None, found: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the capability, and so in the panel: nothing else tells why a machine with a card takes hours."""
    monkeypatch.setattr(card, "find_spec", lambda _name: object())
    monkeypatch.setattr(card, "pytorch_cuda", lambda: built_for)
    monkeypatch.setattr(card, "cuda_driver", lambda: found)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: "arm64" if system == "darwin" else "AMD64")
    card.nvidia_cards.cache_clear()
    assert re.search(said, unused_card())
    assert RealCamEngine(RandomWeights("tiny")).capability.notice == (unused_card() or msgspec.UNSET)
    monkeypatch.setattr(card, "find_spec", lambda _name: None)
    assert unused_card() == "", "without PyTorch that is what is missing"
    card.nvidia_cards.cache_clear()


VERSION_FILE = """from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'rocm', 'xpu']
__version__ = '2.13.0+{build}'
debug = False
cuda: Optional[str] = {cuda}
hip: Optional[str] = {hip}
"""


@pytest.mark.parametrize(
    ("build", "cuda", "hip", "expected"),
    [("cpu", "None", "None", None), ("cu130", "'13.0'", "None", 13), ("rocm7.1", "None", "'7.1.5'", None)],
)
def test_what_pytorch_was_built_for(build: str, cuda: str, hip: str, expected: int | None) -> None:
    text = VERSION_FILE.format(build=build, cuda=cuda, hip=hip)
    assert built_for_cuda(text) == expected
    assert built_for_cuda(text.replace(": Optional[str]", "").replace("'13.0'", '"13.0"')) == expected


def test_a_server_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "find_spec", lambda name: None)
    assert pytorch_cuda() is None


def test_what_this_pytorch_was_built_for_without_loading_it() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: its build was not compared")
    built_for = torch.version.cuda
    assert pytorch_cuda() == (None if built_for is None else int(built_for.split(".")[0]))
    asked = "from server.engines.machine_memory import this_machine; import sys; this_machine(); "
    subprocess.run([sys.executable, "-c", asked + "sys.exit('torch' in sys.modules)"], check=True)


def test_this_card_as_pytorch_sees_it() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: the card's memory was not compared")
    if not torch.cuda.is_available():
        assert card_memory() is None
        pytest.skip("no CUDA: the card's memory was not compared")
    assert card_memory() == torch.cuda.get_device_properties(0).total_memory
