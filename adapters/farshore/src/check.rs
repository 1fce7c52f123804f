//! `farshore check`: what will go wrong in a deployment, before it does.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use farshore_core::inventory::{ConfigError, Site};
use farshore_core::spec::Span;
use farshore_core::time::Millis;
use farshore_report::check::{Expected, Finding, Severity, check};
use farshore_world::scenario::Pace;
use serde_json::json;

use crate::plan::{assume, read};
use crate::style::{Look, Style, Table, wrap};

/// How wide what is found is told.
const WIDTH: usize = 84;

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A deployment file, or a scenario file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What a step takes, such as boot=90s; of one VM, LUN or host: boot.shop-db=3m.
    #[arg(long, value_name = "STEP=TIME")]
    assume: Vec<String>,
    /// How old an asynchronous copy gets while all is well; by default as old as the simulator lets it get.
    #[arg(long, value_name = "TIME")]
    lag: Option<Span>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Checks a deployment; failed when something in it will not be recovered.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (deployment, _) = read(&args.file)?;
    let findings = match Site::pair(&deployment) {
        Ok([site, _]) => found(args, &site)?,
        Err(error) => refused(&error),
    };
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(count);
    if args.json {
        let [errors, warnings, notes] = counts;
        let file = args.file.display().to_string();
        println!(
            "{}",
            json!({ "file": file, "errors": errors, "warnings": warnings, "notes": notes, "findings": findings })
        );
    } else {
        print!("{}", text(&findings, counts, Style::of_stdout()));
    }
    Ok(if counts[0] == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// A deployment that contradicts itself: nothing else can be looked at.
fn refused(error: &ConfigError) -> Vec<Finding> {
    vec![Finding::of_config(error)]
}

fn found(args: &Args, site: &Site) -> Result<Vec<Finding>> {
    // From the beginning of a cycle to the end of the next.
    let pace = Pace::default().replication;
    let usual = Millis(pace.pause.most + 2 * pace.delta.most);
    let assume = assume::assumptions(&site.inventory, &args.assume)?;
    Ok(check(site, &Expected { assume, lag: args.lag.map_or(usual, |lag| lag.0) }))
}

fn text(findings: &[Finding], [errors, warnings, notes]: [usize; 3], style: Style) -> String {
    let mut text = String::new();
    if !findings.is_empty() {
        let mut table = Table::new(&["", "rule", "object", "finding, and what to change"]);
        for f in findings {
            let look = match f.severity {
                Severity::Error => Look::Bad,
                Severity::Warning => Look::Story,
                Severity::Note => Look::Plain,
            };
            let plain = |text: &str| (Look::Plain, text.to_string());
            let mut head =
                Some([(look, f.severity.word().into()), (Look::Dim, f.rule.into()), (Look::Bold, f.object.clone())]);
            let mut part = |look: Look, text: &str| {
                for line in wrap(text, WIDTH, "").lines() {
                    let [one, two, three] = head.take().unwrap_or_else(|| [plain(""), plain(""), plain("")]);
                    table.looks(vec![one, two, three, (look, line.to_string())]);
                }
            };
            part(Look::Plain, &f.what);
            part(Look::Dim, &format!("→ {}", f.change));
        }
        text.push_str(&table.text(style));
        text.push('\n');
    }
    let counted = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    let all = [counted(errors, "error"), counted(warnings, "warning"), counted(notes, "note")].join(", ");
    let (mark, look) = if errors == 0 { ("✓", Look::Good) } else { ("✗", Look::Bad) };
    text.push_str(&format!("  {} {all}\n", style.paint(look, mark)));
    text
}
