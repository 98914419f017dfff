import sys
from types import SimpleNamespace

import pytest
from hearth.common.energy import Meters


@pytest.fixture
def powercap(tmp_path):
    """Make a folder like the one of RAPL in Linux: two packages, the cores of the first, and the whole platform."""
    for zone, name in (("0", "package-0"), ("0:0", "core"), ("1", "package-1"), ("2", "psys")):
        folder = tmp_path / f"intel-rapl:{zone}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "energy_uj").write_text("5000000\n")
        (folder / "max_energy_range_uj").write_text("9000000\n")
    return tmp_path


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)


def count(powercap, zone, micro_joules):
    (powercap / f"intel-rapl:{zone}" / "energy_uj").write_text(f"{micro_joules}\n")


@pytest.mark.usefixtures("no_gpu")
def test_energy_is_that_of_all_packages_since_the_last_call(powercap):
    meters = Meters(powercap)
    count(powercap, "0", 6_500_000)
    count(powercap, "0:0", 8_000_000)
    count(powercap, "1", 5_250_000)
    assert meters.joules() == pytest.approx(1.75)
    assert meters.joules() == 0


@pytest.mark.usefixtures("no_gpu")
def test_a_counter_that_wraps_loses_nothing(powercap):
    meters = Meters(powercap)
    count(powercap, "0", 1_000_000)
    assert meters.joules() == pytest.approx(5)


@pytest.mark.usefixtures("no_gpu")
def test_energy_is_unknown_without_a_meter(tmp_path):
    assert Meters(tmp_path).joules() is None
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "name").write_text("package-0\n")
    assert Meters(tmp_path).joules() is None


class NotOursError(Exception):
    pass


def stand_in_nvml(used):
    """Return a stand-in for pynvml; `used` is a dict from GPU to millijoules, None for a GPU that is not accessible."""

    def consumption(handle):
        if used[handle] is None:
            raise NotOursError
        return used[handle]

    return SimpleNamespace(
        NVMLError=NotOursError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetTotalEnergyConsumption=consumption,
    )


@pytest.mark.parametrize(
    ("visible", "joules"), [(None, 4), ("0", 4), ("GPU-c", 2), ("0,GPU-c", 6), ("1", None), ("", None)]
)
def test_only_gpus_that_cuda_may_use_count(tmp_path, monkeypatch, visible, joules):
    used = {0: 1000, 1: None, "GPU-c": 3000}
    monkeypatch.setitem(sys.modules, "pynvml", stand_in_nvml(used))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    meters = Meters(tmp_path)
    used |= {0: 5000, "GPU-c": 5000}
    assert meters.joules() == joules
