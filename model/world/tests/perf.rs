use farshore_world::{Clock, Setup, World, scopes};
use std::hash::{Hash, Hasher, DefaultHasher};
fn h(w:&World)->u64{let mut s=DefaultHasher::new();w.hash(&mut s);s.finish()}
#[test] #[ignore]
fn perf(){
    let name=std::env::var("SCOPE").unwrap_or("pdl_crash".into());
    let max: usize=std::env::var("MAX").ok().and_then(|m|m.parse().ok()).unwrap_or(300_000);
    let setup=Setup::new(scopes::named(&name).unwrap(),Clock::Model).unwrap();
    let w=World::protected(&setup).unwrap();
    let mut seen=std::collections::HashSet::new(); let mut stack=vec![(w.clone(),0u32)]; seen.insert(h(&w));
    let t=std::time::Instant::now(); let mut gen_=0u64; let mut bad=std::collections::BTreeMap::<String,u32>::new(); let mut deep=0;
    while let Some((w,d))=stack.pop(){ deep=deep.max(d);
        if let Err(e)=w.check(&setup){*bad.entry(e.to_string()).or_default()+=1;continue;}
        for a in w.enabled(&setup){let mut n=w.clone();n.apply(&setup,a);gen_+=1; if seen.insert(h(&n)){stack.push((n,d+1));}}
        if seen.len()>max{break;}
    }
    println!("{name}: {} unique {gen_} generated, open {}, depth {deep}, {:?}, {bad:?}",seen.len(),stack.len(),t.elapsed());
}
