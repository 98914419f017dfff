import pytest
from hearth.common import deployment_stats
from hearth.common.deployment_stats import read_measurement, this_machine, usable_cores
from hearth.common.files import write_json


def test_this_machine_has_cores_and_memory():
    machine = this_machine()
    assert 1 <= machine["cores"] == usable_cores()
    assert machine["memory_bytes"] > 2**20
    assert machine["processor"]


def test_a_processor_without_a_name_has_that_of_its_board(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 108.00\nCPU part\t: 0xd0b\n")
    (tmp_path / "model").write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    monkeypatch.setattr(deployment_stats, "_PROCESSORS", tmp_path / "cpuinfo")
    monkeypatch.setattr(deployment_stats, "_BOARD", tmp_path / "model")
    assert this_machine()["processor"] == "Raspberry Pi 5 Model B Rev 1.0"
    (tmp_path / "cpuinfo").write_text("model name\t: Intel(R)   N100\n")
    assert this_machine()["processor"] == "Intel(R) N100"


def test_a_file_that_is_no_measurement_is_named(tmp_path):
    write_json(tmp_path / "own.json", {"recogniser": "student"})
    with pytest.raises(ValueError, match=r"own\.json has no 'dataset'"):
        read_measurement(tmp_path / "own.json")
