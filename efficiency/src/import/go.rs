//! HumanEval-X's Go programs: what they need of `testing` and testify is put into the program, and `main` calls the tests.

use super::Sink;
use super::humaneval_x::Problem;

/// Packages that the origin imports where a program uses them.
const HELPERS: [&str; 10] = [
    "math",
    "strings",
    "fmt",
    "strconv",
    "time",
    "bytes",
    "regexp",
    "sort",
    "math/rand",
    "crypto/md5",
];
const NOT_NEEDED: [&str; 2] = ["testing", "github.com/stretchr/testify/assert"];
/// Methods that [`ASSERT`] has.
const METHODS: [&str; 9] = [
    "New",
    "Equal",
    "EqualValues",
    "NotEqual",
    "True",
    "False",
    "Nil",
    "NotNil",
    "InDelta",
];

/// As much of testify's `assert` as the tests use. It exits at the first failure.
const ASSERT: &str = r#"
type probityT struct{}

type probityAssertions struct{}

type probityAssert struct{}

var assert probityAssert

func (probityAssert) New(t *probityT) *probityAssertions { return &probityAssertions{} }

func probityCheck(ok bool) bool {
	if !ok {
		os.Exit(1)
	}
	return ok
}

func probitySame(a, b interface{}) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(a, b)
}

func probityIsNil(a interface{}) bool {
	if a == nil {
		return true
	}
	switch v := reflect.ValueOf(a); v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Ptr, reflect.Slice:
		return v.IsNil()
	}
	return false
}

func probityFloat(a interface{}) float64 {
	return reflect.ValueOf(a).Convert(reflect.TypeOf(float64(0))).Float()
}

func (*probityAssertions) Equal(a, b interface{}, _ ...interface{}) bool { return probityCheck(probitySame(a, b)) }

func (*probityAssertions) EqualValues(a, b interface{}, _ ...interface{}) bool {
	if probitySame(a, b) {
		return true
	}
	v := reflect.ValueOf(a)
	if a == nil || b == nil || !v.Type().ConvertibleTo(reflect.TypeOf(b)) {
		return probityCheck(false)
	}
	return probityCheck(probitySame(v.Convert(reflect.TypeOf(b)).Interface(), b))
}

func (*probityAssertions) NotEqual(a, b interface{}, _ ...interface{}) bool { return probityCheck(!probitySame(a, b)) }

func (*probityAssertions) True(a bool, _ ...interface{}) bool { return probityCheck(a) }

func (*probityAssertions) False(a bool, _ ...interface{}) bool { return probityCheck(!a) }

func (*probityAssertions) Nil(a interface{}, _ ...interface{}) bool { return probityCheck(probityIsNil(a)) }

func (*probityAssertions) NotNil(a interface{}, _ ...interface{}) bool { return probityCheck(!probityIsNil(a)) }

func (*probityAssertions) InDelta(a, b interface{}, delta float64, _ ...interface{}) bool {
	d := probityFloat(a) - probityFloat(b)
	return probityCheck(d <= delta && -d <= delta)
}
"#;

/// The whole program.
pub(super) fn program(problem: &Problem, prompt: &str, code: &str, sink: &mut Sink) -> String {
    let prompt = match problem.import.is_empty() {
        true => prompt.to_owned(),
        false => prompt.replace(&problem.import, ""),
    };
    let mut imports: Vec<String> = vec!["os".to_owned(), "reflect".to_owned()];
    let given = imported(&problem.test_setup);
    let given = given
        .into_iter()
        .filter(|p| !NOT_NEEDED.contains(&p.as_str()));
    let used = HELPERS.iter().filter(|package| {
        let name = package.rsplit('/').next().unwrap_or(package);
        code.contains(&format!("{name}."))
    });
    for package in given.chain(used.map(|package| (*package).to_owned())) {
        if !imports.contains(&package) {
            imports.push(package);
        }
    }
    let imports: String = imports.iter().map(|p| format!("\t\"{p}\"\n")).collect();
    let test = problem.test.replace("*testing.T", "*probityT");
    let calls: String = tests(&test)
        .iter()
        .map(|name| format!("\t{name}(&probityT{{}})\n"))
        .collect();
    if calls.is_empty() {
        sink.warn(format!(
            "{}: there is no test function, so nothing is checked",
            problem.task_id
        ));
    }
    for method in methods(&test) {
        if !METHODS.contains(&method.as_str()) {
            sink.warn(format!(
                "{}: its test uses assert.{method}, which is not carried over",
                problem.task_id
            ));
        }
    }
    format!(
        "package main\n\nimport (\n{imports})\n{ASSERT}\n{prompt}{code}\n{test}\nfunc main() {{\n{calls}}}\n"
    )
}

/// Packages of import declarations: what is quoted behind `import`.
fn imported(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("import") else {
        return Vec::new();
    };
    let quoted = rest.split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

fn tests(test: &str) -> Vec<String> {
    let pieces = test.split("func ").skip(1);
    let names = pieces.filter_map(|piece| {
        let (name, rest) = piece.split_once('(')?;
        let is_test = name.starts_with("Test") && rest.contains("*probityT");
        is_test.then(|| name.trim().to_owned())
    });
    names.collect()
}

fn methods(test: &str) -> Vec<String> {
    let calls = test.split("assert.").skip(1);
    let names = calls.map(|call| {
        call.chars()
            .take_while(|c| c.is_alphanumeric())
            .collect::<String>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests_of_go {
    use super::*;

    #[test]
    fn packages_and_tests_are_found() {
        let setup = "package main\n\nimport (\n    \"testing\"\n    \"math\"\n    \"github.com/stretchr/testify/assert\"\n)\n";
        assert_eq!(
            imported(setup),
            ["testing", "math", "github.com/stretchr/testify/assert"]
        );
        assert_eq!(imported("package main"), Vec::<String>::new());
        let test = "func TestF(t *probityT) {\n    assert := assert.New(t)\n    assert.Equal(1, F())\n}\nfunc helper(x int) {}\n";
        assert_eq!(tests(test), ["TestF"]);
        assert_eq!(methods(test), ["New", "Equal"]);
    }
}
