//! What a monitor says: greetings, results, errors, events.

use farshore_qemu::qmp::{Said, parse};
use serde_json::{Value, json};

/// Any line is something that a monitor says, or a typed error; and what it says is what the line holds.
pub fn run(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        let Ok(said) = parse(line) else { continue };
        let line: Value = serde_json::from_str(line).expect("what is QMP is JSON");
        let written = match &said {
            Said::Greeting => json!({ "QMP": line["QMP"] }),
            Said::Return(value) => json!({ "return": value }),
            Said::Error(words) => json!({ "error": { "desc": words } }),
            Said::Event(name, data) => json!({ "event": name, "data": data }),
        };
        let again = parse(&written.to_string()).expect("what was said can be said again");
        assert_eq!(again, said, "what was said is said again as it was");
    }
}
