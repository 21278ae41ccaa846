// Opens the exports of one run with the tools that the formats are of, and compares what they say with the JSON report.
//
//   node readers.mjs DIRECTORY-WITH-NODE_MODULES DIRECTORY-WITH-EXPORTS NAME
//
// It runs where the source of the program is.
//
// A line for each number: program, format, tool with its version, what it is, ours, theirs. The exit status is 1 if one differs.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [tools, out, program] = process.argv.slice(2);
const require = createRequire(path.resolve(tools, "node_modules", "_"));
const at = (format) => path.join(out, format);
const read = (format) => fs.readFileSync(at(format), "utf8");
const report = JSON.parse(read("report.json")).analyses;
const run = (command, ...args) =>
    execFileSync(command, args, {
        encoding: "utf8",
        maxBuffer: 1 << 28,
        stdio: ["ignore", "pipe", "pipe"],
        // Tools that keep things keep them here.
        env: { ...process.env, HOME: out, PROFILER_CLI_SESSION_DIR: out },
    });
// Some print their version to stderr, some fail with it.
const banner = (command) => run("sh", "-c", `${command} 2>&1; true`).trim();
const version = (name) => `${name} ${require(`${name}/package.json`).version}`;
const number = (text) => Number(text.replaceAll(",", ""));
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

let differ = 0;
function equal(format, tool, what, ours, theirs) {
    const same = JSON.stringify(ours) === JSON.stringify(theirs);
    // Of many numbers that agree their sum is enough.
    const short = (v) => (same && v && !Array.isArray(v) ? `${sum(Object.values(v))} in ${Object.keys(v).length}` : JSON.stringify(v));
    const line = [program, format, tool, what, ours, theirs].map((v) => (typeof v === "object" ? short(v) : v));
    console.log(`profiles: ${line.join("\t")}${same ? "" : "\tDIFFERENT"}`);
    differ += same ? 0 : 1;
}

const total = report.profile.total;
// Weight of its own by name, without functions that have none.
const byName = (pairs) => {
    const sums = {};
    for (const [name, weight] of pairs) {
        if (weight !== 0) sums[name] = (sums[name] ?? 0) + weight;
    }
    return Object.fromEntries(Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1)));
};
const functions = byName(report.profile.functions.map((f) => [f.name, f.self]));

// What a tool says each function weighs: the sum, and whether all are as in the report.
function weights(format, tool, pairs) {
    const theirs = byName(pairs);
    equal(format, tool, "weight", total, sum(Object.values(theirs)));
    for (const name of new Set([...Object.keys(functions), ...Object.keys(theirs)])) {
        if (functions[name] !== theirs[name]) equal(format, tool, name, functions[name] ?? 0, theirs[name] ?? 0);
    }
}

// Own weight of lines of source, if the program has them.
const lines = (keep) =>
    (report.profile.lines ?? []).filter(keep).map((l) => [`${l.file}:${l.line ?? 0}`, l.self]);

// Lines of `callgrind_annotate` and `cg_annotate` in front of annotated sources: numbers with their share, and FILE:FUNCTION.
function annotated(text) {
    const [summary] = text.split(/^-- .*annotated/im);
    const totals = summary.match(/^(.*)PROGRAM TOTALS$/m)[1];
    // Lines of source, without the calls below them.
    const source = text.slice(summary.length).matchAll(/^ *([\d,]+) \( *[\d.]+%\)  (?!=>|<counts for|events annotated)/gm);
    const functions = [...summary.matchAll(/^ *([\d,]+) \( *[\d.]+%\)  .*?:([^:\s]+)(?: \[.*\])?$/gm)];
    return {
        totals: totals.replace(/\([^)]*\)/g, "").trim().split(/\s+/).map(number),
        functions: functions.map(([, weight, name]) => [name, number(weight)]),
        source: sum([...source].map(([, weight]) => number(weight))),
    };
}

function callgrind() {
    const tool = banner("callgrind_annotate --version");
    const own = annotated(run("callgrind_annotate", "--threshold=100", at("callgrind")));
    equal("callgrind", tool, "total", [total], own.totals);
    weights("callgrind", tool, own.functions);
    equal("callgrind", tool, "lines of source", sum(lines((l) => l.line).map(([, own]) => own)), own.source);
    const inclusive = annotated(run("callgrind_annotate", "--threshold=100", "--inclusive=yes", at("callgrind")));
    // It adds up the calls of a function, so that what recurs is there once for each level.
    const { tree } = report.profile;
    const nodes = new Map(tree.map((node) => [node.node, node]));
    const recurs = (node) => {
        for (let at = nodes.get(node.parent); at; at = nodes.get(at.parent)) if (at.name === node.name) return true;
        return false;
    };
    const recursive = new Set(tree.filter(recurs).map((node) => node.name));
    const flat = (pairs) => sum(Object.values(byName(pairs.filter(([name]) => !recursive.has(name)))));
    const ours = flat(report.profile.functions.map((f) => [f.name, f.total]));
    equal("callgrind", tool, "with callees", ours, flat(inclusive.functions));
}

function cachegrind() {
    const tool = banner("cg_annotate --version");
    const c = report.cache;
    const ours = [c.instructions, c.reads, c.d1_read_misses, c.ll_read_misses, c.writes, c.d1_write_misses, c.ll_write_misses];
    ours.push(c.branches, c.mispredicted, c.indirect, c.indirect_mispredicted);
    equal("cachegrind", tool, "events", ours, annotated(run("cg_annotate", at("cachegrind"))).totals);
    // Functions, by one event after another: the totals are only what the file says they are.
    const events = "Ir Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim".split(" ");
    const sums = events.map((event) =>
        sum(annotated(run("cg_annotate", `--show=${event}`, `--sort=${event}`, "--threshold=0", at("cachegrind"))).functions.map(([, n]) => n)),
    );
    equal("cachegrind", tool, "events of functions", ours, sums);
}

function pprof() {
    const tool = `go tool pprof ${run("go", "version").split(" ")[2]}`;
    const top = (index, ...more) => {
        const text = run("go", "tool", "pprof", `-sample_index=${index}`, ...more, "-top", "-nodecount=1000000", "-nodefraction=0", at("pprof"));
        const rows = [...text.matchAll(/^ *(\d+) +[\d.e-]+% +[\d.e-]+% +(\d+) +[\d.e-]+%  (.*?)(?: \(inline\))?$/gm)];
        return [Number(text.match(/% of (\d+) total$/m)[1]), rows.map(([, own, , name]) => [name, Number(own)])];
    };
    const [all, rows] = top("instructions");
    equal("pprof", tool, "total", total, all);
    weights("pprof", tool, rows);
    const byLine = lines((line) => line);
    if (byLine.length > 0) {
        // Columns of zeros are of lines that only call.
        const rows = top("instructions", "-lines")[1].filter(([, own]) => own > 0);
        // FUNCTION FILE:LINE, or FUNCTION FILE where there is no line.
        const place = ([name, own]) => [name.replace(/^.* /, "").replace(/^([^:]*)$/, "$1:0"), own];
        equal("pprof", tool, "lines", byName(byLine), byName(rows.map(place)));
    }
    equal("pprof", tool, "calls", sum(report.profile.functions.map((f) => f.calls)), top("calls")[0]);
}

function graphviz() {
    const tool = banner("dot -V").replace("dot - ", "");
    // Both forms of one layout, which takes half a minute where a function has a thousand edges.
    const laid = (format) => {
        run("dot", at(format), "-Tsvg", "-o", at(`${format}.svg`), "-Tjson", "-o", at(`${format}.json`));
        if (!read(`${format}.svg`).includes("</svg>")) throw new Error(`no drawing of ${format}`);
        return JSON.parse(read(`${format}.json`));
    };
    const tree = laid("dot");
    equal("dot", tool, "total", total, Number(tree.label.split(" ")[0]));
    const nodes = tree.objects.map((node) => node.label.match(/^(.*)\\nself (\d+) .*\\ntotal (\d+) /));
    const own = byName(nodes.map(([, name, self]) => [name, Number(self)]));
    // Small nodes are not shown.
    const over = Object.entries(own).filter(([name, self]) => !(self <= functions[name]));
    equal("dot", tool, "functions with more", [], over);
    const shown = sum(Object.values(own)) / total;
    equal("dot", tool, "shows 99 %", true, shown > 0.99);

    const flow = laid("cfg");
    const taken = flow.edges.map((edge) => Number(edge.label)).filter((count) => count > 0);
    const { control } = report;
    equal("cfg", tool, "edges taken", control.taken, taken.length);
    equal("cfg", tool, "counts of edges", sum(control.edges.map((edge) => edge.count)), sum(taken));
    const blocks = flow.objects.filter((object) => !object.nodes);
    equal("cfg", tool, "blocks", sum(control.functions.map((f) => f.blocks)), blocks.length);
    const executed = blocks.filter((block) => Number(block.label.match(/: (\d+) times/)[1]) > 0);
    equal("cfg", tool, "blocks executed", control.executed, executed.length);
}

// Mozilla's importer, which is that of profiler.firefox.com, as a command that keeps the file open in a process of its own.
function firefox() {
    const name = "@firefox-devtools/profiler-cli";
    const cli = (...args) => run(process.execPath, require.resolve(`${name}/dist/profiler-cli.js`), ...args, "--session", "check");
    cli("load", at("firefox"));
    try {
        const answer = JSON.parse(cli("thread", "functions", "--json", "--limit", "0"));
        weights("firefox", version(name), answer.functions.map((f) => [f.name, f.selfSamples]));
        // A unit is a microsecond; to the last sample the importer adds the interval of one.
        const { context } = JSON.parse(cli("thread", "info", "--json"));
        equal("firefox", version(name), "microseconds", total, Math.round(1000 * context.rootRange.end) - 1);
    } finally {
        run(process.execPath, require.resolve(`${name}/dist/profiler-cli.js`), "stop", "check");
    }
}

// Its published schema, and what the application saves of a file that it has opened.
async function speedscope(browser) {
    const tool = version("speedscope");
    const release = path.dirname(require.resolve("speedscope/dist/release/index.html"));
    const Ajv = require("ajv").default;
    const schema = JSON.parse(fs.readFileSync(path.join(release, "file-format-schema.json"), "utf8"));
    const valid = new Ajv({ strict: false }).compile(schema);
    valid(JSON.parse(read("speedscope")));
    equal("speedscope", `its schema by ${version("ajv")}`, "errors", null, valid.errors);
    for (const format of ["speedscope", "folded", "perfetto"]) {
        const page = await browser.newPage();
        const said = [];
        page.on("pageerror", (error) => said.push(error.message));
        page.on("console", (message) => said.push(message.text()));
        await page.evaluateOnNewDocument(() => {
            HTMLAnchorElement.prototype.click = function () {
                globalThis.saved = this.href;
            };
        });
        await page.goto(pathToFileURL(path.join(release, "index.html")).href);
        const [chooser] = await Promise.all([
            page.waitForFileChooser(),
            page.evaluate(() => [...document.querySelectorAll("label, input")].find((e) => e.textContent.includes("Browse")).click()),
        ]);
        await chooser.accept([at(format)]);
        await page.waitForFunction(() => document.title.includes(" - speedscope"));
        const saved = await page.evaluate(async () => {
            const buttons = [...document.querySelectorAll("div")].filter((e) => e.textContent.endsWith("Export"));
            buttons.at(-1).click();
            return (await fetch(globalThis.saved)).text();
        });
        await page.close();
        const { shared, profiles } = JSON.parse(saved);
        const own = profiles.flatMap((profile) => ownWeights(profile, shared.frames));
        weights(format, tool, own.map(([name, weight]) => [name.replace(/ \{.*\}$/, ""), weight]));
        const complaints = said.filter((line) => !/^(speedscope v|WebGL init|Importing as|import: |Saving )/.test(line));
        equal(format, tool, "complaints", [], complaints);
    }
}

function ownWeights(profile, frames) {
    if (profile.type === "sampled") {
        return profile.samples.map((stack, i) => [frames[stack.at(-1)].name, profile.weights[i]]);
    }
    const stack = [];
    const own = [];
    let now = profile.startValue;
    for (const event of profile.events) {
        if (stack.length > 0) own.push([frames[stack.at(-1)].name, event.at - now]);
        now = event.at;
        if (event.type === "O") stack.push(event.frame);
        else stack.pop();
    }
    return own;
}

async function flameGraph(browser) {
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(pathToFileURL(at("flame.svg")).href);
    const [root, all] = await page.evaluate(() => [
        document.documentElement.nodeName,
        [...document.querySelectorAll("title")].map((title) => title.textContent).find((text) => text.startsWith("all (")),
    ]);
    await page.close();
    const tool = await browser.version();
    equal("svg", tool, "errors", [], errors);
    equal("svg", tool, "document", "svg", root);
    equal("svg", tool, "total", total, number(all.match(/\(([\d,]+) /)[1]));
}

// Valgrind's viewer is a page without a way in but its file dialogue.
async function dhat(browser) {
    const viewer = ["/usr/libexec/valgrind", "/usr/lib/valgrind"].map((dir) => `${dir}/dh_view.html`).find(fs.existsSync);
    if (!viewer) throw new Error("valgrind has no dh_view.html");
    const page = await browser.newPage();
    await page.goto(pathToFileURL(viewer).href);
    const input = await page.$("input[type=file]");
    await input.uploadFile(at("dhat"));
    await page.waitForFunction(() => /Processing time|rror/.test(document.body.innerText));
    const text = await page.evaluate(() => document.body.innerText);
    await page.close();
    const tool = `dh_view of ${banner("valgrind --version")}`;
    const { heap } = report;
    // The first node is the root, which is the sum of all.
    const row = (name) => {
        const found = text.match(new RegExp(`${name}: +([\\d,]+) bytes(?: \\([^)]*\\))?(?: in ([\\d,]+) blocks)?`));
        return found ? found.slice(1).filter(Boolean).map(number) : text.slice(0, 400);
    };
    equal("dhat", tool, "total", [heap.allocated_bytes, heap.allocations + heap.reallocations], row("Total"));
    equal("dhat", tool, "at the peak", [heap.peak_bytes, heap.peak_blocks], row("At t-gmax"));
    equal("dhat", tool, "at the end", [heap.live_bytes, heap.live_blocks], row("At t-end"));
    equal("dhat", tool, "read", [sum(heap.sites.map((site) => site.read_bytes))], row("Reads"));
    equal("dhat", tool, "written", [sum(heap.sites.map((site) => site.written_bytes))], row("Writes"));
}

// A reader that fails does not keep the others from telling.
async function attempt(reader, ...args) {
    try {
        await reader(...args);
    } catch (error) {
        console.log(`profiles: ${program}\t${reader.name}\tFAILED\t${error.message}`);
        differ += 1;
    }
}
for (const reader of [callgrind, cachegrind, pprof, graphviz, firefox]) await attempt(reader);
const puppeteer = (await import(pathToFileURL(require.resolve("puppeteer-core")).href)).default;
const browser = await puppeteer.launch({
    executablePath: banner("command -v chromium"),
    // Speedscope draws with WebGL.
    args: ["--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"],
});
try {
    for (const reader of [flameGraph, speedscope, dhat]) await attempt(reader, browser);
} finally {
    await browser.close();
}
process.exit(differ > 0 ? 1 : 0);
