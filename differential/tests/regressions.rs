//! Replays `regressions/`.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use probity_differential::probity::Engines;
use probity_differential::regression::replay;

#[test]
fn regressions_stay_fixed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let engines = Engines::default();
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(path.extension().and_then(|e| e.to_str()), Some("wat"));
        let text = fs::read_to_string(&path).expect("text");
        if let Err(what) = replay(&engines, &text) {
            panic!("{}: {what}", path.display());
        }
        replayed += 1;
    }
    assert!(replayed >= 3, "{replayed}");
}
