use farshore_world::{Budget, Budgets, Clock, Setup, World, scopes};
use std::hash::{DefaultHasher, Hash, Hasher};
fn h(w: &World) -> u64 {
    let mut s = DefaultHasher::new();
    w.hash(&mut s);
    s.finish()
}
#[test]
#[ignore]
fn perf() {
    let name = std::env::var("SCOPE").unwrap_or("pdl_crash".into());
    let max: usize = std::env::var("MAX").ok().and_then(|m| m.parse().ok()).unwrap_or(300_000);
    let mut scope = scopes::named(&name).unwrap();
    if let Ok(b) = std::env::var("BUDGETS") {
        // "crash=1,late=1/2"
        let (l, t) = b.split_once('/').unwrap_or((&b, "255"));
        let l: Vec<(Budget, u8)> = l
            .split(',')
            .filter(|x| !x.is_empty())
            .map(|x| {
                let (k, n) = x.split_once('=').unwrap();
                (Budget::ALL.into_iter().find(|b| b.name() == k).unwrap(), n.parse().unwrap())
            })
            .collect();
        scope.budgets = Budgets::of(&l).at_most(t.parse().unwrap());
    }
    if std::env::var("NOORDERS").is_ok() {
        scope.orders.clear();
    }
    let setup = Setup::new(scope, Clock::Model).unwrap();
    let w = World::protected(&setup).unwrap();
    let mut seen = std::collections::HashSet::new();
    let mut stack = vec![(w.clone(), 0u32)];
    seen.insert(h(&w));
    let t = std::time::Instant::now();
    let mut gen_ = 0u64;
    let mut bad = std::collections::BTreeMap::<String, u32>::new();
    let mut deep = 0;
    let mut reached = std::collections::BTreeSet::new();
    let mut rests = 0u64;
    while let Some((w, d)) = stack.pop() {
        deep = deep.max(d);
        if let Err(e) = w.check(&setup) {
            *bad.entry(e.to_string()).or_default() += 1;
            continue;
        }
        for m in farshore_world::SOMETIMES {
            if !reached.contains(m.name) && (m.reached)(&w, &setup) {
                reached.insert(m.name);
            }
        }
        let c = w.choices(&setup, false);
        if std::env::var("REST").is_ok() && c.first().is_none_or(|c| c.rank != farshore_world::Rank::Progress) {
            rests += 1;
            if let Err(e) = w.converges(&setup, 3000) {
                *bad.entry(format!("rest {e}")).or_default() += 1;
            }
        }
        for a in c {
            let mut n = w.clone();
            n.apply(&setup, a.action);
            gen_ += 1;
            if seen.insert(h(&n)) {
                stack.push((n, d + 1));
            }
        }
        if seen.len() > max {
            break;
        }
    }
    println!(
        "RESULT {name}: {} unique {gen_} generated, open {}, depth {deep}, {:?}, {bad:?} rests {rests}\n missed {}",
        seen.len(),
        stack.len(),
        t.elapsed(),
        farshore_world::SOMETIMES.iter().map(|m| m.name).filter(|m| !reached.contains(m)).collect::<Vec<_>>().join(" ")
    );
}
