//! From the words of serde to words for whoever wrote the file.

/// What to tell of an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) problem: String,
    pub(super) help: Option<String>,
}

/// Rewords an error of serde or of the TOML parser.
pub(super) fn tell(message: &str) -> Told {
    let words = |problem: String| Told { problem, help: None };
    if let Some((name, known)) = unknown(message, "unknown field `") {
        return Told { problem: format!("unknown key `{name}`"), help: help(name, &known, "key") };
    }
    if let Some((name, known)) = unknown(message, "unknown variant `") {
        return Told { problem: format!("unknown value `{name}`"), help: help(name, &known, "value") };
    }
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return words(format!("the key `{name}` is missing here"));
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected ")) {
            return words(format!("expected {}, found {found}", plainly(expected)));
        }
    }
    words(message.trim_end().into())
}

/// The unknown name of such a message, and the names that are known.
fn unknown<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let rest = message.strip_prefix(prefix)?;
    // The name itself may hold anything, the list of the known ones comes last.
    match rest.rsplit_once("`, expected ") {
        Some((name, list)) => Some((name, list.split('`').skip(1).step_by(2).collect())),
        None => Some((rest.split_once('`')?.0, Vec::new())),
    }
}

fn help(name: &str, known: &[&str], kind: &str) -> Option<String> {
    if let Some(meant) = closest(name, known) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let list: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    match list.split_last() {
        None => None,
        Some((only, [])) => Some(format!("the only {kind} here is {only}")),
        Some((last, rest)) => Some(format!("the {kind}s here are {} and {last}", rest.join(", "))),
    }
}

/// The known name that a typing mistake or another spelling turns into this one.
fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', ' '], "-");
    let name = plain(name);
    let length = name.chars().count();
    let tolerated = if length <= 3 { 1 } else { (length / 3).max(2) };
    let distance = |known: &str| strsim::osa_distance(&name, &plain(known));
    known.iter().copied().min_by_key(|known| distance(known)).filter(|known| distance(known) <= tolerated)
}

/// What serde calls a type, as the format calls it.
fn plainly(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, not negative",
        "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" => "text in quotes",
        "a sequence" => "a list in brackets",
        "a map" => "a table",
        _ => expected.strip_prefix("struct ").map_or(expected, |_| "a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(problem: &str, help: Option<&str>) -> Told {
        Told { problem: problem.into(), help: help.map(Into::into) }
    }

    #[test]
    fn messages_of_serde_are_reworded() {
        let unknown = "unknown field `datastore`, expected one of `name`, `datastores`, `tier`";
        assert_eq!(tell(unknown), told("unknown key `datastore`", Some("did you mean `datastores`?")));
        let unknown = "unknown field `colour`, expected `name` or `luns`";
        assert_eq!(tell(unknown), told("unknown key `colour`", Some("the keys here are `name` and `luns`")));
        let unknown = "unknown field `x`, expected `name`";
        assert_eq!(tell(unknown), told("unknown key `x`", Some("the only key here is `name`")));
        assert_eq!(tell("unknown field `x`, there are no fields"), told("unknown key `x`", None));
        let unknown = "unknown variant `Power_On`, expected `power-on` or `heartbeat`";
        assert_eq!(tell(unknown), told("unknown value `Power_On`", Some("did you mean `power-on`?")));
        assert_eq!(tell("missing field `array`"), told("the key `array` is missing here", None));
        let range = "invalid value: integer `300`, expected u8";
        assert_eq!(tell(range), told("expected a whole number from 0 to 255, found integer `300`", None));
        let kind = "invalid type: string \"a, expected b\", expected a sequence";
        assert_eq!(tell(kind), told("expected a list in brackets, found string \"a, expected b\"", None));
        assert_eq!(tell("invalid type: map, expected struct Policy").problem, "expected a table, found map");
        assert_eq!(tell("anything else\n"), told("anything else", None));
    }
}
