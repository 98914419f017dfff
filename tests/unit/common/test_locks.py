from hearth.common.locks import lock_file


def test_a_file_system_without_locks_is_logged_and_used(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("hearth.common.locks.fcntl.flock", no_locks)
    with open(tmp_path / "lock", "a") as handle:
        lock_file(handle.fileno(), tmp_path / "lock")
    assert "cannot be locked" in caplog.text
