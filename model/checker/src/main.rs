//! `farshore-model`: explores scopes and prints what was seen.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use farshore_model::Checked;
use farshore_model::limits::{self, Limits};
use farshore_model::mutants::{MUTANTS, without};
use farshore_model::nightly::{HEADER, Row, merged};
use farshore_model::page::{Found, page};
use farshore_model::pins::{ELSEWHERE, NIGHTLY, PINS};
use farshore_model::search::{Failed, exhaust};
use farshore_model::shortest::{Defects, Shortest, explore};
use farshore_world::{Action, SOMETIMES, Start, Trace};

/// Explores the real machines in the world, exhaustively.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every pinned scope, every milestone, every guard mutant: what CI runs.
    Ci,
    /// What CI explores, and the scopes that are larger: each in a process of its own.
    Nightly {
        /// Only these scopes; none: all that are pinned.
        scopes: Vec<String>,
        /// A scope that takes longer is given up.
        #[arg(long)]
        seconds: Option<u64>,
        /// Writes what was seen into this table, in place of what it had of the same scopes.
        #[arg(long)]
        table: Option<PathBuf>,
    },
    /// One scope, as a row of that table.
    #[command(hide = true)]
    Row {
        /// The scope.
        scope: String,
        /// It is given up after so long.
        #[arg(long)]
        seconds: Option<u64>,
    },
    /// One scope, or all: how many states, and what is wrong if something is.
    Run {
        /// Names of scopes; none: all that are pinned.
        scopes: Vec<String>,
    },
    /// Every guard mutant: which property breaks without it, and the shortest way there.
    Mutants {
        /// Prints the way as a golden script.
        #[arg(long)]
        script: bool,
        /// Only these guards; none: all.
        guards: Vec<String>,
    },
    /// Prints `docs/verification.md`: properties, scopes, and what each guard mutant breaks.
    Page,
    /// The second explorer on one scope: agrees on the number of states, or prints the shortest way to a defect.
    Shortest {
        /// Name of the scope.
        scope: String,
    },
    /// stateright's explorer in a browser, on loopback.
    Explore {
        /// Name of the scope.
        scope: String,
        /// Port.
        #[arg(long, default_value_t = 3000)]
        port: u16,
    },
}

fn main() -> ExitCode {
    // A panic of the core is caught by the world and reported as a property; its message is there.
    std::panic::set_hook(Box::new(|_| {}));
    match run(Args::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("farshore-model: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: What) -> Result<()> {
    match what {
        What::Ci => {
            scopes(&[])?;
            cross_check()?;
            mutants(false, &[]).map(drop)
        }
        What::Nightly { scopes, seconds, table } => nightly(&scopes, seconds, table.as_deref()),
        What::Row { scope, seconds } => row(&scope, seconds),
        What::Run { scopes: names } => scopes(&names),
        What::Mutants { script, guards } => mutants(script, &guards).map(drop),
        What::Page => {
            print!("{}", page(&mutants(false, &[])?));
            Ok(())
        }
        What::Shortest { scope } => shortest(&scope),
        What::Explore { scope, port } => {
            let checked = Checked::load(&scope)?;
            eprintln!("exploring {scope} at http://127.0.0.1:{port}");
            let builder = stateright::Model::checker(checked);
            builder.serve(("127.0.0.1", port));
            Ok(())
        }
    }
}

/// Exhausts scopes and compares them with their pins.
fn scopes(names: &[String]) -> Result<()> {
    println!("{:<24} {:>12} {:>7} {:>9}  result", "scope", "states", "depth", "seconds");
    let mut met = vec![false; SOMETIMES.len()];
    let mut wrong = Vec::new();
    let mut total = 0;
    let all: Vec<String> = PINS.iter().map(|p| p.scope.into()).collect();
    for name in if names.is_empty() { &all } else { names } {
        let checked = Checked::load(name)?;
        let pin = PINS.iter().chain(NIGHTLY).find(|p| p.scope == name);
        match exhaust(checked, name, Limits::default()) {
            Ok(found) => {
                let result = match pin {
                    None => "not pinned".into(),
                    Some(pin) if pin.states == found.states => "as pinned".into(),
                    Some(pin) => {
                        wrong.push(format!("{name} has {} states, {} are pinned", found.states, pin.states));
                        format!("{} are pinned", pin.states)
                    }
                };
                let seconds = found.took.as_secs_f64();
                println!("{name:<24} {:>12} {:>7} {seconds:>9.1}  {result}", found.states, found.depth);
                total += found.states;
                met.iter_mut().zip(found.met).for_each(|(m, now)| *m |= now);
            }
            Err(Failed::GivenUp(states, _)) => bail!("{name}: takes more memory than it may, after {states} states"),
            Err(Failed::CutShort) => bail!("{name}: the search ended before everything was seen: it shows nothing"),
            Err(Failed::Violated(property, way)) => {
                println!("{}", script(&Checked::load(name)?, &way));
                bail!("{name}: {property} does not hold; the way there is above, `shortest {name}` finds a shorter one")
            }
        }
    }
    println!("{:<24} {total:>12}", "in all");
    if names.is_empty() {
        let unmet =
            SOMETIMES.iter().zip(&met).filter(|(m, met)| **met == ELSEWHERE.contains(&m.name)).map(|(m, _)| m.name);
        wrong.extend(unmet.map(|name| format!("milestone \"{name}\": met and listed as met elsewhere, or neither")));
    }
    if wrong.is_empty() { Ok(()) } else { bail!(wrong.join("\n")) }
}

/// Explores each scope in a process of its own, and tells what each showed and took.
fn nightly(names: &[String], seconds: Option<u64>, table: Option<&Path>) -> Result<()> {
    let all: Vec<String> = PINS.iter().chain(NIGHTLY).map(|p| p.scope.to_owned()).collect();
    let pinned = |row: &Row| PINS.iter().chain(NIGHTLY).find(|p| p.scope == row.scope).map(|p| p.states);
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    println!("{HEADER}");
    for name in if names.is_empty() { &all } else { names } {
        let mut child = Command::new(std::env::current_exe()?);
        child.args(["row", name]).args(seconds.map(|s| format!("--seconds={s}"))).stderr(Stdio::inherit());
        let output = child.output().context("this program does not start itself")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(row) = text.lines().find_map(Row::read).filter(|_| output.status.success()) else {
            println!("{text}");
            wrong.push(format!("{name}: see above"));
            continue;
        };
        println!("{}", row.line());
        match pinned(&row) {
            Some(_) if !row.exhausted => wrong.push(format!("{name}: given up after {} states", row.states)),
            Some(states) if states != row.states => {
                wrong.push(format!("{name} has {} states, {states} are pinned", row.states));
            }
            Some(_) | None => {}
        }
        seen.push(row);
        if let Some(table) = table {
            let old = std::fs::read_to_string(table).unwrap_or_default();
            std::fs::write(table, merged(&old, &seen)).with_context(|| table.display().to_string())?;
        }
    }
    let exhausted = seen.iter().filter(|row| row.exhausted);
    let (scopes, states): (Vec<&str>, Vec<usize>) = exhausted.map(|row| (row.scope.as_str(), row.states)).unzip();
    println!("in all {} states in {} scopes that were exhausted", states.iter().sum::<usize>(), scopes.len());
    if wrong.is_empty() { Ok(()) } else { bail!(wrong.join("\n")) }
}

/// Explores one scope; this process is for nothing else.
fn row(name: &str, seconds: Option<u64>) -> Result<()> {
    let limits = Limits { time: seconds.map(Duration::from_secs), ..Limits::default() };
    let began = Instant::now();
    let (states, depth, exhausted) = match exhaust(Checked::load(name)?, name, limits) {
        Ok(found) => (found.states, found.depth, true),
        Err(Failed::GivenUp(states, depth)) => (states, depth, false),
        Err(Failed::CutShort) => bail!("{name}: the search ended before everything was seen: it shows nothing"),
        Err(Failed::Violated(property, way)) => {
            println!("{}", script(&Checked::load(name)?, &way));
            bail!("{name}: {property} does not hold")
        }
    };
    let (scope, seconds, peak) = (name.to_owned(), began.elapsed().as_secs(), limits::peak().map(|kib| kib >> 10));
    println!("{}", Row { scope, states, depth, seconds, peak, exhausted }.line());
    // What was given up left its threads behind.
    std::process::exit(0)
}

/// The second explorer agrees on the smallest scope.
fn cross_check() -> Result<()> {
    let smallest = PINS.iter().min_by_key(|p| p.states).context("no scope is pinned")?;
    match explore(&Checked::load(smallest.scope)?, Defects::All) {
        Shortest::Sound(states) if states == smallest.states => {
            println!("the second explorer agrees on {}: {states} states", smallest.scope);
            Ok(())
        }
        Shortest::Sound(states) => {
            bail!("the second explorer finds {states} states in {}, {} are pinned", smallest.scope, smallest.states)
        }
        Shortest::Defect { violation, .. } => bail!("the second explorer finds a defect: {violation}"),
    }
}

/// A way as a golden script.
fn script(checked: &Checked, way: &[Action]) -> Trace {
    Trace::record(&checked.setup, Start::Protected, &checked.start, way)
}

fn mutants(print: bool, only: &[String]) -> Result<Vec<Found>> {
    eprintln!("\n{:<12} {:<22} {:>6} {:>10}  breaks", "without", "scope", "steps", "states");
    let mut all = Vec::new();
    for mutant in MUTANTS {
        let guard = format!("{:?}", mutant.guard);
        if !only.is_empty() && !only.contains(&guard) {
            continue;
        }
        let checked = Checked::load(mutant.scope)?;
        let mut found = Found { guard: mutant.guard, scope: mutant.scope, breaks: None, states: 0 };
        match without(mutant.guard, &checked) {
            Shortest::Sound(states) => {
                eprintln!("{guard:<12} {:<22} {:>6} {states:>10}  nothing", mutant.scope, "-");
                found.states = states;
            }
            Shortest::Defect { violation, way, states } => {
                eprintln!("{guard:<12} {:<22} {:>6} {states:>10}  {violation}", mutant.scope, way.len());
                if print {
                    println!("{}", script(&checked, &way));
                }
                (found.states, found.breaks) = (states, Some((way.len(), violation.to_string())));
            }
        }
        all.push(found);
    }
    let unnoticed: Vec<String> = all.iter().filter(|f| f.breaks.is_none()).map(|f| format!("{:?}", f.guard)).collect();
    if unnoticed.is_empty() { Ok(all) } else { bail!("nothing notices that these are gone: {}", unnoticed.join(", ")) }
}

fn shortest(name: &str) -> Result<()> {
    let checked = Checked::load(name)?;
    match explore(&checked, Defects::All) {
        Shortest::Sound(states) => {
            println!("{name}: {states} states, nothing is wrong");
            Ok(())
        }
        Shortest::Defect { violation, way, states } => {
            println!("{}", script(&checked, &way));
            bail!("{name}: {violation}, after {} steps, {states} states seen", way.len())
        }
    }
}
