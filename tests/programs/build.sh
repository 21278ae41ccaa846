#!/usr/bin/env bash
# Rebuilds the programs' .wasm files, and with --expected their .expected files from native builds of the same sources.
#
#   tests/programs/build.sh              all programs
#   tests/programs/build.sh gemm life    these
#   tests/programs/build.sh --expected [NAME...]
#
# A name may be a path from here without suffix (../../examples/primes).
#
# C: clang of PyPI's `ziglang` (installed into target/zig-venv when missing). No -s and no -Wl,--strip-debug: both drop
# the name section, by which reports name functions. The DWARF that zig's libc brings along is cut out afterwards.
# Rust: the pinned rustc with the target wasm32-wasip1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/target/zig-venv"
zig_version=0.17.1

# Without reference types and overlong table indices, so that engines of before those (wasm3) run them too.
cflags=(-target wasm32-wasi -mcpu=generic-reference_types-call_indirect_overlong -O2 -g0 -Wall -Wextra -ffp-contract=off -std=c17 -D_GNU_SOURCE)
rustflags=(--target wasm32-wasip1 --edition 2024 -O -C debuginfo=0 -C strip=debuginfo -C panic=abort -C codegen-units=1)
native_cflags=(-O2 -Wall -Wextra -ffp-contract=off -std=c17 -D_GNU_SOURCE)
# What one program needs beyond that.
extra() { case $1 in simd) echo "-msimd128" ;; esac; }

need_zig() {
    if [ ! -x "$venv/bin/python3" ]; then python3 -m venv "$venv"; fi
    "$venv/bin/python3" -c "import ziglang" 2>/dev/null || "$venv/bin/pip" install -q "ziglang==$zig_version"
}

# Drops the custom sections `.debug_*` (here and from zig's libc); the rest stays byte for byte.
drop_dwarf() {
    python3 - "$1" <<'PYTHON'
import sys

def leb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at

path = sys.argv[1]
data = open(path, "rb").read()
kept, at = bytearray(data[:8]), 8
while at < len(data):
    size, body = leb(data, at + 1)
    name_len, name = leb(data, body) if data[at] == 0 else (0, body)
    if not data[name:name + name_len].startswith(b".debug_"):
        kept += data[at:body + size]
    at = body + size
open(path, "wb").write(kept)
PYTHON
}

build_wasm() {
    local name=$1
    if [ -f "$here/$name.c" ]; then
        need_zig
        # shellcheck disable=SC2046
        (cd "$here" && "$venv/bin/python3" -m ziglang cc "${cflags[@]}" $(extra "$name") -o "$name.wasm" "$name.c")
        drop_dwarf "$here/$name.wasm"
    else
        (cd "$here" && rustc "${rustflags[@]}" -o "$name.wasm" "$name.rs")
    fi
    printf '%-12s %7d bytes\n' "$name" "$(stat -c %s "$here/$name.wasm")"
}

build_expected() {
    local name=$1 bin args=() input=/dev/null
    bin=$(mktemp -d)
    if [ -f "$here/$name.c" ]; then
        cc "${native_cflags[@]}" -o "$bin/program" "$here/$name.c" -lm
    else
        rustc --edition 2024 -O -o "$bin/program" "$here/$name.rs"
    fi
    if [ -f "$here/$name.args" ]; then mapfile -t args <"$here/$name.args"; fi
    if [ -f "$here/$name.stdin" ]; then input="$here/$name.stdin"; fi
    if [ -d "$here/$name.d" ]; then
        cp -r "$here/$name.d" "$bin/dir" # written to: work on a copy
        args=("$bin/dir" "${args[@]}")
    fi
    "$bin/program" "${args[@]}" <"$input" >"$here/$name.expected"
    rm -r "$bin"
}

action=build_wasm
if [ "${1:-}" = --expected ]; then action=build_expected; shift; fi
names=("$@")
if [ ${#names[@]} = 0 ]; then
    for source in "$here"/*.c "$here"/*.rs; do name=$(basename "$source"); names+=("${name%.*}"); done
fi
for name in "${names[@]}"; do "$action" "$name"; done
