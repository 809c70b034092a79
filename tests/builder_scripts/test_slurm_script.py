"""The Slurm script itself, with the programs of Slurm and Ray replaced by small ones."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., tuple[subprocess.Popen[str], Path]]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Slurm's nodes run Linux; the script wants its bash")


def programs(folder: Path, **scripts: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)


@pytest.fixture
def slurm(tmp_path: Path) -> Start:
    """Start the job on two nodes; its `python` works until it is told to stop, and then takes a moment."""
    bin_folder, log = tmp_path / "venv" / "bin", tmp_path / "log"
    programs(
        bin_folder,
        srun=f'echo "srun $*" >>{log}; while [[ $1 == --* ]]; do shift; done; exec "$@"',
        hostname="echo 10.0.0.1",
        scontrol=f'echo "scontrol $*" >>{log}; [ "$1" = show ] && printf "one\\ntwo\\n"; exit 0',
        ray='[ "$1" = status ] && exit 0; exec sleep 60',
        python=f"""
exec {sys.executable} - "$@" <<'END'
import signal, sys, time
def stop(*_):
    time.sleep(0.5)
    open({str(log)!r}, "a").write("interrupted and tidied up\\n")
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
open({str(log)!r}, "a").write("python " + " ".join(sys.argv[3:]) + "\\n")
time.sleep(0 if "quick" in sys.argv else 60)
sys.exit(3)
END""",
    )
    (bin_folder / "activate").write_text(f"export PATH={bin_folder}:$PATH\n")
    environment = {
        **os.environ, "VENV": str(tmp_path / "venv"), "RAW": "/raw videos", "OUT": "/out", "METADATA": "/rows.csv",
        "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_CPUS_ON_NODE": "8",
    }  # fmt: skip

    def start(**variables: Any) -> tuple[subprocess.Popen[str], Path]:
        script = ROOT / "builder_scripts" / "cluster" / "slurm_ray.sbatch"
        return subprocess.Popen(
            ["bash", str(script)], env={**environment, **variables}, stdout=subprocess.PIPE, text=True
        ), log

    return start


def test_the_slurm_job_runs_the_command_on_its_ray_cluster(slurm: Start) -> None:
    process, log = slurm(EXTRA="--layout quick")
    output, _ = process.communicate(timeout=30)
    lines = log.read_text().splitlines()
    assert process.returncode == 3
    assert "ended with status 3" in output
    (command,) = [line for line in lines if line.startswith("python")]
    assert command == (
        "python regenerate all /raw videos /out --metadata /rows.csv --stages crop,mask,draw,label,text "
        "--engine ray --address auto --layout quick"
    )
    starts = [line for line in lines if "ray start" in line]
    assert "--nodelist=one ray start --head" in starts[0]
    assert "--nodelist=two ray start --address=10.0.0.1:20007" in starts[1]
    assert "scontrol requeue 7" not in lines


def test_the_slurm_job_stops_the_work_and_queues_itself_again_before_its_time_is_over(slurm: Start) -> None:
    process, log = slurm()
    deadline = time.monotonic() + 30
    while not (log.exists() and "python" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    process.terminate()
    process.communicate(timeout=30)
    lines = log.read_text().splitlines()
    assert process.returncode == 0
    assert lines.index("interrupted and tidied up") < lines.index("scontrol requeue 7")
