//! Writes `fuzz/seeds/` anew: `cargo run -p farshore-fuzzing --example seeds`. The same files each time.

use std::path::{Path, PathBuf};

/// Targets that read their bytes as choices, and how long their seeds are.
const CHOICES: &[(&str, &[usize])] = &[
    ("world", &[0, 24, 120, 400, 900]),
    ("manager", &[0, 24, 120, 400]),
    ("agent", &[0, 24, 120, 400]),
    ("arbiter", &[0, 24, 120, 400]),
    ("records", &[1, 40, 160, 400]),
];

/// Sense data: the rows of D1 in both formats, and what is none.
const SENSE: &[(&str, &[u8])] = &[
    ("fixed-5-25-00", &[0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0, 0, 0, 0, 0]),
    ("fixed-4-3e-01", &[0x70, 0, 4, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3e, 1, 0, 0, 0, 0]),
    ("fixed-4-3e-03", &[0x71, 0, 4, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3e, 3, 0, 0, 0, 0]),
    ("fixed-4-4c-00", &[0x70, 0, 4, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x4c, 0, 0, 0, 0, 0]),
    ("fixed-attention", &[0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0]),
    ("fixed-write-protected", &[0xf0, 0, 7, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x27, 0, 0, 0, 0, 0]),
    ("descriptor-5-25-00", &[0x72, 5, 0x25, 0, 0, 0, 0, 0]),
    ("descriptor-4-3e-01", &[0x73, 4, 0x3e, 1, 0, 0, 0, 0]),
    ("descriptor-one-more", &[0x72, 5, 0x25, 0, 0, 0, 0, 4, 0, 2, 0, 0]),
    ("no-format", &[0x00, 0, 5, 0, 0, 0, 0, 10]),
    ("cut-short", &[0x70, 0, 5]),
    ("empty", &[]),
];

/// What monitors say.
const QMP: &[(&str, &str)] = &[
    (
        "greeting",
        r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}"#,
    ),
    ("return", "{\"return\": {}}\n{\"return\": {\"status\": \"io-error\", \"running\": false}, \"id\": 3}"),
    ("error", r#"{"error": {"class": "GenericError", "desc": "NBD server already running"}, "id": "x"}"#),
    (
        "io-error",
        r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "BLOCK_IO_ERROR", "data": {"device": "", "node-name": "d0", "operation": "write", "action": "stop", "reason": "Operation not supported"}}"#,
    ),
    (
        "stop",
        "{\"event\": \"STOP\"}\n{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-shutdown\"}}",
    ),
    ("job", r#"{"event": "JOB_STATUS_CHANGE", "data": {"status": "concluded", "id": "m1"}}"#),
    ("nonsense", "{\"event\": 7}\n[]\nnull\n{\"return\"\n\u{1f4a5}"),
];

/// Records as journals hold them, and what is none.
const RECORDS: &[(&str, &str)] = &[("brace", "{"), ("empty-object", "{}"), ("version-only", r#"{"version": 1}"#)];

/// Deployments and scenarios of the book.
const DEPLOYMENTS: &[&str] = &["town", "deputies"];
const SCENARIOS: &[&str] =
    &["lost-lun", "lying-host", "link-cut", "manager-lost-alone", "planned-migration", "arbiter-slow", "flood"];

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let write = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let folder: PathBuf = root.join("fuzz/seeds").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    for &(target, lengths) in CHOICES {
        for &length in lengths {
            write(target, &format!("choices-{length}"), &choices(length))?;
        }
    }
    for &(name, bytes) in SENSE {
        write("sense", name, bytes)?;
    }
    for &(name, text) in QMP {
        write("qmp", name, text.as_bytes())?;
    }
    for &(name, text) in RECORDS {
        write("records", name, text.as_bytes())?;
    }
    for name in DEPLOYMENTS {
        let text = std::fs::read(root.join(format!("docs/scenarios/deployments/{name}.toml")))?;
        write("deployment", name, &text)?;
    }
    write("deployment", "two-sites", &std::fs::read(root.join("docs/examples/two-sites.toml"))?)?;
    for name in SCENARIOS {
        write("scenario", name, &std::fs::read(root.join(format!("docs/scenarios/{name}.toml")))?)?;
    }
    for (name, bytes) in frames() {
        write("frame", name, &bytes)?;
    }
    Ok(())
}

/// Bytes that look like chance, by xorshift, and are the same each time. Those of `records` do not begin as JSON does.
fn choices(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(step).collect()
}

/// Streams of the link: a length too long, one that never comes whole, and one that holds no message.
fn frames() -> [(&'static str, Vec<u8>); 4] {
    let framed = |text: &str| {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes(), text.as_bytes()].concat()
    };
    [
        ("too-long", vec![0xff; 8]),
        ("cut-short", framed("{\"group\": 1}")[..7].to_vec()),
        ("no-message", framed("{}")),
        ("empty", framed("")),
    ]
}
