//! One run in each form, to the letter.

mod common;

use common::run;
use probity_analyses::Format;

const PROGRAM: &str = r#"(module
    (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
    (func (export "main") (local $i i32)
        (loop $l
            (drop (call $square (local.get $i)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))))"#;

fn written(analyses: &[&str], format: Format) -> String {
    let mut bytes = Vec::new();
    let run = run(PROGRAM, analyses);
    run.report.write(format, &mut bytes).expect("memory");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn text() {
    let expected = "\
test.wat exited with code 0

== icount ==
rule: instr.v1
total: 16,002
fuel: 14,001

functions
  index  name    static   count     %    fuel
      1  main        14  12,002  75.0  10,001
      0  square       4   4,000  25.0   4,000
";
    // main: 12 in the loop 1000 times and 2 ends; its fuel less loop and drop.
    assert_eq!(written(&["icount"], Format::Text), expected);
}

#[test]
fn json() {
    let text = written(&["loops", "calls"], Format::Json);
    let bytes = wat::parse_str(PROGRAM).expect("assembles").len();
    let expected = format!(
        concat!(
            r#"{{"schema":1,"module":{{"path":"test.wat","name":null,"bytes":{},"functions":2}},"#,
            r#""outcome":{{"kind":"exit","code":0,"message":""}},"analyses":{{"#,
            r#""loops":{{"iterations":1000,"loops":[{{"func":1,"name":"main","pc":49,"end":71,"#,
            r#""depth":1,"entries":1,"iterations":1000,"average":1000.0}}]}},"#,
            r#""calls":{{"direct":1000,"host":0,"indirect":0,"tail":0,"calls":[{{"func":1,"name":"main","#,
            r#""pc":53,"opcode":"call","kind":"direct","callee":0,"callee_name":"square","#,
            r#""count":1000}}]}}}}}}"#,
            "\n"
        ),
        bytes
    );
    assert_eq!(text, expected);
}

#[test]
fn csv() {
    let text = written(&["icount", "branches"], Format::Csv);
    let bytes = wat::parse_str(PROGRAM).expect("assembles").len();
    let expected = format!(
        "\
analysis,table,rule,total,fuel,index,name,static,count,taken,not_taken,table_count,caught,func,pc,opcode,taken_percent,targets,default,landing,path,bytes,outcome,code,message
,run,,,,,,,,,,,,,,,,,,,test.wat,{bytes},exit,0,
icount,summary,instr.v1,16002,14001,,,,,,,,,,,,,,,,,,,,
icount,functions,,,4000,0,square,4,4000,,,,,,,,,,,,,,,,
icount,functions,,,10001,1,main,14,12002,,,,,,,,,,,,,,,,
branches,summary,,,,,,,,999,1,0,0,,,,,,,,,,,,
branches,branches,,,,,main,,1000,999,1,,,1,69,br_if,99.9,,,,,,,,
"
    );
    assert_eq!(text, expected);
}
