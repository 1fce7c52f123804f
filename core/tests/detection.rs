//! Detection: sense data, paths and corroboration (D1 to D3, I19). Each test names the rule that it checks.

use farshore_core::detection::corroboration::{ArrayAnswer, Case, Finding};
use farshore_core::detection::paths::{HostView, PathAnswer};
use farshore_core::detection::sense::{self, Meaning, Sense, SenseError};
use farshore_core::detection::{Detector, Noticed};
use farshore_core::ids::{HostIx, HostKey, LunIx, LunKey};
use farshore_core::input::ProbeId;
use farshore_core::inventory::Site;
use farshore_core::spec::{self, Datastore, Deployment, Group, Lun, Replica, Vm};
use proptest::prelude::*;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) }
}

/// Fixed format, 18 bytes, as most devices send it.
fn fixed(code: u8, key: u8, asc: u8, ascq: u8) -> Vec<u8> {
    vec![code, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0]
}

/// Descriptor format without descriptors.
fn descriptor(code: u8, key: u8, asc: u8, ascq: u8) -> Vec<u8> {
    vec![code, key, asc, ascq, 0, 0, 0, 0]
}

fn sensed(key: u8, asc: u8, ascq: u8, deferred: bool) -> Sense {
    Sense { key, asc, ascq, deferred }
}

// D1: sense data ------------------------------------------------------------------------------------------------------

/// D1: "5h/25h/00h, 4h/3Eh/01h, 4h/3Eh/03h, 4h/4Ch/00h", unit attention (6h) "is no answer", "anything else … is not PDL":
/// every key, code and qualifier, against the rule as written out here.
#[test]
fn d1_the_table_is_exact_over_every_sense_code() {
    let mut losses = Vec::new();
    for key in 0..16 {
        for asc in 0..=255 {
            for ascq in 0..=255 {
                let meaning = sense::classify(sensed(key, asc, ascq, false));
                match meaning {
                    Meaning::DeviceLoss => losses.push((key, asc, ascq)),
                    Meaning::AskAgain => assert_eq!(key, 6),
                    Meaning::Other => assert_ne!(key, 6),
                }
            }
        }
    }
    assert_eq!(losses, [(4, 0x3e, 1), (4, 0x3e, 3), (4, 0x4c, 0), (5, 0x25, 0)]);
}

/// D1: a deferred error (71h, 73h) tells of an earlier command: no answer, whatever it says.
#[test]
fn d1_a_deferred_error_is_no_answer() {
    for (key, asc, ascq) in sense::DEVICE_LOSS {
        for bytes in [fixed(0x71, key, asc, ascq), descriptor(0x73, key, asc, ascq)] {
            let sense = sense::parse(&bytes).expect("well formed");
            assert_eq!(sense, sensed(key, asc, ascq, true));
            assert_eq!(sense::classify(sense), Meaning::AskAgain);
        }
    }
}

/// D1: bytes that do not parse are told apart, and never guessed at.
#[test]
fn d1_bytes_that_hold_no_sense_code_are_errors() {
    let lost = fixed(0x70, 5, 0x25, 0);
    assert_eq!(sense::parse(&[]), Err(SenseError::Truncated { length: 0, needed: 1 }));
    assert_eq!(sense::parse(&lost[..13]), Err(SenseError::Truncated { length: 13, needed: 14 }));
    assert_eq!(sense::parse(&[0x72, 5, 0x25]), Err(SenseError::Truncated { length: 3, needed: 4 }));
    // Byte 7 says where the data end, whatever the buffer holds behind: 5 more bytes end before the qualifier.
    for additional in 0..6 {
        let mut short = lost.clone();
        short[7] = additional;
        assert_eq!(sense::parse(&short), Err(SenseError::NoCode { additional }));
    }
    for code in (0..0x70).chain(0x74..0x80) {
        for first in [code, code | 0x80] {
            assert_eq!(sense::parse(&[first; 18]), Err(SenseError::Format(first)), "vendor-specific and reserved");
        }
    }
}

/// D1: data cut short by the allocation length are valid as far as they go: the codes are enough.
#[test]
fn d1_a_transfer_cut_short_after_the_codes_is_read() {
    let expected = Ok(sensed(5, 0x25, 0, false));
    assert_eq!(sense::parse(&fixed(0x70, 5, 0x25, 0)[..14]), expected);
    assert_eq!(sense::parse(&descriptor(0x72, 5, 0x25, 0)[..4]), expected);
}

proptest! {
    #![proptest_config(config())]

    /// D1: no bytes make the parser panic, and whatever it reads is a 4-bit key.
    #[test]
    fn d1_arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), code in 0x6e_u8..0x76) {
        let _ = sense::parse(&bytes);
        let mut near = bytes;
        if let Some(first) = near.first_mut() {
            *first = code;
        }
        if let Ok(sense) = sense::parse(&near) {
            prop_assert!(sense.key < 16);
            let _ = sense::classify(sense);
        }
    }

    /// D1: both formats round-trip; VALID, the flags beside the key, and what follows the codes change nothing.
    #[test]
    fn d1_both_formats_round_trip(
        (key, asc, ascq) in (0_u8..16, any::<u8>(), any::<u8>()),
        (valid, deferred, flags) in (any::<bool>(), any::<bool>(), 0_u8..16),
        more in 6_u8..,
        tail in prop::collection::vec(any::<u8>(), 0..32),
    ) {
        let top = u8::from(valid) << 7;
        let expected = Ok(sensed(key, asc, ascq, deferred));
        let mut bytes = fixed(0x70 | u8::from(deferred) | top, key | (flags << 4), asc, ascq);
        bytes[7] = more;
        bytes.extend(&tail);
        prop_assert_eq!(sense::parse(&bytes), expected);
        let mut bytes = descriptor(0x72 | u8::from(deferred) | top, key | (flags << 4), asc, ascq);
        bytes.extend(&tail);
        prop_assert_eq!(sense::parse(&bytes), expected);
    }
}

// D2: paths -----------------------------------------------------------------------------------------------------------

const PATHS: u8 = 3;

/// Two hosts on three paths each, one more host that does not mount the LUN.
fn site() -> Site {
    let lun = Lun {
        hosts: Some(vec!["a1".into(), "a2".into()]),
        paths: PATHS,
        ..Lun::of("shop", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1))
    };
    let gold = spec::Pool { hosts: Some(vec!["a1".into(), "a2".into()]), ..spec::Pool::named("default") };
    let alder = spec::Site { pools: vec![gold], ..spec::Site::of("alder", "alder-san", &["a1", "a2", "a3"]) };
    let deployment = Deployment {
        sites: vec![alder, spec::Site::of("birch", "birch-san", &["b1"])],
        luns: vec![lun],
        datastores: vec![Datastore::of("shop", &["shop"])],
        vms: vec![Vm::of("shop-db", &["shop"])],
        groups: vec![Group::of("shop", &["shop"])],
        ..Deployment::default()
    };
    Site::new(&deployment, "alder").expect("a valid deployment")
}

fn gone() -> PathAnswer {
    PathAnswer::Sense(fixed(0x70, 5, 0x25, 0))
}

fn busy() -> PathAnswer {
    PathAnswer::Sense(fixed(0x70, 2, 4, 1))
}

fn attention() -> PathAnswer {
    PathAnswer::Sense(descriptor(0x72, 6, 0x3f, 0x0e))
}

struct Bench {
    site: Site,
    detector: Detector,
}

impl Bench {
    fn new() -> Self {
        Self { site: site(), detector: Detector::default() }
    }
    fn host(&self, name: &str) -> HostIx {
        self.site.inventory.hosts.find(HostKey::of(name)).expect("a host")
    }
    fn lun(&self) -> LunIx {
        self.site.inventory.luns.find(LunKey::of("shop")).expect("a LUN")
    }
    fn says(&mut self, host: &str, path: u8, answer: &PathAnswer) -> Noticed {
        let (host, lun) = (self.host(host), self.lun());
        self.detector.report(&self.site, host, lun, path, answer)
    }
    fn all_say(&mut self, host: &str, answer: &PathAnswer) {
        for path in 0..PATHS {
            self.says(host, path, answer);
        }
    }
    fn view(&self, host: &str) -> HostView {
        self.detector.view(self.lun(), self.host(host))
    }
}

/// D2: "A LUN is in PDL at a host only when every path of that host to it says so", by sense or by rejected login.
#[test]
fn d2_permanent_loss_is_what_every_path_says() {
    let mut b = Bench::new();
    assert_eq!(b.says("a1", 0, &gone()), Noticed::ProbeAgain, "the others have yet to answer");
    assert_eq!(b.says("a1", 1, &PathAnswer::TargetUnavailable), Noticed::ProbeAgain);
    assert_eq!(b.view("a1"), HostView::Unknown);
    assert_eq!(b.says("a1", 2, &gone()), Noticed::Lost);
    assert_eq!((b.view("a1"), b.view("a2")), (HostView::PermanentLoss, HostView::Healthy));
    assert_eq!(b.says("a1", 0, &gone()), Noticed::StillLost, "a level, repeated");
    assert_eq!(b.detector.lost_at(b.lun()).collect::<Vec<_>>(), [b.host("a1")]);
    assert_eq!(b.says("a1", 1, &PathAnswer::Healthy), Noticed::Healthy { was_lost: true });
    assert_eq!(b.says("a1", 1, &PathAnswer::Healthy), Noticed::Healthy { was_lost: false });
}

/// D2: "Mixed answers or silence on all paths are all-paths-down"; "it clears when a path answers".
#[test]
fn d2_mixed_answers_and_silence_are_all_paths_down() {
    for last in [PathAnswer::Silent, busy()] {
        let mut b = Bench::new();
        for path in 0..PATHS - 1 {
            b.says("a1", path, &gone());
        }
        assert_eq!(b.says("a1", PATHS - 1, &last), Noticed::Nothing);
        assert_eq!(b.view("a1"), HostView::AllPathsDown);
        assert_eq!(b.says("a1", 0, &PathAnswer::Healthy), Noticed::Healthy { was_lost: false });
        assert_eq!(b.view("a1"), HostView::Healthy);
    }
}

/// D1: a unit attention is asked again; unreadable sense is reported; neither is evidence, for or against.
#[test]
fn d1_no_answer_and_unreadable_bytes_change_no_view() {
    let garbage = PathAnswer::Sense(vec![0xff, 0]);
    let mut b = Bench::new();
    for lost in [false, true] {
        let before = b.detector.clone();
        assert_eq!(b.says("a1", 2, &attention()), Noticed::ProbeAgain);
        assert_eq!(b.says("a1", 2, &garbage), Noticed::Unreadable(SenseError::Format(0xff)));
        assert_eq!((&b.detector, lost), (&before, b.view("a1") == HostView::PermanentLoss));
        b.all_say("a1", &gone());
    }
}

/// D3: "A report of a LUN by a host that is not configured to mount it is an alert and no evidence." So is a path that
/// the host does not have, and a host of the other site.
#[test]
fn d3_a_stranger_gives_no_evidence() {
    let mut b = Bench::new();
    for (host, path) in [("a3", 0), ("b1", 0), ("a1", PATHS), ("a1", u8::MAX)] {
        for answer in [gone(), PathAnswer::Healthy, PathAnswer::Silent] {
            assert_eq!(b.says(host, path, &answer), Noticed::Stranger);
        }
    }
    assert_eq!(b.detector, Detector::default());
}

/// What a path last said, and D2 over it, by brute force.
fn expected(said: &[Option<PathAnswer>]) -> HostView {
    let is = |answer: &PathAnswer| said.iter().any(|s| s.as_ref() == Some(answer));
    let (lost, down) = (is(&gone()) || is(&PathAnswer::TargetUnavailable), is(&PathAnswer::Silent) || is(&busy()));
    if is(&PathAnswer::Healthy) || !(lost || down) {
        HostView::Healthy
    } else if said.iter().any(Option::is_none) {
        HostView::Unknown
    } else if down {
        HostView::AllPathsDown
    } else {
        HostView::PermanentLoss
    }
}

fn answers() -> impl Strategy<Value = PathAnswer> {
    let loss = PathAnswer::TargetUnavailable;
    prop::sample::select(vec![PathAnswer::Healthy, gone(), loss, PathAnswer::Silent, busy(), attention()])
}

proptest! {
    #![proptest_config(config())]

    /// D2 over any history: the view is that of the last answers, `Lost` is told exactly when it becomes PDL, and a LUN
    /// all of whose paths are well again leaves nothing behind.
    #[test]
    fn d2_the_view_follows_the_last_answers(history in prop::collection::vec((0..PATHS, answers()), 0..40)) {
        let mut b = Bench::new();
        let mut said: Vec<Option<PathAnswer>> = vec![None; usize::from(PATHS)];
        for (path, answer) in history {
            let before = b.view("a1");
            let noticed = b.says("a1", path, &answer);
            if answer != attention() {
                said[usize::from(path)] = Some(answer.clone());
            }
            // Nothing is kept of a LUN that is well: what its paths said is forgotten.
            if said.iter().all(|s| matches!(s, None | Some(PathAnswer::Healthy))) {
                said.fill(None);
            }
            let view = b.view("a1");
            prop_assert_eq!(view, expected(&said));
            let lost = view == HostView::PermanentLoss;
            prop_assert_eq!(noticed == Noticed::Lost, lost && before != view);
            prop_assert_eq!(noticed == Noticed::Healthy { was_lost: true }, before == HostView::PermanentLoss && view == HostView::Healthy);
            prop_assert_eq!(b.detector.lost_at(b.lun()).count(), usize::from(lost));
        }
        b.all_say("a1", &PathAnswer::Healthy);
        prop_assert_eq!(b.detector, Detector::default());
    }
}

// D3: corroboration ---------------------------------------------------------------------------------------------------

const SENT: ProbeId = ProbeId(5);

fn case() -> Case {
    Case::new(HostIx(0), SENT)
}

/// D3: "Only a positive healthy answer, sampled *after* the first PDL message … contradicts PDL": an answer to the probe
/// that the first message caused, or to a later one. One that was pushed, or answers an older probe, may be older.
#[test]
fn d3_only_what_was_sampled_after_the_first_message_contradicts() {
    for (probe, finding) in [
        (None, Finding::Confirmed),
        (Some(ProbeId(4)), Finding::Confirmed),
        (Some(SENT), Finding::Contradicted),
        (Some(ProbeId(6)), Finding::Contradicted),
    ] {
        let mut case = case();
        case.healthy(probe);
        assert_eq!(case.finding(), finding, "{probe:?}");
    }
}

/// D3: the numbers of probes wrap, and "after" goes on meaning after.
#[test]
fn d3_after_survives_the_wrap_of_probe_numbers() {
    let mut old = Case::new(HostIx(0), ProbeId(1));
    old.healthy(Some(ProbeId(u32::MAX)));
    assert_eq!(old.finding(), Finding::Confirmed);
    let mut new = Case::new(HostIx(0), ProbeId(u32::MAX));
    new.healthy(Some(ProbeId(1)));
    assert_eq!(new.finding(), Finding::Contradicted);
}

/// I19: no number of lying hosts outweighs one healthy answer; D3: "silence does not" contradict.
#[test]
fn i19_one_healthy_answer_outweighs_every_report_of_loss() {
    let mut case = case();
    (0..9).for_each(|host| case.lost_at(HostIx(host)));
    assert_eq!((case.finding(), case.is_open()), (Finding::Confirmed, false));
    case.healthy(Some(SENT));
    (0..9).for_each(|host| case.lost_at(HostIx(host)));
    case.array(ArrayAnswer::Lost);
    assert_eq!(case.finding(), Finding::Contradicted);
}

/// D3: "A LUN that one host alone mounts, or where no other answers, counts on that host's evidence plus the array's own
/// answer where its management is reachable." Where two hosts confirm each other, its answer weighs nothing.
#[test]
fn d3_one_host_alone_counts_together_with_the_array() {
    for (array, alone) in [
        (None, Finding::Confirmed),
        (Some(ArrayAnswer::Unreachable), Finding::Confirmed),
        (Some(ArrayAnswer::Lost), Finding::Confirmed),
        (Some(ArrayAnswer::Present), Finding::Contradicted),
    ] {
        let mut case = case();
        array.into_iter().for_each(|answer| case.array(answer));
        assert_eq!((case.finding(), case.is_open()), (alone, true), "{array:?}");
        case.lost_at(HostIx(1));
        assert_eq!((case.finding(), case.is_open()), (Finding::Confirmed, false), "{array:?}");
    }
}

/// D3: a host that flaps takes its own word back, however old the healthy answer is, and nobody else's.
#[test]
fn d3_a_host_that_flaps_withdraws_its_own_word_only() {
    let mut case = case();
    case.withdrawn(HostIx(0));
    assert_eq!((case.finding(), case.is_open()), (Finding::Contradicted, true), "nobody says any more that it is lost");
    case.lost_at(HostIx(0));
    assert_eq!(case.finding(), Finding::Confirmed, "it says so again: the healthy answer was an old one");
    case.lost_at(HostIx(1));
    case.withdrawn(HostIx(0));
    assert_eq!(case.finding(), Finding::Confirmed);
}

proptest! {
    #![proptest_config(config())]

    /// D3: the verdict does not depend on the order in which answers come, nor on how often (I8 in the small).
    #[test]
    fn d3_the_verdict_is_free_of_order_and_repetition(
        steps in prop::collection::vec(0_u8..8, 0..8),
        order in any::<prop::sample::Index>(),
    ) {
        let run = |steps: &[u8]| {
            let mut case = case();
            for step in steps {
                match step {
                    0 => case.healthy(Some(SENT)),
                    1 => case.healthy(Some(ProbeId(4))),
                    2 => case.healthy(None),
                    3 => case.array(ArrayAnswer::Lost),
                    4 => case.array(ArrayAnswer::Present),
                    5 => case.array(ArrayAnswer::Unreachable),
                    host => case.lost_at(HostIx(u32::from(*host) - 6)),
                }
            }
            case
        };
        let mut other = steps.clone();
        other.reverse();
        if !other.is_empty() {
            let at = order.index(other.len());
            other.rotate_left(at);
            other.push(other[at]);
        }
        prop_assert_eq!(run(&steps), run(&other));
    }
}
