// python3 -m ziglang cc -target wasm32-freestanding -O1 -g -nostdlib -Wl,--no-entry -Wl,--export=fill
//     -fno-sanitize=all -ffile-prefix-map=$PWD=src -o lines.wasm lines.c      (PyPI: ziglang 0.17.1)
int table[8];

int fill(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) {
        table[i & 7] = i;
        sum += table[i & 3];
    }
    return sum;
}
