//! Any file is either a snapshot, which is written and read again the same, or is refused with words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orgpatch::state::{Snapshot, read_snapshot};

fuzz_target!(|text: &str| {
    match read_snapshot(text) {
        Err(why) => assert!(!why.to_string().is_empty()),
        Ok(snapshot) => {
            let written = serde_json::to_string(&snapshot).expect("what was read can be written");
            let again: Snapshot = read_snapshot(&written).expect("what was written can be read");
            assert_eq!(again, snapshot);
        }
    }
});
