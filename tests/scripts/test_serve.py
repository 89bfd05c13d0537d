"""The service answers many requests at once as the model answers each alone."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import rnnlab

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.programs
def test_200_requests_at_once(tiny_run, tmp_path):
    run = tiny_run("sentiment")
    words = ["--app-dir", SCRIPTS, "serve:app", "--port", "0", "--log-level", "info"]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        service = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *map(str, words)],
            env=os.environ | {"RNNLAB_RUN": str(run.folder)},
            stderr=stream,
        )
    try:
        address = wait_for(log, service)
        texts = [
            f"the film was {('great', 'awful')[n % 2]} " + "and " * (n % 7) for n in range(200)
        ]
        answers, seconds = asyncio.run(ask(address, texts))
    finally:
        service.terminate()
        service.wait(20)
    model = rnnlab.load(run.folder)
    wanted = [each.label for each in model.predict(texts)]
    assert [answer.split("\t")[0] for answer in answers] == wanted
    assert len(set(wanted)) == 2
    print(f"{len(texts) / seconds:.0f} requests a second")


def wait_for(log, service):
    for _ in range(600):
        assert service.poll() is None, log.read_text()
        for line in log.read_text().splitlines():
            if "running on" in line:
                return line.partition("running on ")[2].split()[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


async def ask(address, texts):
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        begin = time.perf_counter()
        found = await asyncio.gather(
            *(client.post("/predict", json={"text": text}) for text in texts)
        )
        seconds = time.perf_counter() - begin
    assert {each.status_code for each in found} == {200}
    return [each.json()["answer"] for each in found], seconds
