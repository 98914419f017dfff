import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hearth.common import files
from hearth.models import staging
from hearth.models.snapshot import ModelError
from hearth.models.staging import staged
from repository import SCRIPTS

# Prints the folder, then keeps it in use until standard input is closed.
USE = """
import sys
from pathlib import Path
from hearth.models.staging import staged

with staged(Path(sys.argv[1]), sys.argv[2]) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def make_model(folder: Path, name: str = "tiny", weights: bytes = b"weights") -> Path:
    """Write a folder with the files and the snapshot of a fetched model, which nothing can load."""
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text("{}")
    digests = {path.name: files.file_digest(path) for path in folder.iterdir()}
    files.write_json(
        folder / "snapshot.json",
        {
            **{"model": name, "source": "folder:x", "revision": "", "parameters": 1, "license": "", "stand_in": ""},
            **{"files": digests, "digest": files.digest(digests)},
        },
    )
    return folder


@pytest.fixture
def model(tmp_path) -> Path:
    return make_model(tmp_path / "model")


@pytest.fixture
def disk(tmp_path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def copy_of(model: Path, disk: Path) -> Path:
    """Stage a model and return the folder of its copy, which no job uses any more."""
    with staged(model, str(disk)) as folder:
        return folder


def start_job(model: Path, disk: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", USE, str(model), str(disk)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_without_a_folder_the_model_is_loaded_from_where_it_is(model):
    with staged(model, "") as folder:
        assert folder == model


def test_a_copy_has_the_models_files_and_is_made_once(model, disk, monkeypatch):
    monkeypatch.setenv("NODE_DISK", str(disk))
    with staged(model, "$NODE_DISK") as folder:
        assert folder.is_relative_to(disk)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            name: (model / name).read_bytes() for name in ("model.safetensors", "config.json")
        }
        inode = folder.stat().st_ino
    with staged(model, str(disk)) as again:
        assert (again, again.stat().st_ino) == (folder, inode)


def test_links_of_a_model_store_become_files(model, disk, tmp_path):
    (model / "model.safetensors").rename(tmp_path / "weights")
    (model / "model.safetensors").symlink_to(tmp_path / "weights")
    copied = copy_of(model, disk) / "model.safetensors"
    assert not copied.is_symlink()
    assert copied.read_bytes() == b"weights"


def test_jobs_that_start_together_share_one_copy_and_use_it_at_once(model, disk, monkeypatch):
    copied, copy_file, all_use_it = [], staging._copy_file, threading.Barrier(3)

    def copy_slowly(source, target):
        time.sleep(0.1)  # the other jobs look for the copy meanwhile
        copied.append(source.name)
        return copy_file(source, target)

    def use(_):
        with staged(model, str(disk)) as folder:
            all_use_it.wait(timeout=30)
            return folder, folder.stat().st_ino

    monkeypatch.setattr(staging, "_copy_file", copy_slowly)
    with ThreadPoolExecutor(3) as jobs:
        assert len(set(jobs.map(use, range(3)))) == 1
    assert sorted(copied) == ["config.json", "model.safetensors"]


def test_a_job_that_copies_waits_for_no_job_that_uses_a_copy(model, disk):
    with staged(model, str(disk)) as folder:
        (folder / "model.safetensors").unlink()
        other = threading.Thread(target=copy_of, args=(model, disk), daemon=True)
        other.start()
        other.join(timeout=30)
        assert not other.is_alive()
        assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_a_job_killed_while_it_copies_leaves_nothing_that_is_used(model, disk):
    folder = copy_of(model, disk)
    shutil.rmtree(folder)
    part = folder.with_name(f".{folder.name}.part")
    part.mkdir()
    (part / "model.safetensors").write_bytes(b"wei")
    assert (copy_of(model, disk) / "model.safetensors").read_bytes() == b"weights"
    assert not part.exists()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"short")])
def test_a_copy_that_lost_a_file_is_made_again(model, disk, damage):
    damage(copy_of(model, disk) / "model.safetensors")
    assert (copy_of(model, disk) / "model.safetensors").read_bytes() == b"weights"


def test_a_file_that_is_not_the_fetched_one_is_refused(model, disk):
    (model / "model.safetensors").write_bytes(b"changed")
    with pytest.raises(ModelError, match=r"model\.safetensors is not the file that was fetched"):
        copy_of(model, disk)
    assert not list(disk.rglob("*.safetensors"))


def test_without_room_the_model_is_loaded_from_where_it_is_and_nobody_waits(model, disk, caplog):
    with open(model / "model.safetensors", "wb") as weights:
        weights.truncate(shutil.disk_usage(disk).free + 2**20)  # a sparse file, which takes no disk itself
    with staged(model, str(disk)) as folder:
        assert folder == model
        lock = next(disk.rglob("*.lock"))
        with open(lock) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert "loading it from" in caplog.text


def test_without_locks_the_model_is_loaded_from_where_it_is(model, disk, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("hearth.models.staging.fcntl.flock", no_locks)
    assert copy_of(model, disk) == model
    assert "cannot be locked ([Errno 38] Function not implemented); loading the model from" in caplog.text


def test_old_copies_that_no_job_uses_are_deleted(model, disk, tmp_path):
    old, used, recent = (
        copy_of(make_model(tmp_path / name, weights=name.encode()), disk) for name in ("old", "used", "recent")
    )
    job = start_job(tmp_path / "used", disk)
    assert Path(job.stdout.readline().strip()) == used
    for folder in (old, used):
        os.utime(folder, (0, 0))
    copy_of(model, disk)
    assert (old.exists(), used.exists(), recent.exists()) == (False, True, True)
    job.communicate("")


def test_recent_copies_make_room_where_it_is_needed(disk, tmp_path):
    recent = copy_of(make_model(tmp_path / "recent"), disk)
    huge = make_model(tmp_path / "huge", weights=b"other")
    with open(huge / "model.safetensors", "wb") as weights:
        weights.truncate(shutil.disk_usage(disk).free + 2**20)
    copy_of(huge, disk)
    assert not recent.exists()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("$NO_SUCH_VARIABLE/x", r"\$NO_SUCH_VARIABLE/x, and a variable in it is not set on"),
        ("/no/such/folder", "there is no folder /no/such/folder: create it there"),
        (".", "write its full path"),
    ],
)
def test_a_folder_that_cannot_be_used_is_reported(model, where, message):
    with pytest.raises(ModelError, match=message), staged(model, where):
        pass


def test_a_folder_of_somebody_else_is_refused(model, disk, tmp_path):
    (tmp_path / "theirs").mkdir()
    (disk / f"hearth-{os.getuid()}").symlink_to(tmp_path / "theirs")
    with pytest.raises(ModelError, match="belongs to another user"):
        copy_of(model, disk)
    assert not list((tmp_path / "theirs").iterdir())
