use farshore_world::{Clock, Setup, World, scopes, Budgets, Budget};
use std::hash::{Hash, Hasher, DefaultHasher};
use std::collections::*;
fn h<T:Hash>(w:&T)->u64{let mut s=DefaultHasher::new();w.hash(&mut s);s.finish()}
#[test] #[ignore]
fn stats(){
    let mut scope=scopes::named("pdl_crash").unwrap(); scope.orders.clear();
    scope.budgets=Budgets::of(&[(Budget::Crash,1)]);
    let setup=Setup::new(scope,Clock::Model).unwrap();
    let w=World::protected(&setup).unwrap();
    let mut seen=HashSet::new(); let mut stack=vec![w.clone()]; seen.insert(h(&w));
    let mut parts: Vec<HashSet<u64>>=vec![HashSet::new();12];
    let mut by: BTreeMap<String,u64>=BTreeMap::new();
    let mut mails: BTreeMap<String,u64>=BTreeMap::new();
    while let Some(w)=stack.pop(){
        let p=[h(&w.nodes[0].manager),h(&w.nodes[1].manager),h(&w.nodes[0].records),h(&w.nodes[1].records),h(&w.mail[0]),h(&w.mail[1]),h(&w.desks[0]),h(&w.desks[1]),h(&w.ghost),h(&w.vms),h(&w.luns),h(&(&w.nodes[0].saving,&w.nodes[1].saving))];
        for (i,x) in p.iter().enumerate(){parts[i].insert(*x);}
        *by.entry(format!("boot {} {} mail {} {} ops {} {} req {} {}",w.nodes[0].boot,w.nodes[1].boot,w.mail[0].len(),w.mail[1].len(),w.desks[0].ops.len(),w.desks[1].ops.len(),w.desks[0].requests.len(),w.desks[1].requests.len())).or_default()+=1;
        for s in 0..2 {for m in &w.mail[s]{*mails.entry(format!("to {s} {:?} {:?}",m.item.epoch,m.item.body).chars().take(60).collect()).or_default()+=1;}}
        for a in w.enabled(&setup){let mut n=w.clone();n.apply(&setup,a); if seen.insert(h(&n)){stack.push(n);}}
        if seen.len()>2_500_000{break;}
    }
    println!("total {} parts {:?}",seen.len(),parts.iter().map(|p|p.len()).collect::<Vec<_>>());
    let mut by:Vec<_>=by.into_iter().collect(); by.sort_by_key(|x|std::cmp::Reverse(x.1));
    for (k,n) in by.iter().take(25){println!("{n} {k}");}
    let mut by:Vec<_>=mails.into_iter().collect(); by.sort_by_key(|x|std::cmp::Reverse(x.1));
    for (k,n) in by.iter().take(25){println!("{n} {k}");}
}
