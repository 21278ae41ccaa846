//! `probity mcp` with a client of another's making, over a child process.

mod common;

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use common::{Files, PRELUDE, probity, wait};
use rmcp::model::{CallToolRequestParams, CallToolResult, ClientConfig, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::transport::TokioChildProcess;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient, ServiceExt};
use serde_json::{Value, json};

/// A program that takes 7 instructions for each of its rounds, and prints `ok`.
fn program(rounds: u32) -> String {
    format!(
        r#"(module {PRELUDE}
  (data (i32.const 64) "ok\n")
  (func $work (param i32)
    (loop $again
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $again (local.get 0))))
  (func (export "_start")
    (call $work (i32.const {rounds}))
    (call $print (i32.const 64) (i32.const 3))))"#
    )
}

/// Prints its first argument.
const GENERATOR: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $length i32)
    (drop (call $args_get (i32.const 100) (i32.const 1000)))
    (i32.store (i32.const 0) (i32.load (i32.const 104)))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (i32.load8_u (i32.add (i32.load (i32.const 0)) (local.get $length)))))
        (local.set $length (i32.add (local.get $length) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// Reads n, and does nothing n times.
const LINEAR: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32) (local $n i32)
    (i32.store (i32.const 0) (i32.const 100))
    (i32.store (i32.const 4) (i32.const 20))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $at (i32.const 100))
    (block $end
      (loop $digit
        (br_if $end (i32.lt_u (i32.load8_u (local.get $at)) (i32.const 48)))
        (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10))
          (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $digit)))
    (loop $again
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))))"#;

#[derive(Clone)]
struct Client(ProtocolVersion);

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut info = ClientConfig::default();
        info.protocol_version = self.0.clone();
        info
    }
}

fn server(files: &Files) -> TokioChildProcess {
    let task = json!({
        "task_id": "ok", "lang": "wat",
        "tests": [{"id": "t0", "expected": "ok"}],
        "limits": {"fuel": 1_000_000, "wall_s": 30},
    });
    let tasks = files.put("tasks.jsonl", format!("{task}\n"));
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_probity"));
    command.arg("mcp").arg("--tasks").arg(tasks);
    TokioChildProcess::new(command).expect("started")
}

/// Runs a test that talks to a server; a hang is a failed test.
fn with_client(test: impl AsyncFnOnce(&RunningService<RoleClient, Client>)) {
    let files = Files::new();
    talk(async {
        let client = Client(ProtocolVersion::LATEST_WITH_INITIALIZE)
            .serve(server(&files))
            .await;
        let client = client.expect("agreed");
        test(&client).await;
        client.cancel().await.expect("ended");
    });
}

fn talk(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let limit = Duration::from_secs(120);
    runtime.block_on(async { tokio::time::timeout(limit, future).await.expect("it hangs") });
}

async fn call(
    client: &RunningService<RoleClient, Client>,
    tool: &'static str,
    arguments: Value,
) -> CallToolResult {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object");
    };
    let request = CallToolRequestParams::new(tool).with_arguments(arguments);
    client
        .call_tool(request)
        .await
        .unwrap_or_else(|e| panic!("{tool}: {e}"))
}

/// The result of a call that is none of an error.
async fn ask(
    client: &RunningService<RoleClient, Client>,
    tool: &'static str,
    arguments: Value,
) -> Value {
    let result = call(client, tool, arguments).await;
    assert_ne!(result.is_error, Some(true), "{result:?}");
    result.structured_content.expect("a result by the schema")
}

/// What a call that is one says.
async fn problem(
    client: &RunningService<RoleClient, Client>,
    tool: &'static str,
    arguments: Value,
) -> String {
    let result = call(client, tool, arguments).await;
    assert_eq!(result.is_error, Some(true), "{result:?}");
    serde_json::to_string(&result.content).expect("JSON")
}

#[test]
fn tools_have_schemas_for_input_and_output() {
    with_client(async |client| {
        let tools = client.list_all_tools().await.expect("tools");
        let mut names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "check",
                "compare",
                "explain_line",
                "measure",
                "profile",
                "scale"
            ]
        );
        for tool in &tools {
            let schema = serde_json::to_value(tool).expect("JSON");
            assert!(
                !tool.description.as_deref().unwrap_or_default().is_empty(),
                "{schema}"
            );
            assert_eq!(schema["inputSchema"]["type"], "object", "{schema}");
            assert_eq!(schema["outputSchema"]["type"], "object", "{schema}");
            assert!(
                schema["inputSchema"]["properties"]["lang"].is_object(),
                "{schema}"
            );
        }
        let check = tools
            .iter()
            .find(|tool| tool.name == "check")
            .expect("check");
        let check = serde_json::to_value(check).expect("JSON");
        assert_eq!(check["inputSchema"]["required"], json!(["program"]));
        let properties = check["outputSchema"]["properties"]
            .as_object()
            .expect("properties");
        for name in ["correct", "status", "message", "tests"] {
            assert!(properties.contains_key(name), "{name} in {properties:?}");
        }
    });
}

#[test]
fn versions_are_agreed_upon() {
    use ProtocolVersion as V;
    let files = Files::new();
    talk(async {
        for version in [
            V::V_2024_11_05,
            V::V_2025_03_26,
            V::V_2025_06_18,
            V::V_2025_11_25,
        ] {
            let client = Client(version.clone())
                .serve(server(&files))
                .await
                .expect("agreed");
            let info = client.peer_info().expect("the server's").clone();
            assert_eq!(info.protocol_version, version);
            let name = info.server_info.as_ref().map(|server| server.name.clone());
            assert_eq!(name.as_deref(), Some("probity"));
            assert_eq!(client.list_all_tools().await.expect("tools").len(), 6);
            client.cancel().await.expect("ended");
        }
        // The revision without a handshake.
        let latest = ClientLifecycleMode::Discover {
            preferred_versions: vec![V::LATEST],
        };
        let client = Client(V::LATEST)
            .serve_with_lifecycle(server(&files), latest)
            .await;
        let client = client.expect("agreed");
        assert_eq!(client.list_all_tools().await.expect("tools").len(), 6);
        client.cancel().await.expect("ended");
    });
}

#[test]
fn programs_that_fail_are_results() {
    with_client(async |client| {
        let check = async |program: &str| {
            ask(
                client,
                "check",
                json!({"program": program, "task_id": "ok"}),
            )
            .await
        };
        let right = check(&program(5)).await;
        assert_eq!(
            (&right["correct"], &right["status"]),
            (&json!(true), &json!("ok"))
        );
        assert_eq!(
            right["tests"],
            json!([{"id": "t0", "pass": true, "status": null, "message": null}])
        );
        let broken = check("(module (func").await;
        assert_eq!(
            (&broken["correct"], &broken["status"]),
            (&json!(false), &json!("compile_error"))
        );
        assert!(
            broken["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{broken}"
        );
        let wrong = check(&program(5).replace("ok", "no")).await;
        assert_eq!(
            (&wrong["status"], &wrong["tests"][0]["status"]),
            (&json!("wrong"), &json!("wrong"))
        );
        let trap = check(r#"(module (func (export "_start") unreachable))"#).await;
        assert_eq!(trap["status"], "trap");
        let endless = check(r#"(module (func (export "_start") (loop $l (br $l))))"#).await;
        assert_eq!(endless["status"], "fuel");
        // It goes on as if nothing had happened.
        assert_eq!(check(&program(5)).await, right);
    });
}

#[test]
fn costs_are_exact() {
    with_client(async |client| {
        let measure = async |rounds| {
            let tests = json!([{"size": rounds}, {"stdin": "x"}]);
            let input = json!({"program": program(rounds), "lang": "wat", "tests": tests, "heap": true, "cache": true});
            ask(client, "measure", input).await
        };
        let (a, b) = (measure(10).await, measure(110).await);
        let instr = |result: &Value, test: usize| {
            result["tests"][test]["cost"]["instr"]
                .as_u64()
                .expect("counted")
        };
        // Of a round: loop, local.get, i32.const, i32.sub, local.set, local.get, br_if.
        assert_eq!(instr(&b, 0) - instr(&a, 0), 100 * 7);
        assert_eq!(a["instr"], instr(&a, 0) + instr(&a, 1));
        let fuel = |test: usize| a["tests"][test]["cost"]["fuel"].as_u64().expect("counted");
        assert_eq!(
            (&a["column"], &a["total"]),
            (&json!("fuel"), &json!(fuel(0) + fuel(1)))
        );
        assert_eq!(
            (&a["tests"][0]["size"], &a["count_rule"]),
            (&json!(10), &json!("instr.v1"))
        );
        assert!(a["tests"][0]["cost"]["vcycles"].is_u64(), "{a}");
        assert_eq!(b["tests"][0]["classes"]["branch_if"], 110);
        let both = json!({"before": program(110), "after": program(10), "task_id": "ok"});
        let compared = ask(client, "compare", both).await;
        let (before, after) = (
            compared["tests"][0]["before"].as_u64(),
            compared["tests"][0]["after"].as_u64(),
        );
        // The same without the loop, which is no fuel.
        assert_eq!(before.zip(after).map(|(b, a)| b - a), Some(600));
        assert_eq!(compared["column"], "fuel");
        let speedup = before.expect("counted") as f64 / after.expect("counted") as f64;
        assert_eq!(compared["speedup"].as_f64(), Some(speedup));
        let profile = ask(
            client,
            "profile",
            json!({"program": program(1000), "task_id": "ok"}),
        )
        .await;
        let hottest = &profile["functions"][0];
        assert!(
            hottest["instr_percent"].as_f64().expect("a share") > 90.0,
            "{profile}"
        );
        assert_eq!(hottest["calls"], 1);
    });
}

#[test]
fn growth_is_found() {
    with_client(async |client| {
        let input = json!({
            "program": LINEAR, "lang": "wat", "generator": GENERATOR, "sizes": [1000, 2000, 4000, 8000],
        });
        let scaled = ask(client, "scale", input).await;
        assert_eq!(scaled["best"], "n", "{scaled}");
        // A round has 6 instructions that are fuel, and all these numbers have four digits.
        let cost = |i: usize| scaled["points"][i]["cost"].as_u64().expect("counted");
        assert_eq!((cost(1) - cost(0), cost(3) - cost(2)), (6000, 24000));
        assert_eq!(scaled["column"], "fuel");
        let few = ask(
            client,
            "scale",
            json!({"program": LINEAR, "lang": "wat", "generator": GENERATOR, "sizes": [10, 20]}),
        )
        .await;
        assert_eq!(
            (&few["answer"], few["points"].as_array().map(Vec::len)),
            (&Value::Null, Some(2))
        );
        let broken = json!({"program": "(module", "lang": "wat", "generator": GENERATOR, "sizes": [1, 2, 3]});
        assert_eq!(
            ask(client, "scale", broken).await["status"],
            "compile_error"
        );
        let error = problem(
            client,
            "scale",
            json!({"program": LINEAR, "lang": "wat", "generator": "(module", "sizes": [1]}),
        )
        .await;
        assert!(error.contains("failed to build the generator"), "{error}");
        let error = problem(
            client,
            "scale",
            json!({"program": LINEAR, "task_id": "ok", "sizes": [1]}),
        )
        .await;
        assert!(error.contains("there is no generator"), "{error}");
    });
}

#[test]
fn lines_without_debug_information_are_told_of_honestly() {
    with_client(async |client| {
        let explained = ask(
            client,
            "explain_line",
            json!({"program": program(5), "line": 2, "task_id": "ok"}),
        )
        .await;
        assert_eq!(
            (&explained["correct"], &explained["cost"]),
            (&json!(true), &Value::Null)
        );
        assert!(
            explained["text"]
                .as_str()
                .is_some_and(|text| text.contains("fd_write") || !text.is_empty()),
            "{explained}"
        );
        let error = problem(
            client,
            "explain_line",
            json!({"program": "(module)", "line": 2, "lang": "wat"}),
        )
        .await;
        assert!(
            error.contains("there is no line 2; the program has 1"),
            "{error}"
        );
        problem(
            client,
            "explain_line",
            json!({"program": "", "line": 0, "lang": "wat"}),
        )
        .await;
    });
}

#[test]
fn bad_input_is_an_error_and_not_the_end() {
    with_client(async |client| {
        let error = problem(
            client,
            "check",
            json!({"program": "(module)", "task_id": "okk"}),
        )
        .await;
        assert!(
            error.contains("there is no task okk; the nearest known one is 'ok'"),
            "{error}"
        );
        let error = problem(client, "check", json!({"program": "(module)"})).await;
        assert!(error.contains("there is no lang"), "{error}");
        let error = problem(client, "check", json!({"program": "x", "lang": "klingon"})).await;
        assert!(error.contains("klingon"), "{error}");
        let error = problem(
            client,
            "check",
            json!({"program": "x", "task_id": "ok", "tests": [{}]}),
        )
        .await;
        assert!(error.contains("not both"), "{error}");
        let huge = "x".repeat(2 << 20);
        let error = problem(client, "check", json!({"program": huge, "task_id": "ok"})).await;
        assert!(error.contains("bytes; at most"), "{error}");
        // What does not fit the schema, and tools that there are not.
        for arguments in [
            json!({}),
            json!({"program": 3}),
            json!({"program": "x", "unknown": 1}),
        ] {
            let Value::Object(arguments) = arguments else {
                unreachable!()
            };
            let request = CallToolRequestParams::new("check").with_arguments(arguments.clone());
            match client.call_tool(request).await {
                Ok(result) => assert_eq!(result.is_error, Some(true), "{arguments:?}"),
                Err(error) => assert!(error.to_string().contains("deserialize"), "{error}"),
            }
        }
        client
            .call_tool(CallToolRequestParams::new("delete_everything"))
            .await
            .expect_err("no such tool");
        let right = ask(
            client,
            "check",
            json!({"program": program(5), "task_id": "ok"}),
        )
        .await;
        assert_eq!(right["correct"], true);
    });
}

#[test]
fn lines_that_are_no_messages_do_not_end_it() {
    let mut command = probity(["mcp"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "1999-01-01", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"},
    }});
    let lines = [
        initialize.to_string(),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
        "{ nonsense".to_owned(),
        "[".repeat(10_000),
        json!({"jsonrpc": "2.0", "id": 2, "method": "nonesuch"}).to_string(),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}).to_string(),
    ];
    for line in lines {
        writeln!(stdin, "{line}").expect("written");
    }
    // It is answered before stdin ends.
    std::thread::sleep(Duration::from_millis(500));
    drop(stdin);
    let done = wait(child).expect(0);
    let answers: Vec<Value> = done.stdout.lines().map(common::json).collect();
    let of = |id: i64| {
        answers
            .iter()
            .find(|answer| answer["id"] == id)
            .unwrap_or_else(|| panic!("no {id} in {answers:?}"))
    };
    // A version that nobody knows is answered with one that the server has.
    let version = of(1)["result"]["protocolVersion"]
        .as_str()
        .expect("a version");
    assert_eq!(version, ProtocolVersion::LATEST_WITH_INITIALIZE.as_str());
    assert!(of(2)["error"].is_object());
    assert_eq!(of(3)["result"]["tools"].as_array().map(Vec::len), Some(6));
}

#[test]
fn tasks_that_cannot_be_read_are_said() {
    common::run(["mcp", "--tasks", "/nonesuch.jsonl"])
        .expect(1)
        .says(&["failed to read /nonesuch.jsonl"]);
    // Who says nothing is served nothing.
    wait(probity(["mcp"]).spawn().expect("started"));
}

/// Of a real compiler: `.ci/efficiency` installs it.
#[cfg(feature = "compilers")]
#[test]
fn lines_of_a_compiled_program_are_explained() {
    let program = "fn main() {\n    let mut sum = 0u64;\n    let n: u64 = std::env::args().count() as u64 * 1000;\n    \
        for i in 0..n {\n        sum ^= i.wrapping_mul(sum + 3);\n    }\n    if n == 5000 {\n        println!(\"never\");\n    }\n    \
        println!(\"{sum}\");\n}\n";
    with_client(async |client| {
        let explain = async |line: u32| {
            let input = json!({"program": program, "lang": "rust", "line": line});
            call(client, "explain_line", input).await
        };
        let hot = explain(5).await;
        let hot = hot.structured_content.expect("a result by the schema");
        assert_eq!(hot["text"], "sum ^= i.wrapping_mul(sum + 3);");
        assert_eq!(hot["executed"], true);
        // 1000 unless the compiler unrolls the loop.
        let count = hot["cost"]["count"].as_u64().expect("a count");
        assert!((100..=1000).contains(&count), "{hot}");
        let start = format!("The most executed instruction of line 5 ran {count} times; ");
        let answer = hot["answer"].as_str().expect("words");
        assert!(answer.starts_with(&start), "{answer}");
        let never = explain(8)
            .await
            .structured_content
            .expect("a result by the schema");
        assert_eq!(
            (&never["executed"], &never["cost"]),
            (&json!(false), &Value::Null),
            "{never}"
        );
        assert_eq!(never["answer"], "No test executed line 8.");
    });
}
