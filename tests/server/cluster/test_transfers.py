"""What a node sends is checked before the job store sees it, and goes through pieces of any size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from blender_addon.core.errors import WireError
from blender_addon.core.protocol.messages import Limits, ResultFile
from server.cluster import node_files, transfers
from server.cluster.node_files import NodeFiles
from server.cluster.transfers import check_listing, chunks, store_checkpoint, store_results
from server.service.jobs.job_files import JobFiles
from server.service.workers.checkpoints import FileCheckpoints, write_checkpoint
from server.service.workers.worker_messages import Finished, RunJob

JOB = "job-00000001"
CONTENT = {"clip.mp4": b"a clip" * 3, "frames/0000.png": b"", "frames/0001.png": b"a frame", "metadata.json": b"{}"}


def listed(content: dict[str, bytes]) -> tuple[ResultFile, ...]:
    return tuple(
        ResultFile(name=name, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in content.items()
    )


def finished(files: Sequence[ResultFile]) -> Finished:
    return Finished(job_id=JOB, attempt=1, engine_seconds=1.5, results=tuple(files), clip_pixels=7)


@pytest.fixture
def job(tmp_path: Path) -> RunJob:
    """An attempt of a server whose data folder is there."""
    files = JobFiles(tmp_path / "data")
    return RunJob(
        job_id=JOB,
        attempt=1,
        engine="copy",
        payload=str(files.payload(JOB)),
        work=str(files.work_folder(JOB, 1)),
        checkpoints=str(files.checkpoints(JOB)),
        limits=Limits(frames=4, side=8),
    )


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeFiles:
    """The files of a node that has made CONTENT."""
    monkeypatch.setattr(node_files.tempfile, "tempdir", str(tmp_path))
    files = NodeFiles()
    (files.work / "frames").mkdir(parents=True)
    for name, data in CONTENT.items():
        (files.work / name).write_bytes(data)
    return files


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_results_arrive_whole_in_pieces_of_any_size(
    job: RunJob, node: NodeFiles, chunk: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(transfers, "CHUNK", chunk)
    files = listed(CONTENT)
    store_results(job, finished(files), lambda offset, nbytes: node.read_results(files, offset, nbytes))
    assert {name: (Path(job.work) / name).read_bytes() for name in CONTENT} == CONTENT
    manifest = JobFiles(tmp_path / "data").finished_work(JOB, 1)
    assert manifest is not None
    assert manifest.facts == {"results": files, "engine_seconds": 1.5, "clip_pixels": 7}


def test_damaged_results_get_no_manifest(job: RunJob, node: NodeFiles, tmp_path: Path) -> None:
    files = listed(CONTENT)
    (node.work / "clip.mp4").write_bytes(b"A clip" * 3)
    with pytest.raises(WireError, match=r"damaged: clip.mp4: sha256"):
        store_results(job, finished(files), lambda offset, nbytes: node.read_results(files, offset, nbytes))
    assert JobFiles(tmp_path / "data").finished_work(JOB, 1) is None


def test_results_that_end_early_are_damaged(job: RunJob) -> None:
    with pytest.raises(WireError, match="1 bytes, expected 27"):
        store_results(job, finished(listed(CONTENT)), lambda offset, nbytes: b"x")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ((), "0 files"),
        (listed({f"frames/{number:04d}.png": b"" for number in range(21)}), "21 files, expected 1 to 20"),
        (listed({"clip.mp4": b""}) * 2, "two files have one name"),
        ((ResultFile(name="clip.mp4", nbytes=1537, sha256="0" * 64),), "1537 bytes, more than 1536"),
    ],
)
def test_a_listing_beyond_the_limits_is_refused_before_a_byte_is_asked_for(
    job: RunJob, files: tuple[ResultFile, ...], why: str
) -> None:
    with pytest.raises(WireError, match=why):
        check_listing(files, job.limits)
    with pytest.raises(WireError, match=why):
        store_results(job, finished(files), lambda offset, nbytes: pytest.fail("asked"))
    assert not Path(job.work).exists()


@pytest.mark.parametrize("chunk", [3, 1000])
def test_a_checkpoint_comes_back_as_the_next_attempt_loads_it(
    job: RunJob, node: NodeFiles, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "CHUNK", chunk)
    write_checkpoint(node.checkpoints, b"the state")
    nbytes = node.state.stat().st_size
    assert store_checkpoint(job, nbytes, node.read_state, most=1000)
    assert FileCheckpoints(Path(job.checkpoints), lambda: False).load() == b"the state"


def test_a_checkpoint_that_is_torn_or_too_large_leaves_the_last_one(job: RunJob, node: NodeFiles) -> None:
    write_checkpoint(Path(job.checkpoints), b"the last one")
    write_checkpoint(node.checkpoints, b"the state")
    nbytes = node.state.stat().st_size
    assert not store_checkpoint(job, nbytes, node.read_state, most=nbytes - 1)
    assert not store_checkpoint(job, nbytes, lambda offset, length: b"\0" * length, most=1000)
    assert not store_checkpoint(job, nbytes + 1, node.read_state, most=1000)
    assert FileCheckpoints(Path(job.checkpoints), lambda: False).load() == b"the last one"


@pytest.mark.parametrize("nbytes", [0, 1, 4, 5, 8])
def test_a_payload_arrives_whole(node: NodeFiles, nbytes: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(transfers, "CHUNK", 4)
    path = tmp_path / "payload"
    path.write_bytes(bytes(range(nbytes)))
    for offset, data in chunks(path):
        node.give("payload", offset, data)
    assert node.payload.read_bytes() == bytes(range(nbytes))
    assert node.digest() == transfers.file_digest(path)


def test_a_missing_piece_is_noticed(node: NodeFiles) -> None:
    node.give("payload", 0, b"1234")
    with pytest.raises(WireError, match="payload: 4 bytes, next 8"):
        node.give("payload", 8, b"9")


def test_folders_of_killed_processes_go(node: NodeFiles) -> None:
    left = node.folder.with_name("realcam-node-4194999-x")
    left.mkdir()
    NodeFiles().remove()
    assert not left.exists()
    assert node.folder.exists()
