//! The highest token applied per object only rises, and outlives whoever applied it (J2).

use std::collections::BTreeMap;

use farshore_core::ids::Epoch;
use farshore_core::operation::{Failure, Token};
use farshore_qemu::LabError;
use farshore_qemu::tokens::Tokens;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn tokens_rise_and_are_there_after_a_restart(
        steps in proptest::collection::vec(("[ab]", 0u64..4, any::<bool>()), 1..12),
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tokens");
        let mut tokens = Tokens::open(path.clone()).expect("a new file");
        let mut highest: BTreeMap<String, Token> = BTreeMap::new();
        for (object, epoch, restart) in steps {
            let token = Token { epoch: Epoch(epoch), ..Token::default() };
            let known = highest.get(&object).copied().unwrap_or_default();
            let admitted = if token < known { Err(Failure::Superseded) } else { Ok(()) };
            prop_assert_eq!(tokens.admits(&object, token), admitted);
            tokens.record(&object, token).expect("written");
            highest.insert(object, token.max(known));
            if restart {
                tokens = Tokens::open(path.clone()).expect("our own file");
            }
            for (object, token) in &highest {
                prop_assert_eq!(tokens.of(object), *token);
            }
        }
    }

    #[test]
    fn a_file_that_is_not_ours_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tokens");
        std::fs::write(&path, bytes).expect("written");
        let refused = matches!(Tokens::open(path), Err(LabError::Io { what, .. }) if what.starts_with("reading "));
        prop_assert!(refused);
    }
}
