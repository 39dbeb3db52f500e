"""The alarms' cases, in a process of their own: instruments of OpenTelemetry are for a process and for good.

What other tests have made of the same names would tell its figures as well. `alarm_cases.py` has the cases.
"""

import subprocess
import sys
from pathlib import Path

from local.settings import ROOT

CASES = Path(__file__).with_name("alarm_cases.py")


def test_each_alarm_fires_under_its_fault_and_none_while_all_goes_well() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert told.returncode == 0, told.stdout + told.stderr
    assert " passed" in told.stdout or "100%" in told.stdout
