//! Deployment files: the shipped example, the shortest one, and what is said of mistakes.

use farshore_core::ids::{PlanKey, Side, VmKey};
use farshore_core::inventory::Site;
use farshore_core::policy::{ErrorKind, Mode, RecoveryKind, RecoveryType, Remainder};
use farshore_core::spec::{Deployment, Memory, Recovery, Span};
use farshore_world::config::{self, ConfigFileError};

const EXAMPLE: &str = include_str!("../../../docs/examples/two-sites.toml");
const REFERENCE: &str = include_str!("../../../docs/deployment.md");

fn error(text: &str) -> ConfigFileError {
    config::deployment(text, "test.toml").expect_err("refused")
}

/// The line of the example, from 1, where this first occurs.
fn line_of(text: &str) -> usize {
    1 + EXAMPLE[..EXAMPLE.find(text).expect(text)].matches('\n').count()
}

/// The example with one line changed.
fn edited(from: &str, to: &str) -> ConfigFileError {
    assert!(EXAMPLE.contains(from), "{from}");
    error(&EXAMPLE.replacen(from, to, 1))
}

#[test]
fn the_example_is_a_valid_deployment() {
    let deployment = config::deployment(EXAMPLE, "two-sites.toml").expect("parses");
    let site = Site::new(&deployment, "birch").expect("valid");
    assert_eq!((site.here, site.inventory.vms.len(), site.inventory.groups.len()), (Side::Two, 6, 3));
    let (_, api) = site.inventory.vms.by_key(VmKey::of("shop-api")).expect("a VM");
    let (_, db) = site.inventory.vms.by_key(VmKey::of("shop-db")).expect("a VM");
    assert!(api.critical && db.critical);
    let protected = site.inventory.vms.iter().filter(|(_, vm)| vm.group.is_some());
    assert!(protected.into_iter().all(|(_, vm)| vm.place.iter().all(Option::is_some)), "every mapping is there");
    let (_, plan) = site.inventory.plans.by_key(PlanKey::of("leave-alder")).expect("a plan");
    assert_eq!(plan.groups.iter().map(|group| group.1).collect::<Vec<_>>(), [1, 2]);
    let first = RecoveryType::CriticalFirst { remainder: Remainder::Subsequently };
    assert_eq!(site.policy.recovery, [first, RecoveryType::Everything]);
}

#[test]
fn what_is_written_reads_as_it_was() {
    let deployment = config::deployment(EXAMPLE, "two-sites.toml").expect("parses");
    let text = toml::to_string(&deployment).expect("writes");
    assert_eq!(config::deployment(&text, "again.toml"), Ok(deployment));
}

/// Every block of the reference that is marked as a deployment is one.
#[test]
fn the_deployments_of_the_reference_are_valid() {
    let blocks: Vec<&str> = REFERENCE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let deployment = config::deployment(block, "deployment.md").unwrap_or_else(|e| panic!("{e}\n{block}"));
        if block.starts_with("# A whole deployment") {
            let site = Site::new(&deployment, "alder").expect("valid");
            assert_eq!(site.inventory.groups.len(), 1);
        }
    }
}

/// Every key of the format, as the reader itself names them, has its row in the reference.
#[test]
fn the_reference_has_every_key() {
    let sections = [
        "",
        "[[site]]",
        "[[site]]\nhosts = [{@}]",
        "[[site]]\npools = [{@}]",
        "[[mapping]]",
        "[[lun]]",
        "[[lun]]\nreplica = {@}",
        "[[datastore]]",
        "[[vm]]",
        "[[group]]",
        "[[plan]]",
        "[[plan]]\ngroups = [{@}]",
        "[policy]",
        "[policy]\nrecovery = {@}",
        "[policy.grouping]",
        "[policy.waits]",
        "[policy.site.x]",
        "[[policy.rule]]",
    ];
    for section in sections {
        let odd = "a-key-that-is-like-no-other-one = 0";
        let text = if section.contains('@') { section.replace('@', odd) } else { format!("{section}\n{odd}\n") };
        let help = error(&text).help.unwrap_or_else(|| panic!("no keys of {section}"));
        for key in help.split('`').skip(1).step_by(2) {
            let here = if section.is_empty() { format!("{key}]") } else { format!("| `{key}` |") };
            assert!(REFERENCE.contains(&here), "{section}: `{key}` is not in docs/deployment.md");
        }
    }
}

#[test]
fn an_unknown_key_is_shown_with_what_was_meant() {
    let error = edited("datastores = [\"shop\"]", "datastore = [\"shop\"]");
    let line = line_of("datastores = [\"shop\"]");
    let shown = format!(
        "test.toml:{line}:1: unknown key `datastore`
   |
{line} | datastore = [\"shop\"]
   | ^^^^^^^^^
   = did you mean `datastores`?"
    );
    assert_eq!(error.to_string(), shown);
    assert_eq!(edited("depends-on", "depends_on").help.as_deref(), Some("did you mean `depends-on`?"));
    assert_eq!(edited("[[lun]]", "[[luns]]").help.as_deref(), Some("did you mean `lun`?"));
    assert_eq!(edited("memory = \"256GiB\"", "memroy = \"256GiB\"").help.as_deref(), Some("did you mean `memory`?"));
    assert_eq!(
        edited("priority = 2", "prio = 2").help.as_deref(),
        Some("the keys here are `group`, `priority` and `after`")
    );
    assert_eq!(edited("remainder =", "remaind =").help.as_deref(), Some("did you mean `remainder`?"));
    let nested = edited("replica = { array", "replica = { arrya");
    assert_eq!(
        (nested.line, nested.column, nested.help.as_deref()),
        (line_of("replica = { array"), 13, Some("did you mean `array`?"))
    );
}

#[test]
fn an_unknown_value_is_shown_with_what_was_meant() {
    let error = edited("mode = \"synchronous\"", "mode = \"sync\"");
    assert_eq!(error.problem, "unknown value `sync`");
    assert_eq!(error.help.as_deref(), Some("the values here are `synchronous` and `asynchronous`"));
    assert_eq!(edited("\"heartbeat\"", "\"heart-beat\"").help.as_deref(), Some("did you mean `heartbeat`?"));
    assert_eq!(edited("\"everything\"", "\"everthing\"").help.as_deref(), Some("did you mean `everything`?"));
    assert_eq!(
        edited("\"critical-first\"", "\"critcal-first\"").help.as_deref(),
        Some("did you mean `critical-first`?")
    );
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    for (from, to, expected) in [
        ("unit = 1\n", "unit = \"1\"\n", "expected a whole number from 0 to 65535, found string \"1\""),
        ("paths = 2\n", "paths = 300\n", "expected a whole number from 0 to 255, found integer `300`"),
        ("tier = 1\n", "tier = -1\n", "expected a whole number from 0 to 255, found integer `-1`"),
        ("critical = true", "critical = \"yes\"", "expected `true` or `false`, found string \"yes\""),
        ("luns = [\"mail\"]", "luns = \"mail\"", "expected a list in brackets, found string \"mail\""),
        (
            "rpo = \"30s\"",
            "rpo = 30",
            "expected a duration in quotes, with its unit, such as \"100ms\", \"140s\" or \"1h\", found integer `30`",
        ),
        (
            "memory = \"32GiB\"",
            "memory = 32",
            "expected a size in quotes, with its unit, such as \"512MiB\" or \"64GiB\", found integer `32`",
        ),
        (
            "recovery = \"everything\"",
            "recovery = 1",
            "expected a recovery type, or a table with its `type`, found integer `1`",
        ),
    ] {
        assert_eq!(edited(from, to).problem, expected);
    }
    let error = edited("rpo = \"30s\"", "rpo = \"30 sec\"");
    assert!(error.problem.starts_with("`30 sec` is not a duration: write a whole number and a unit"), "{error}");
    assert_eq!(error.line, line_of("rpo ="));
}

#[test]
fn a_missing_key_is_named_at_its_table() {
    let error = edited("array = \"alder-san\"\n", "");
    assert_eq!((&*error.problem, error.line), ("the key `array` is missing here", line_of("[[lun]]")));
    assert!(error.to_string().contains("| [[lun]]\n"), "{error}");
}

#[test]
fn places_are_counted_in_characters() {
    let error = error("[policy]\r\nmax-tries = 3 # ä\r\n\"ü\" = 1\r\n");
    assert_eq!(
        error.to_string(),
        "test.toml:3:1: unknown key `ü`\n  |\n3 | \"ü\" = 1\n  | ^^^\n  = the keys here are `recovery`, `cooldown`, `max-tries`, `hold-alert`, `commit-window`, `apd-timeout`, `apd-delay`, `rpo-check`, `grouping`, `waits`, `arbiter`, `deputy`, `site` and `rule`"
    );
    let nothing = config::deployment("= 1", "test.toml").expect_err("no TOML");
    assert_eq!((nothing.line, nothing.column), (1, 1));
    let open = config::deployment("[[site]]\nname = \"a", "test.toml").expect_err("no TOML");
    assert_eq!(open.line, 2);
}

#[test]
fn short_forms_stand_for_tables() {
    let text = "policy.recovery = { type = \"at-least\", vms = 20 }\npolicy.grouping = { mode = \"fixed\", idle-poll = \"0s\" }\n\
                [[policy.rule]]\nerrors = [\"device-lost\"]\nrecovery = [\"at-least\"]\nplan = \"p\"\n\
                [[plan]]\nname = \"p\"\ngroups = [\"g\", { group = \"h\" }]\n\
                [[site]]\nname = \"s\"\narrays = [\"a\"]\nhosts = [\"h\", { name = \"i\", memory = \"1TiB\" }]\n";
    let deployment = config::deployment(text, "test.toml").expect("parses");
    assert_eq!(deployment.policy.recovery, Recovery { kind: RecoveryKind::AtLeast, remainder: None, vms: Some(20) });
    assert_eq!((deployment.policy.grouping.mode, deployment.policy.grouping.idle_poll), (Mode::Fixed, Span::secs(0)));
    assert_eq!(deployment.policy.grouping.long, Span::secs(15), "the rest keep their defaults");
    assert_eq!(deployment.policy.rules[0].errors, [ErrorKind::DeviceLost]);
    assert_eq!(deployment.plans[0].groups.iter().map(|g| g.priority).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(
        deployment.sites[0].hosts.iter().map(|h| h.memory).collect::<Vec<_>>(),
        [Memory::gib(64), Memory::gib(1024)]
    );
    assert_eq!(config::deployment("", "test.toml"), Ok(Deployment::default()));
}
