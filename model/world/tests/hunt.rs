//! Scratch: finds violations and writes the shortest trace of each.
use farshore_world::{Action, Clock, Rank, Setup, Start, Trace, World, scopes};
use std::collections::BTreeMap;

fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*seed >> 33) as usize
}

/// Replays a subset of actions by text; whether it still ends in the same violation.
fn fails(setup: &Setup, start: &World, lines: &[String], key: &str) -> bool {
    let mut w = start.clone();
    for l in lines {
        let Some(a) = w.find_action(setup, l) else { return false };
        w.apply(setup, a);
        if let Err(e) = w.check(setup) {
            return e.to_string() == key;
        }
    }
    key.strip_prefix("converges ").is_some_and(|k| w.converges(setup, 3000).err().is_some_and(|e| e.to_string() == k))
}

#[test]
#[ignore]
fn hunt() {
    let only = std::env::var("SCOPE").ok();
    let runs: u64 = std::env::var("RUNS").ok().and_then(|r| r.parse().ok()).unwrap_or(500);
    let seed0: u64 = std::env::var("SEED").ok().and_then(|r| r.parse().ok()).unwrap_or(0);
    for (name, scope) in scopes::ALL {
        if only.as_deref().is_some_and(|o| o != *name) {
            continue;
        }
        let setup = Setup::new(scope(), Clock::Model).unwrap();
        let world = World::protected(&setup).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut found = BTreeMap::<String, (usize, Vec<Action>)>::new();
        let mut reached = std::collections::BTreeSet::new();
        for seed in seed0..seed0 + runs {
            let mut rng = seed * 7919 + 17;
            let mut w = world.clone();
            let mut path = vec![];
            let mut bad = false;
            for _ in 0..400 {
                let choices = w.choices(&setup, false);
                if choices.is_empty() {
                    break;
                }
                let progress = choices.iter().take_while(|c| c.rank == Rank::Progress).count().max(1);
                let pick = if next(&mut rng) % 6 > 0 { progress } else { choices.len() };
                let c = choices[next(&mut rng) % pick];
                path.push(c.action);
                w.apply(&setup, c.action);
                for m in farshore_world::SOMETIMES {
                    if !reached.contains(m.name) && (m.reached)(&w, &setup) {
                        reached.insert(m.name);
                    }
                }
                if let Err(e) = w.check(&setup) {
                    let f = found.entry(e.to_string()).or_insert((0, path.clone()));
                    f.0 += 1;
                    if path.len() < f.1.len() {
                        f.1 = path.clone();
                    }
                    bad = true;
                    break;
                }
                if next(&mut rng) % 25 == 0
                    && let Err(e) = w.converges(&setup, 3000)
                {
                    let f = found.entry(format!("converges {e}")).or_insert((0, path.clone()));
                    f.0 += 1;
                    if path.len() < f.1.len() {
                        f.1 = path.clone();
                    }
                    bad = true;
                    break;
                }
            }
            if !bad && let Err(e) = w.converges(&setup, 3000) {
                let f = found.entry(format!("converges {e}")).or_insert((0, path.clone()));
                f.0 += 1;
                if path.len() < f.1.len() {
                    f.1 = path.clone();
                }
            }
        }
        println!("=== {name} ({runs} walks)");
        let missed: Vec<_> =
            farshore_world::SOMETIMES.iter().map(|m| m.name).filter(|m| !reached.contains(m)).collect();
        println!("not reached: {}", missed.join(" "));
        for (key, (n, path)) in found {
            let trace = Trace::record(&setup, Start::Protected, &world, &path);
            let mut lines: Vec<String> = trace.lines.into_iter().filter(|l| !l.starts_with(['!', '#'])).collect();
            let mut at = lines.len();
            while at > 0 {
                at -= 1;
                let mut less = lines.clone();
                less.remove(at);
                if fails(&setup, &world, &less, &key) {
                    lines = less;
                }
            }
            if let Some(_) = key.strip_prefix("converges ") {
                let mut w = world.clone();
                for l in &lines {
                    let a = w.find_action(&setup, l).unwrap();
                    w.apply(&setup, a);
                }
                w.heal(&setup);
                for step in 0..3000usize {
                    let cs = w.choices(&setup, false);
                    let free = cs.iter().take_while(|c| matches!(c.rank, Rank::Progress | Rank::Late)).count();
                    if free == 0 && w.unrest(&setup).is_ok() {
                        break;
                    }
                    let a = if free > 0 { cs[step % free].action } else { Action::Advance };
                    lines.push(format!("    [healed] {}", w.describe(&setup, a)));
                    if !w.apply(&setup, a).applied {
                        break;
                    }
                    if w.check(&setup).is_err() {
                        break;
                    }
                    if lines.len() > 400 {
                        break;
                    }
                }
            }
            println!("--- {n} x {key} ({} -> {})\n    {}", path.len(), lines.len(), lines.join("\n    "));
        }
    }
}
