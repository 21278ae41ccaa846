//! The writers, on a document made by hand.

use super::table::{Column, Fact, Kind, Table, Value};
use super::*;

fn report() -> Report {
    let columns = vec![
        Column::new("index", Kind::Index),
        Column::new("name", Kind::Function),
        Column::new("count", Kind::Count),
        Column::new("ranges", Kind::Ranges),
    ];
    let mut table = Table::new("functions", columns, Some("count"));
    let row = |index: u32, name: &str, count: u64, ranges| {
        vec![
            index.into(),
            Value::Text(name.into()),
            count.into(),
            Value::Ranges(ranges),
        ]
    };
    table.push(row(0, "cold", 5, vec![(16, 20), (24, 32)]));
    table.push(row(1, "_ZN3app3hot17h0123456789abcdefE", 1_234_567, vec![]));
    table.push(row(2, "a,\"b\"\u{1b}[2J", 9, vec![(1, 2)]));
    let counts = AnalysisReport {
        name: "demo",
        facts: vec![
            Fact::new("rule", Kind::Text, "instr.v1"),
            Fact::new("total", Kind::Count, u64::MAX),
            Fact::new("covered_percent", Kind::Percent, 12.5),
        ],
        tables: vec![table],
        top: Some(2),
        warnings: Vec::new(),
        data: None,
    };
    let columns = vec![
        Column::new("targets", Kind::Counts),
        Column::new("mean", Kind::Average),
    ];
    let mut table = Table::new("tables", columns, None);
    table.push(vec![Value::Numbers(vec![1, 2000]), Value::Nothing]);
    let lists = AnalysisReport {
        name: "other",
        facts: Vec::new(),
        tables: vec![
            table,
            Table::new("empty", vec![Column::new("pc", Kind::Pc)], None),
        ],
        top: None,
        warnings: vec!["failed to watch".to_owned()],
        data: None,
    };
    Report {
        module: ModuleSummary {
            path: Some("a.wasm".to_owned()),
            name: None,
            bytes: 100,
            functions: 3,
        },
        outcome: Outcome {
            kind: OutcomeKind::Trap,
            code: "unreachable".into(),
            message: "unreachable executed".to_owned(),
            backtrace: vec!["0: cold at 0x12".to_owned()],
        },
        analyses: vec![counts, lists],
    }
}

fn written(format: Format) -> String {
    let mut bytes = Vec::new();
    report().write(format, &mut bytes).expect("memory");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn text() {
    let expected = "\
a.wasm trapped: unreachable
  unreachable executed
    0: cold at 0x12

== demo ==
rule: instr.v1
total: 18,446,744,073,709,551,615
covered percent: 12.5%

functions
  index  name           count      %  ranges
      1  app::hot   1,234,567  100.0
      2  a,\"b\"\u{fffd}[2J          9    0.0  0x1-0x2
  ... and 1 more

== other ==
warning: failed to watch

tables
  targets  mean
  1 2,000     -

empty
  none
";
    assert_eq!(written(Format::Text), expected);
}

#[test]
fn json() {
    let text = written(Format::Json);
    let expected = concat!(
        r#"{"schema":1,"module":{"path":"a.wasm","name":null,"bytes":100,"functions":3},"#,
        r#""outcome":{"kind":"trap","code":"unreachable","message":"unreachable executed","#,
        r#""backtrace":["0: cold at 0x12"]},"analyses":{"demo":{"rule":"instr.v1","#,
        r#""total":18446744073709551615,"covered_percent":12.5,"functions":["#,
        r#"{"index":0,"name":"cold","count":5,"ranges":[[16,20],[24,32]]},"#,
        r#"{"index":1,"name":"_ZN3app3hot17h0123456789abcdefE","count":1234567,"ranges":[]},"#,
        r#"{"index":2,"name":"a,\"b\"\u001b[2J","count":9,"ranges":[[1,2]]}]},"#,
        r#""other":{"tables":[{"targets":[1,2000],"mean":null}],"empty":[],"#,
        r#""warnings":["failed to watch"]}}}"#,
        "\n"
    );
    assert_eq!(text, expected);
    let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(parsed, report().to_json());
    assert_eq!(parsed["analyses"]["demo"]["total"].as_u64(), Some(u64::MAX));
}

#[test]
fn csv() {
    let text = written(Format::Csv);
    let expected = "\
analysis,table,rule,total,covered_percent,index,name,count,ranges,targets,mean,pc,path,bytes,outcome,code,message
,run,,,,,,,,,,,a.wasm,100,trap,unreachable,unreachable executed
demo,summary,instr.v1,18446744073709551615,12.5,,,,,,,,,,,,
demo,functions,,,,0,cold,5,16-20 24-32,,,,,,,,
demo,functions,,,,1,_ZN3app3hot17h0123456789abcdefE,1234567,,,,,,,,,
demo,functions,,,,2,\"a,\"\"b\"\"\u{1b}[2J\",9,1-2,,,,,,,,
other,tables,,,,,,,,1 2000,,,,,,,
";
    assert_eq!(text, expected);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().expect("header").len();
    for record in reader.records() {
        assert_eq!(record.expect("record").len(), columns);
    }
}

/// A writer that is full gives its error, not a panic.
#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for (name, format) in Format::ALL {
        let error = report().write(format, &mut Full).map_err(|e| e.kind());
        assert_eq!(error, Err(io::ErrorKind::StorageFull), "{name}");
    }
}
