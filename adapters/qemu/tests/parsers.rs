//! What comes from outside is read as what it is, or refused with a reason; nothing of it makes us panic.

use farshore_qemu::probe::{self, Answer, HEADER, NotCompleted};
use farshore_qemu::qmp::{self, NotQmp, Said};
use farshore_qemu::{guest, verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

fn header(bytes: &[(usize, u8)]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    bytes.iter().for_each(|&(at, byte)| header[at] = byte);
    header
}

#[test]
fn a_monitor_is_understood() {
    let greeting = r#"{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}}"#;
    assert_eq!(qmp::parse(greeting).expect("QMP"), Said::Greeting);
    assert_eq!(qmp::parse(r#"{"return": []}"#).expect("QMP"), Said::Return(json!([])));
    let refused = r#"{"error": {"class": "GenericError", "desc": "Failed to find node"}}"#;
    assert_eq!(qmp::parse(refused).expect("QMP"), Said::Error("Failed to find node".into()));
    let unknown = r#"{"timestamp": {"seconds": 1}, "event": "NEW_IN_QEMU_99", "data": {"x": 1}}"#;
    assert_eq!(qmp::parse(unknown).expect("QMP"), Said::Event("NEW_IN_QEMU_99".into(), json!({ "x": 1 })));
    assert!(matches!(qmp::parse("{"), Err(NotQmp::Json(_))));
    assert!(matches!(qmp::parse("[]"), Err(NotQmp::NoObject)));
    assert!(matches!(qmp::parse(r#"{"event": 7}"#), Err(NotQmp::Other)));
}

#[test]
fn a_target_is_understood() {
    let login = header(&[(0, 0x23), (36, 2), (37, 3)]);
    assert_eq!(probe::parse(&login, &[]), Ok(Answer::Login(2, 3)));
    assert_eq!(probe::parse(&header(&[(0, 0x21)]), &[]), Ok(Answer::Status(0, vec![])));
    let mut sense = vec![0, 18, 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0, 0, 0, 0, 0];
    let check = header(&[(0, 0x21), (3, 2)]);
    assert_eq!(probe::parse(&check, &sense), Ok(Answer::Status(2, sense[2..].to_vec())));
    // It announces more than it sends.
    sense[0] = 0xff;
    assert_eq!(probe::parse(&check, &sense), Ok(Answer::Status(2, sense[2..].to_vec())));
    assert_eq!(probe::parse(&header(&[(0, 0x21), (2, 1)]), &[]), Err(NotCompleted(1)));
    assert_eq!(probe::parse(&header(&[(0, 0x20)]), &[]), Ok(Answer::Other(0x20)));
}

#[test]
fn lengths_are_padded_and_bounded() {
    assert_eq!(probe::data_length(&header(&[(7, 5)])), Some(8));
    assert_eq!(probe::data_length(&header(&[(4, 2), (7, 5)])), Some(16));
    assert_eq!(probe::data_length(&header(&[(5, 1)])), Some(64 << 10));
    assert_eq!(probe::data_length(&header(&[(5, 1), (7, 1)])), None);
    assert_eq!(probe::data_length(&[0xff; HEADER]), None);
}

/// JSON that is mostly QMP, and sometimes nearly.
fn nearly_qmp() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!({ "desc": 1 })),
        Just(json!({ "desc": "why", "class": [] })),
    ];
    let key = prop_oneof![
        Just("return".to_string()),
        Just("error".into()),
        Just("event".into()),
        Just("data".into()),
        Just("QMP".into()),
        ".{0,8}",
    ];
    proptest::collection::btree_map(key, value, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn no_line_of_a_monitor_makes_us_panic(line in ".*") {
        if let Err(why) = qmp::parse(&line) {
            prop_assert!(!why.to_string().is_empty());
        }
    }

    #[test]
    fn an_object_is_what_its_first_key_says(object in nearly_qmp()) {
        let said = qmp::parse(&object.to_string());
        let expected = if object.get("return").is_some() {
            matches!(said, Ok(Said::Return(_)))
        } else if object.get("error").is_some() {
            matches!(said, Ok(Said::Error(_)))
        } else if object.get("event").is_some_and(Value::is_string) {
            matches!(said, Ok(Said::Event(..)))
        } else if object.get("QMP").is_some() {
            matches!(said, Ok(Said::Greeting))
        } else {
            matches!(said, Err(NotQmp::Other))
        };
        prop_assert!(expected, "{object}: {said:?}");
    }

    #[test]
    fn no_unit_of_a_target_makes_us_panic(
        start in prop_oneof![Just(0x21u8), Just(0x23), any::<u8>()],
        rest in proptest::collection::vec(any::<u8>(), HEADER - 1),
        data in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut header = [start; HEADER];
        header[1..].copy_from_slice(&rest);
        if let Ok(Answer::Status(_, sense)) = probe::parse(&header, &data) {
            prop_assert!(sense.len() + 2 <= data.len().max(2));
        }
        prop_assert!(probe::data_length(&header).is_none_or(|length| length <= 64 << 10));
    }

    #[test]
    fn no_sector_and_no_line_of_a_guest_makes_us_panic(
        sector in proptest::collection::vec(any::<u8>(), 0..600),
        text in "([0-9]{0,22} (ACK|RESUME|ERR)? ?[0-9A-Fa-f]{0,9}\n|.{0,12}\n){0,6}",
    ) {
        // Bytes that nobody wrote are no record: 32 bits of magic and 32 of checksum.
        prop_assert_eq!(guest::parse(&sector), None);
        let said = verdict::said(&text);
        let judged = verdict::judge("db", &said, &said, &guest::Disk::default());
        prop_assert!(judged.lost <= judged.acked);
        let _ = verdict::both_writable(&text, &text);
    }
}

#[test]
fn own_ports_are_handed_out_once_and_are_none_that_the_kernel_picks() {
    let ports: Vec<_> = (0..3).map(|_| farshore_qemu::array::own_port().unwrap()).collect();
    assert!(ports.windows(2).all(|two| two[0] != two[1] && two[0].ip() == two[1].ip()), "{ports:?}");
    assert_ne!(ports[0].ip().to_string(), "127.0.0.1");
}
