"""A Slurm of one node on this machine: its daemons, with everything that they write in a folder."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
ReturnToService=2
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
"""Needs neither systemd nor control groups; four jobs of one core at a time, however many cores there are."""


@contextmanager
def single_node(folder: Path) -> Iterator[None]:
    """Run a Slurm that the programs of this process and its children find; skip where that cannot be."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    for program in PROGRAMS:
        if shutil.which(program, path=search) is None:
            pytest.skip(f"no {program} on this machine: apt-get install slurm-wlm munge")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = [one.getsockname()[1] for one in sockets]
    host, user = socket.gethostname().partition(".")[0], getpass.getuser()
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    (folder / "slurm.conf").write_text(CONFIGURATION.format(host=host, user=user, ports=ports, folder=folder))
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    own = ("key", "socket", "pid", "seed", "log")
    files = [f"--{name}-file={folder}/munge.{name}" for name in own if name != "socket"]
    daemons = (
        ["munged", "--foreground", "--force", *files, f"--socket={folder}/munge.socket"],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", host],
    )
    running = []
    try:
        for words in daemons:
            log = (folder / f"{words[0]}.out").open("wb")
            program = shutil.which(words[0], path=search)
            running.append(subprocess.Popen([program, *words[1:]], stdout=log, stderr=log, stdin=subprocess.DEVNULL))
            log.close()
            until = time.monotonic() + 10
            while words is daemons[0] and not (folder / "munge.socket").exists() and time.monotonic() < until:
                time.sleep(0.05)
        until = time.monotonic() + 30
        while not idle():
            if time.monotonic() > until:
                lines = [line for log in folder.glob("slurm*.log") for line in log.read_text().splitlines()]
                pytest.skip(f"the daemons of Slurm do not start here: {(lines or ['they say nothing'])[-1]}")
            time.sleep(0.1)
        yield
    finally:
        for daemon in reversed(running):
            daemon.terminate()
        for daemon in reversed(running):
            try:
                daemon.wait(timeout=5)
            except subprocess.TimeoutExpired:  # slurmd may wait for a job that nothing ends any more
                daemon.kill()
                daemon.wait()
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before


def idle() -> bool:
    """Tell whether the node waits for jobs."""
    listed = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True, check=False)
    return listed.stdout.strip() == "idle"


def jobs(*states: str) -> list[str]:
    """Return the numbers of the jobs that are in some states, by default of all that have not ended."""
    words = ["squeue", "--noheader", "--array", "--format=%i", *(f"--states={state}" for state in states)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
