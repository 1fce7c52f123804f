//! The world by bytes: each byte chooses among what can happen; every property is checked after every step, and what is
//! left must come to rest once it is healed.
#![no_main]
use std::sync::OnceLock;

use farshore_world::{Clock, Setup, World, scopes};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static BEGIN: OnceLock<(Setup, World)> = OnceLock::new();
    let (setup, start) = BEGIN.get_or_init(|| {
        let setup = Setup::new(scopes::unhappy(), Clock::Model).expect("a valid deployment");
        let start = World::protected(&setup).expect("the groups get protected");
        (setup, start)
    });
    let mut world = start.clone();
    for &byte in bytes.iter().take(300) {
        let enabled = world.enabled(setup);
        let Some(&action) = enabled.get(usize::from(byte) % enabled.len().max(1)) else { break };
        world.apply(setup, action);
        if let Err(violation) = world.check(setup) {
            panic!("{violation}");
        }
    }
    if let Err(violation) = world.converges(setup, 5000) {
        panic!("{violation}");
    }
});
