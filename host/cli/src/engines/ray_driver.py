"""Carries the tasks of a work place out on Ray: the job that `callboard submit --on ray=…` submits, by Ray's own Python.

`callboard task WORK drive --on lines` decides which tasks there are to start, and hears how each ended (see `lines.rs`). Here they become tasks
of Ray, with the cores and the memory that each asks for. What hangs behind the others is started a second time: a task counts once.
No row goes through Ray.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time

import ray

PROGRAM, WORK = os.environ["CALLBOARD_PROGRAM"], os.environ["CALLBOARD_WORK"]
ARGUMENTS = json.loads(os.environ["CALLBOARD_ARGUMENTS"])
# By group: cores, and bytes of memory.
NEEDS = json.loads(os.environ["CALLBOARD_NEEDS"])
# The end of what a task prints, characters.
WORDS = 2000
# When half of a group has ended, a task that takes this many times their median, and this many seconds, is started again.
LATE, LEAST = 4.0, float(os.environ.get("CALLBOARD_LATE_SECONDS", "60"))


@ray.remote(max_retries=0, scheduling_strategy="SPREAD", num_returns="streaming")
def carry_out(command):
    # That it has begun, and then how it ended. It ends with this process of Ray's, however that ends.
    yield None
    began = time.monotonic()
    command = [*command, "--end-with", str(os.getpid())]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    yield ended.returncode, ended.stderr[-WORDS:].decode(errors="replace"), time.monotonic() - began


def fitting(group, cores, memory):
    """The cores that the tasks of a group ask for: no more than a node has whose memory is enough, for with fewer they only take longer."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = int(max((node.get("CPU", 0) for node in nodes if node.get("memory", 0) >= memory), default=0))
    if most == 0:
        print(f"no node has a core and {memory >> 20} MiB: tasks of group {group} wait for one", file=sys.stderr, flush=True)
        return cores
    return min(cores, most)


class Group:
    """The tasks of a group: how long those took that have ended, and how many go on."""

    def __init__(self, name):
        cores, self.memory = NEEDS[name]
        self.cores = fitting(name, cores, self.memory)
        self.took, self.under_way = [], 0

    def is_late(self, began):
        """Whether a task that began then hangs behind the others."""
        if not began or len(self.took) < self.under_way:
            return False
        return time.monotonic() - began[0] > max(LEAST, LATE * statistics.median(self.took))


async def attempt(task, group, began):
    """One attempt: its exit code and words, `None` for a code if Ray lost it. Adds to `began` when it begins."""
    command = [PROGRAM, "task", WORK, task, "--quiet", *ARGUMENTS]
    options = {"num_cpus": group.cores, "memory": group.memory, "name": f"callboard {task}"}
    running = carry_out.options(**options).remote(command)
    try:
        await (await anext(running))
        began.append(time.monotonic())
        code, words, took = await (await anext(running))
    except asyncio.CancelledError:
        ray.cancel(running, force=True)
        raise
    except (ray.exceptions.RayError, StopAsyncIteration) as error:
        return None, str(error)[:WORDS]
    if code == 0:
        group.took.append(took)
    return code, words


async def ended(task, group):
    """How a task ended: the first of its attempts that ended well, or else the last one."""
    group.under_way += 1
    began, second = [], False
    attempts = {asyncio.create_task(attempt(task, group, began))}
    while True:
        done, attempts = await asyncio.wait(attempts, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        results = [one.result() for one in done]
        if results and (not attempts or any(code == 0 for code, _ in results)):
            for late in attempts:
                late.cancel()
            group.under_way -= 1
            return min(results, key=lambda result: result[0] != 0)
        if not second and group.is_late(began):
            second = True
            print(f"task {task} hangs behind the others, and is started again", file=sys.stderr, flush=True)
            attempts.add(asyncio.create_task(attempt(task, group, began)))


async def main():
    ray.init(log_to_driver=False)
    command = [PROGRAM, "task", WORK, "drive", "--on", "lines", "--quiet", *ARGUMENTS]
    drive = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    groups, tasks = {}, set()

    async def carried(task):
        name = task.partition(".")[0]
        if name not in groups:
            groups[name] = Group(name)
        code, words = await ended(task, groups[name])
        line = json.dumps({"ended": task, "code": code, "words": words})
        drive.stdin.write(line.encode() + b"\n")

    async for line in drive.stdout:
        task = asyncio.create_task(carried(json.loads(line)["start"]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    code = await drive.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return code if code >= 0 else 128 - code


sys.exit(asyncio.run(main()))
