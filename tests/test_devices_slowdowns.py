"""What nvidia-smi tells of a device, by a stand-in: which it is, and for how long it was slowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.timing import devices, rounds
from benchmarks.timing.devices import Slowdowns

# answers as one of NVIDIA's does, and fails on a field that is none
SMI = """#!/bin/sh
echo "$1" >> "$0.asked"
case "$2" in
    --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit,memory.total)
        echo "A GPU, 550.54, 1980 MHz, 2619 MHz, 700.00 W, 81559 MiB";;
    --query-gpu=clocks_event_reasons_counters.sw_power_cap,\
clocks_event_reasons_counters.sw_thermal_slowdown,\
clocks_event_reasons_counters.hw_thermal_slowdown,\
clocks_event_reasons_counters.hw_power_brake_slowdown)
        cat "$0.counted" || exit 2;;
    -q) test "$3" = -x && cat "$0.page" || exit 2;;
    *) echo "Field \\"$2\\" is not a valid field to query."; exit 2;;
esac
"""
PAGE = """<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log><gpu id="00000000:01:00.0"><clocks_event_reasons_counters>
<clocks_event_reasons_counters_sw_power_cap>91403239 us</clocks_event_reasons_counters_sw_power_cap>
<clocks_event_reasons_counters_sync_boost>5 us</clocks_event_reasons_counters_sync_boost>
<clocks_event_reasons_counters_sw_therm_slowdown>7 us</clocks_event_reasons_counters_sw_therm_slowdown>
<clocks_event_reasons_counters_hw_therm_slowdown>N/A</clocks_event_reasons_counters_hw_therm_slowdown>
<clocks_event_reasons_counters_hw_power_brake>9 us</clocks_event_reasons_counters_hw_power_brake>
</clocks_event_reasons_counters></gpu></nvidia_smi_log>
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for nvidia-smi, which notes the device it is asked about."""
    path = tmp_path / "nvidia-smi"
    path.write_text(SMI)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return path


def counted(smi: Path, *microseconds: int) -> Slowdowns:
    """What is read where the driver answers that."""
    smi.with_suffix(".counted").write_text(", ".join(f"{count} us" for count in microseconds) + "\n")
    return Slowdowns.now()


def test_a_device_is_described_by_name_driver_clocks_and_memory(smi: Path) -> None:
    assert devices.describe() == {
        "name": "A GPU",
        "driver_version": "550.54",
        "clocks.max.sm": "1980 MHz",
        "clocks.max.mem": "2619 MHz",
        "power.limit": "700.00 W",
        "memory.total": "81559 MiB",
    }


@pytest.mark.parametrize(
    ("visible", "device"), [(None, "0"), ("", "0"), ("2,1", "2"), ("GPU-8932f937,GPU-1", "GPU-8932f937")]
)
def test_the_device_that_frameworks_use_is_asked_about(
    visible: str | None, device: str, smi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    devices.describe()
    assert smi.with_suffix(".asked").read_text() == f"--id={device}\n"
    assert rounds.PLAIN["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"  # in which nvidia-smi counts


@pytest.mark.parametrize("script", [None, "#!/bin/sh\nexit 9\n", "#!/bin/sh\necho No devices\n", "#!/bin/sh\n"])
def test_without_an_answer_nothing_is_said_and_nothing_is_known(script: str | None, smi: Path) -> None:
    if script:
        smi.write_text(script)
    else:
        smi.unlink()
    assert devices.describe() == {}
    assert Slowdowns.now().lasted == {}
    assert Slowdowns.now().since(Slowdowns.now(), devices.SLOWED) is None


@pytest.mark.parametrize(
    ("reason", "slowed", "capped"), [(0, 0.0, 2.5), (1, 2.5, 0.0), (2, 2.5, 0.0), (3, 2.5, 0.0)]
)
def test_a_device_was_slowed_for_as_long_as_its_driver_counted(
    reason: int, slowed: float, capped: float, smi: Path
) -> None:
    numbers = [5_000_000] * 4
    before = counted(smi, *numbers)
    numbers[reason] += 2_500_000
    after = counted(smi, *numbers)
    assert after.since(before, devices.SLOWED) == pytest.approx(slowed)
    assert after.since(before, devices.CAPPED) == pytest.approx(capped)


def test_reasons_at_the_same_time_are_not_added(smi: Path) -> None:
    assert counted(smi, 0, 30, 20, 0).since(counted(smi, 0, 0, 0, 0), devices.SLOWED) == pytest.approx(30e-6)


def test_a_driver_that_cannot_be_queried_is_asked_for_its_page(smi: Path) -> None:
    smi.with_suffix(".page").write_text(PAGE)
    assert Slowdowns.now().lasted == pytest.approx(
        {"sw_power_cap": 91.403239, "sw_thermal_slowdown": 7e-6, "hw_power_brake_slowdown": 9e-6}
    )
    assert counted(smi, 1, 2, 3, 4).lasted["hw_thermal_slowdown"] == pytest.approx(3e-6)


def test_a_reason_that_is_not_counted_is_left_out(smi: Path) -> None:
    before = Slowdowns({"sw_thermal_slowdown": 1.0})
    after = Slowdowns({"sw_thermal_slowdown": 3.0, "hw_thermal_slowdown": 9.0})
    assert after.since(before, devices.SLOWED) == 2.0
    assert after.since(before, devices.CAPPED) is None
    smi.with_suffix(".counted").write_text("[N/A], 7 us, , [Not Supported]\n")
    assert Slowdowns.now().lasted == pytest.approx({"sw_thermal_slowdown": 7e-6})
