"""What the server of processes imports and composes once, so that each of them starts soon."""

import rnnlab.commands.evaluate
import rnnlab.runs.job
import rnnlab.runs.train
from fault_parts.runs import CASES
from rnnlab.config.command_line import CommandLine
from rnnlab.runs.jobs import check_jobs

MODULES = (rnnlab.commands.evaluate, rnnlab.runs.job, rnnlab.runs.train)

for _words in CASES.values():
    check_jobs(CommandLine.split([word for word in _words if not word.startswith("data=")]))
