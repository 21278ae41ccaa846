use super::*;
use crate::rule::ast::Kind;

fn parsed(text: &str) -> Parsed {
    parse(text).unwrap_or_else(|error| panic!("{}", error.shown()))
}

/// An expression with parentheses around every operator.
fn shown(expr: &Expr) -> String {
    match expr {
        Expr::Const(Value::Text(text)) => format!("{text:?}"),
        Expr::Const(value) => value.to_string(),
        Expr::Var(var) => format!("{var:?}"),
        Expr::Input(at) => format!("#{at}"),
        Expr::Unary(op, value) => format!("{op:?}({})", shown(value)),
        Expr::Binary(op, a, b) => format!("({} {} {})", shown(a), op.symbol(), shown(b)),
        Expr::Like(text, _) => format!("({} ~)", shown(text)),
        Expr::Func(_) => "func()".to_owned(),
    }
}

#[test]
fn precedence() {
    for (predicate, expected) in [
        ("fid + 1 * 2 == 3", "((FuncIndex + (1 * 2)) == 3)"),
        ("(fid + 1) * 2 == 3", "(((FuncIndex + 1) * 2) == 3)"),
        ("fid - 1 - 2 == 3", "(((FuncIndex - 1) - 2) == 3)"),
        ("fid & 3 == 1", "((FuncIndex & 3) == 1)"),
        ("fid << 1 + 1 > 0", "((FuncIndex << (1 + 1)) > 0)"),
        (
            "in_loop || exported && fid == 1",
            "(InLoop || (Exported && (FuncIndex == 1)))",
        ),
        ("!in_loop && exported", "(Not(InLoop) && Exported)"),
        (
            "-arg0 as u32 == 1",
            "(As(Unsigned(32))(Negate(Arg(0))) == 1)",
        ),
        ("(fid / 2) == 1", "((FuncIndex / 2) == 1)"),
        ("fname ~ \"a*\" && in_loop", "((FuncName ~) && InLoop)"),
        ("fname !~ \"a*\"", "Not((FuncName ~))"),
        ("func(\"main|3..5\") && in_loop", "(func() && InLoop)"),
        ("arg0 != null", "(Arg(0) != null)"),
        ("op_name == \"call\"", "(OpName == \"call\")"),
    ] {
        let rule = parsed(&format!("* / {predicate} / {{ count }}"));
        let predicate_ = rule.predicate.expect("a predicate");
        assert_eq!(shown(&predicate_), expected, "{predicate}");
    }
}

#[test]
fn actions() {
    for (actions, expected) in [
        ("", vec!["count"]),
        ("{}", vec!["count"]),
        ("{ count }", vec!["count"]),
        ("{ count(); }", vec!["count()"]),
        (
            "{ count; sum(arg0 + 1) ; min(local0) by fid }",
            vec!["count", "sum(arg0 + 1)", "min(local0) by fid"],
        ),
        (
            "{ hist(arg0 / 2) by (fname, pc) }",
            vec!["hist(arg0 / 2) by (fname, pc)"],
        ),
        ("{ stack; stack(3) }", vec!["stack", "stack(3)"]),
        (
            "{ print(\"a;b}} {}\", arg0) }",
            vec!["print(\"a;b}} {}\", arg0)"],
        ),
    ] {
        let rule = parsed(&format!("call {actions}"));
        let texts: Vec<&str> = rule.actions.iter().map(|action| &*action.text).collect();
        assert_eq!(texts, expected, "{actions}");
    }
    let rule = parsed("call { stack; stack(3); sum(arg0) by (fname, pc) }");
    assert_eq!(rule.actions[0].kind, Kind::Stack(64));
    assert_eq!(rule.actions[1].kind, Kind::Stack(3));
    assert_eq!(rule.actions[2].by.len(), 2);
}

#[test]
fn rules_stand_without_blanks() {
    let rule = parsed("call/fid==1/{count;stack}");
    assert_eq!(
        shown(&rule.predicate.expect("a predicate")),
        "(FuncIndex == 1)"
    );
    assert_eq!(rule.actions.len(), 2);
    let rule = parsed("  wasm:opcode:call:before\n  / fid == 1 /\n  { count }\n");
    assert_eq!(rule.actions.len(), 1);
}

#[test]
fn what_is_wrong_and_where() {
    for (rule, wrong, message) in [
        (
            "cal { count }",
            "cal",
            "no opcode is called `cal`; did you mean `call`?",
        ),
        (
            "call / agr0 == 1 /",
            "agr0",
            "unknown variable `agr0`; did you mean `arg0`?",
        ),
        (
            "call / arg0 /",
            "arg0",
            "a predicate is true or false; compare the number, such as `... != 0`",
        ),
        (
            "call / fname /",
            "fname",
            "a predicate is true or false; compare it with something",
        ),
        (
            "call / fname == 1 /",
            "fname == 1",
            "`==` compares a text with a number",
        ),
        (
            "call / fname < \"a\" /",
            "fname",
            "expected a number, found a text",
        ),
        (
            "call / fid && in_loop /",
            "fid",
            "`&&` takes true or false, not a number; compare it",
        ),
        (
            "call / !fid /",
            "fid",
            "`!` takes true or false, not a number",
        ),
        (
            "call / fid ~ \"a\" /",
            "fid",
            "`~` matches a text, not a number",
        ),
        (
            "call / fname ~ opname /",
            "opname",
            "expected a pattern in quotes, such as `fname ~ \"mem*\"`",
        ),
        (
            "call / 1 < fid < 3 /",
            "<",
            "comparisons do not chain; join two with `&&`",
        ),
        ("call / fid == 1", "", "expected `/` behind the predicate"),
        (
            "call / fid == 1 )/",
            ")",
            "expected `/` behind the predicate, found `)`",
        ),
        (
            "call / 8 / fid == 1 /",
            "8",
            "a predicate is true or false; compare the number, such as `... != 0`",
        ),
        (
            "call / fid == 8 / 2 /",
            "/",
            "the predicate ends at the `/`; a division stands in parentheses, such as `(a / b)`",
        ),
        (
            "call / (fid == 1 /",
            "",
            "expected an expression, found the end of the rule",
        ),
        ("call / fid == /", "/", "expected an expression, found `/`"),
        (
            "call / arg0 as int == 1 /",
            "int",
            "expected a type behind `as`: i8, i16, i32, i64, u8, u16, u32, u64, f32, f64",
        ),
        (
            "call / func(\"3..3\") /",
            "\"3..3\"",
            "the range of functions `3..3` is empty",
        ),
        (
            "call / fname == null /",
            "fname == null",
            "`==` compares a text with null",
        ),
        (
            "call { cnt }",
            "cnt",
            "unknown action `cnt`; did you mean `count`?",
        ),
        (
            "call { avg(arg0) }",
            "avg",
            "unknown action; write `count; sum(EXPR)`",
        ),
        (
            "call { frobnicate }",
            "frobnicate",
            "unknown action `frobnicate`; known: count, sum, min, max, hist, stack, print",
        ),
        (
            "call { n++ }",
            "n",
            "rules have no variables of their own; write `count`, or `sum(EXPR)`",
        ),
        ("call { count++ }", "++", "write `count`, or `sum(EXPR)`"),
        (
            "call { count count }",
            "count",
            "expected `;` or `}` behind the action, found `count`",
        ),
        ("call { sum }", "sum", "write `sum(EXPR)`"),
        ("call { sum() }", "sum()", "write `sum(EXPR)`"),
        (
            "call { sum(arg0, arg1) }",
            "sum(arg0, arg1)",
            "write `sum(EXPR)`",
        ),
        (
            "call { sum(fname) }",
            "fname",
            "expected a number, found a text",
        ),
        (
            "call { stack(0) }",
            "0",
            "expected a number of frames from 1 to 1024",
        ),
        (
            "call { print(arg0) }",
            "arg0",
            "expected a format, such as `print(\"{} bytes\", arg0)`",
        ),
        (
            "call { print(\"{}\") }",
            "print(\"{}\")",
            "the format has 1 `{}` for 0 values",
        ),
        (
            "call { count",
            "",
            "expected `;` or `}` behind the action, found the end of the rule",
        ),
        (
            "call { count } call",
            "call",
            "one rule ends here; give the next one apart",
        ),
        (
            "call { count by () }",
            "}",
            "expected what to tell results apart by",
        ),
        (
            "call / fid == 1 / count",
            "/",
            "the predicate ends at the `/`; a division stands in parentheses, such as `(a / b)`",
        ),
    ] {
        let error = parse(rule)
            .err()
            .unwrap_or_else(|| panic!("{rule} is accepted"));
        assert_eq!(
            (error.message(), &rule[error.span()]),
            (message, wrong),
            "{rule}"
        );
        assert!(error.shown().contains('^'), "{rule}");
    }
}

#[test]
fn errors_are_shown_in_their_line() {
    let error = parse("call\n/ größe == 1 /").err().expect("an error");
    assert_eq!(error.position(), (2, 3));
    let shown = error.shown();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[0].starts_with("line 2, column 3: unknown variable `größe`"),
        "{shown}"
    );
    assert_eq!(lines[1..], ["  / größe == 1 /", "    ^^^^^"]);
}

/// Deep nesting is refused, whatever makes it, long before the stack ends.
#[test]
fn depth_is_bounded() {
    let deep = 100_000;
    for text in [
        format!("call / {}fid{} == 1 /", "(".repeat(deep), ")".repeat(deep)),
        format!("call / {}in_loop /", "!".repeat(deep)),
        format!("call / {}fid == 1 /", "-".repeat(deep)),
        format!("call / fid{} == 1 /", " + 1".repeat(deep)),
        format!("call / in_loop{} /", " && in_loop".repeat(deep)),
        format!("call / fid{} == 1 /", " as u32".repeat(deep)),
        format!("call / fname ~ \"a\"{} /", " == in_loop".repeat(deep)),
    ] {
        assert!(parse(&text).is_err(), "{}", &text[..40]);
    }
    let many = vec!["fid == 1"; 150].join(" || ");
    assert!(parse(&format!("call / {many} /")).is_ok());
}

/// Random texts of the language's own words and bytes: an answer, never a panic,
/// and every error has a place in the text.
#[test]
fn no_text_makes_it_panic() {
    const WORDS: [&str; 40] = [
        "call", "*.load*", ":", "/", "{", "}", "(", ")", "count", "sum", "stack", "print", "by",
        "as", "u32", "fname", "arg0", "fid", "\"a{}\"", "\"", "\\", "1", "0x", "1e", "1.5", "&&",
        "==", "~", "!", "-", ",", ";", " ", "\n", "@load", "|", "é", "func", "null", "\u{0}",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..3_000 {
        let words = random(10);
        let starts = ["", "call / ", "call { count", "*.load* / fid == 1 /"];
        let mut text = starts[random(starts.len())].to_owned();
        (0..words).for_each(|_| text.push_str(WORDS[random(WORDS.len())]));
        match parse(&text) {
            Ok(_) => accepted += 1,
            Err(error) => {
                refused += 1;
                assert!(text.get(error.span()).is_some(), "{text:?}");
                assert!(error.shown().contains('^'), "{text:?}");
            }
        }
    }
    assert!(accepted > 50 && refused > 1000, "{accepted} {refused}");
}
