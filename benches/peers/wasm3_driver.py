"""Runs WASI programs in wasm3 (PyPI: pywasm3) and times them, one JSON request per line on stdin.

First prints a line with the version. Then, for {"path": .., "argv": [..]}, a line with {"cpu_ns": .., "stdout": ..} or
{"error": ..}. Every run gets a new environment, so wasm3 translates the functions anew (lazily, inside the timed call).
The WASI calls here are those that a program with arguments and stdout needs; files are reported as not there.
"""

import importlib.metadata
import json
import os
import struct
import sys
import time

import wasm3

STACK_BYTES = 8 << 20
EBADF, ENOSYS, ESPIPE = 8, 52, 70


class Exit(Exception):
    pass


class Wasi:
    def __init__(self, runtime, argv):
        self.runtime = runtime
        self.argv = [a.encode() + b"\0" for a in argv]
        self.stdout = bytearray()
        self.status = 0

    def put32(self, *pairs):
        memory = self.runtime.get_memory(0)
        for address, value in pairs:
            struct.pack_into("<I", memory, address, value)

    def strings(self, items, pointers, buffer):
        memory = self.runtime.get_memory(0)
        for i, item in enumerate(items):
            struct.pack_into("<I", memory, pointers + 4 * i, buffer)
            memory[buffer:buffer + len(item)] = item
            buffer += len(item)
        return 0

    def args_get(self, pointers, buffer):
        return self.strings(self.argv, pointers, buffer)

    def args_sizes_get(self, count, size):
        self.put32((count, len(self.argv)), (size, sum(map(len, self.argv))))
        return 0

    def environ_get(self, pointers, buffer):
        return 0

    def environ_sizes_get(self, count, size):
        self.put32((count, 0), (size, 0))
        return 0

    def fd_write(self, fd, iovs, count, written):
        if fd not in (1, 2):
            return EBADF
        memory = self.runtime.get_memory(0)
        total = 0
        for i in range(count):
            address, size = struct.unpack_from("<II", memory, iovs + 8 * i)
            if fd == 1:
                self.stdout += memory[address:address + size]
            total += size
        struct.pack_into("<I", memory, written, total)
        return 0

    def fd_read(self, fd, iovs, count, read):
        self.put32((read, 0))
        return 0 if fd == 0 else EBADF

    def fd_fdstat_get(self, fd, stat):
        if fd > 2:
            return EBADF
        memory = self.runtime.get_memory(0)
        memory[stat:stat + 24] = struct.pack("<BxHxxxxQQ", 2, 0, (1 << 64) - 1, 0)  # a character device
        return 0

    def clock_time_get(self, clock, precision, result):
        struct.pack_into("<Q", self.runtime.get_memory(0), result, time.monotonic_ns())
        return 0

    def random_get(self, buffer, size):
        self.runtime.get_memory(0)[buffer:buffer + size] = bytes(size)
        return 0

    def proc_exit(self, status):
        self.status = status
        raise Exit()

    def link(self, module):
        functions = {
            "args_get": ("i(ii)", self.args_get),
            "args_sizes_get": ("i(ii)", self.args_sizes_get),
            "environ_get": ("i(ii)", self.environ_get),
            "environ_sizes_get": ("i(ii)", self.environ_sizes_get),
            "clock_time_get": ("i(iIi)", self.clock_time_get),
            "fd_close": ("i(i)", lambda fd: EBADF),
            "fd_fdstat_get": ("i(ii)", self.fd_fdstat_get),
            "fd_prestat_get": ("i(ii)", lambda fd, buffer: EBADF),
            "fd_prestat_dir_name": ("i(iii)", lambda fd, path, size: EBADF),
            "fd_read": ("i(iiii)", self.fd_read),
            "fd_seek": ("i(iIii)", lambda fd, offset, whence, result: ESPIPE),
            "fd_write": ("i(iiii)", self.fd_write),
            "poll_oneoff": ("i(iiii)", lambda subscriptions, events, count, result: ENOSYS),
            "proc_exit": ("v(i)", self.proc_exit),
            "random_get": ("i(ii)", self.random_get),
            "sched_yield": ("i()", lambda: 0),
        }
        for name, (signature, function) in functions.items():
            try:
                module.link_function("wasi_snapshot_preview1", name, signature, function)
            except RuntimeError:
                pass  # the module does not import it


def run(path, argv):
    environment = wasm3.Environment()
    runtime = environment.new_runtime(STACK_BYTES)
    with open(path, "rb") as file:
        module = environment.parse_module(file.read())
    runtime.load(module)
    wasi = Wasi(runtime, argv)
    wasi.link(module)
    start = runtime.find_function("_start")
    begin = time.process_time_ns()
    try:
        start()
    except Exit:
        pass
    cpu_ns = time.process_time_ns() - begin
    if wasi.status != 0:
        raise RuntimeError(f"exit status {wasi.status}")
    return {"cpu_ns": cpu_ns, "stdout": wasi.stdout.decode("latin-1")}


def main():
    replies = os.fdopen(os.dup(1), "w")
    package = importlib.metadata.version("pywasm3")
    print(f"{wasm3.M3_VERSION} (PyPI pywasm3 {package}, built by its setup.py: -O3)", file=replies, flush=True)
    # wasm3 prints backtraces of failed runs itself; the errors are in the replies.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = run(request["path"], request["argv"])
        except Exception as error:  # whatever it is, it is the answer to this request
            reply = {"error": f"{error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
