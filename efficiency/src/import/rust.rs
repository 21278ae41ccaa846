//! HumanEval-X's Rust programs: the test module becomes functions that `main` calls.

use super::Sink;
use super::humaneval_x::Problem;

/// Crates that every prompt imports, and what in a program says that it uses them.
const CRATES: [(&str, &str, &str); 3] = [
    ("use rand::Rng;", "rand", "rand::"),
    ("use regex::Regex;", "regex", "Regex"),
    ("use md5;", "md5", "md5::"),
];

/// The prompt without its empty `main`, the code, the test without its attributes, and a `main`.
pub(super) fn program(problem: &Problem, prompt: &str, code: &str, sink: &mut Sink) -> String {
    let (test, calls) = functions(&problem.test);
    if calls.is_empty() {
        sink.warn(format!(
            "{}: there is no #[test] in its test, so nothing is checked",
            problem.task_id
        ));
    }
    let mut program = without_main(&format!("{prompt}{code}"));
    for (import, name, mark) in CRATES {
        if !program.contains(import) {
            continue;
        }
        let rest = format!("{}{test}", program.replace(import, ""));
        match rest.contains(mark) {
            true => sink.warn(format!(
                "{}: a program of it uses the crate {name}, which is not there",
                problem.task_id
            )),
            false => program = program.replace(import, ""),
        }
    }
    let calls: String = calls
        .iter()
        .map(|call| format!("    {call}();\n"))
        .collect();
    format!("{program}\n{test}\nfn main() {{\n{calls}}}\n")
}

/// Without the `fn main(){}` that prompts begin with.
fn without_main(program: &str) -> String {
    let Some(at) = program.find("fn main") else {
        return program.to_owned();
    };
    let rest = program[at + "fn main".len()..].trim_start();
    let empty = rest
        .strip_prefix("()")
        .and_then(|rest| rest.trim_start().strip_prefix('{'))
        .and_then(|rest| rest.trim_start().strip_prefix('}'));
    match empty {
        Some(rest) => format!("{}{rest}", &program[..at]),
        None => program.to_owned(),
    }
}

/// The test as ordinary code, and the paths of its functions.
fn functions(test: &str) -> (String, Vec<String>) {
    let test = test.replace("#[cfg(test)]", "");
    let mut pieces = test.split("#[test]");
    let mut code = pieces.next().unwrap_or("").to_owned();
    let module = code
        .rsplit_once("mod ")
        .and_then(|(_, rest)| rest.split(|c: char| !is_word(c)).next())
        .map(|name| format!("{name}::"))
        .unwrap_or_default();
    let mut calls = Vec::new();
    for piece in pieces {
        let Some((before, after)) = piece.split_once("fn ") else {
            code += piece;
            continue;
        };
        let name: String = after.chars().take_while(|c| is_word(*c)).collect();
        calls.push(format!("{module}{name}"));
        let before = before.trim_end().trim_end_matches("pub");
        code += &format!("{before}\n    pub fn {after}");
    }
    (code, calls)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_main_goes() {
        assert_eq!(
            without_main("fn main(){  \n }\n\nfn f() {}"),
            "\n\nfn f() {}"
        );
        let whole = "fn main() { f(); }";
        assert_eq!(without_main(whole), whole);
    }

    #[test]
    fn tests_become_functions() {
        let test = "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn test_f() {\n        assert_eq!(f(), 1);\n    }\n}\n";
        let (code, calls) = functions(test);
        assert_eq!(calls, ["tests::test_f"]);
        assert!(code.contains("pub fn test_f() {"), "{code}");
        assert!(!code.contains("#["), "{code}");
    }
}
