#!/usr/bin/env python3
"""Checks the example tasks without Probity: builds every program natively, and runs the hand-written tests and generated
inputs through it. Whatever a task's programs print for an input must be the same, and what the tests expect.

    check.py [--largest] [TASK...]
    check.py --results FILE [TASK...]

Inputs are of the smallest size of each task, and of the largest with --largest. Needs g++ and rustc.
With --results it builds nothing, but checks the ranking that `probity measure tasks.jsonl samples.jsonl -o FILE` has found:
at the largest size every program costs less than all those of later groups.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COMPILERS = {
    ".cpp": ["g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror"],
    ".rs": ["rustc", "--edition", "2024", "-O", "-D", "warnings"],
}


def lines(name):
    return [json.loads(line) for line in (HERE / name).read_text().splitlines() if line]


class Programs:
    """Programs of the examples, each built once."""

    def __init__(self, folder):
        self.folder = folder

    def built(self, path):
        binary = self.folder / path.replace("/", "-")
        if not binary.exists():
            compiler = COMPILERS[pathlib.Path(path).suffix]
            subprocess.run([*compiler, "-o", binary, HERE / path], check=True)
        return binary

    def output(self, path, *arguments, stdin=""):
        command = [self.built(path), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=True)
        return done.stdout


def check_lists(tasks, samples, ranking):
    """Every program is in the samples, and every sample once in the ranking of its task."""
    generators = {task["generator"]["source"] for task in tasks}
    listed = {sample["path"] for sample in samples}
    found = {str(path.relative_to(HERE)) for suffix in COMPILERS for path in HERE.glob(f"*/*{suffix}")}
    problems = [f"{path}: not in samples.jsonl" for path in sorted(found - listed - generators)]
    problems += [f"{path}: not a file" for path in sorted((listed | generators) - found)]
    for task in tasks:
        own = sorted(s["path"] for s in samples if s["task_id"] == task["task_id"])
        ranked = [entry for entry in ranking if entry["task_id"] == task["task_id"]]
        paths = sorted(p["path"] for entry in ranked for group in entry["order"] for p in group)
        if len(ranked) != 1 or paths != own:
            problems.append(f"{task['task_id']}: the ranking does not have its samples, each once")
    return problems


def check_task(task, samples, programs, largest):
    """Yields what is wrong with the programs of a task."""
    paths = [sample["path"] for sample in samples if sample["task_id"] == task["task_id"]]
    for test in task["tests"]:
        for path in paths:
            output = programs.output(path, stdin=test["stdin"])
            if output != test["expected"]:
                yield f"{path}, test {test['id']}: {output!r} instead of {test['expected']!r}"
    generator = task["generator"]
    sizes = generator["sizes"]
    for size in [sizes[0], sizes[-1]] if largest else [sizes[0]]:
        for seed in range(generator["seed"], generator["seed"] + 3):
            stdin = programs.output(generator["source"], size, seed)
            if stdin != programs.output(generator["source"], size, seed):
                yield f"{generator['source']} {size} {seed}: not the same twice"
            outputs = {path: programs.output(path, stdin=stdin) for path in paths}
            if len(set(outputs.values())) != 1:
                yield f"size {size}, seed {seed}: {outputs}"


def check_ranking(entry, results):
    """Yields what results say against the ranking of a task."""
    costs = {}
    for group, programs in enumerate(entry["order"]):
        for program in programs:
            key = (entry["task_id"], program["model"], program["sample_id"])
            result = results.get(key)
            if result is None or result["status"] != "ok":
                status = "not measured" if result is None else result["status"]
                yield f"{program['path']}: {status}"
                continue
            tests = [test for test in result["tests"] if test.get("size") == entry["size"]]
            costs[program["path"]] = (group, max(test[entry["metric"]] for test in tests))
    for path, (group, cost) in costs.items():
        for other, (later, other_cost) in costs.items():
            if group < later and cost >= other_cost:
                yield f"{path} costs {cost}, and {other} only {other_cost}"


def check_results(path, ranking, tasks):
    found = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines() if line]
    own = [result for result in found if "reference" not in result]
    results = {(r["task_id"], r["model"], r["sample_id"]): r for r in own}
    for entry in ranking:
        if not tasks or entry["task_id"] in tasks:
            problems = list(check_ranking(entry, results))
            print(f"{entry['task_id']}: {'FAILED' if problems else 'ok'}", flush=True)
            yield from (f"{entry['task_id']}: {problem}" for problem in problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", action="store_true", help="inputs of the largest size, too")
    parser.add_argument("--results", metavar="FILE", help="check the ranking in these results instead")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="only these")
    arguments = parser.parse_args()
    tasks, samples = lines("tasks.jsonl"), lines("samples.jsonl")
    ranking = json.loads((HERE / "ranking.json").read_text())
    problems = check_lists(tasks, samples, ranking)
    if arguments.results:
        problems += check_results(arguments.results, ranking, arguments.tasks)
        tasks = []
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(pathlib.Path(folder))
        for task in tasks:
            if arguments.tasks and task["task_id"] not in arguments.tasks:
                continue
            found = list(check_task(task, samples, programs, arguments.largest))
            print(f"{task['task_id']}: {'FAILED' if found else 'ok'}", flush=True)
            problems += [f"{task['task_id']}: {problem}" for problem in found]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
