"""A terminal that is closed: what was trained is saved."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time

import pytest

from rnnlab.training.signals import stop_signals
from runs import SMALL, merged


def test_nohup_keeps_its_meaning():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stop_signals() == [signal.SIGINT, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, former)
    assert stop_signals() == [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.faults
@pytest.mark.slow
def test_a_run_saves_when_its_terminal_is_closed(tmp_path):
    """It cannot print any more, and ends as with Ctrl-C."""
    master, slave = pty.openpty()
    words = merged([*SMALL, "trainer.max_epochs=9999", "hydra.run.dir=run"])
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnlab", "train", *words],
        cwd=tmp_path,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=own_terminal,
    )
    os.close(slave)
    while not (tmp_path / "run/checkpoints/last.ckpt").exists():
        assert process.poll() is None, os.read(master, 9999)
        time.sleep(0.1)
    os.close(master)
    assert process.wait(100) == 130
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert record["status"] == "interrupted"
    assert record["steps"] > 0
