//! Which effects a durable record allows (J1, I10): written anew from the protocol, not taken from the core.

use farshore_core::message::{Body, Message, Stage, Standing};
use farshore_core::operation::{Goal, Op, Target};
use farshore_core::record::{GivePhase, GroupRecord, ProtectPhase, Protection, TakePhase, TestPhase, Work};

/// Whether a record that is durable says that this command is wanted.
#[must_use]
pub fn allows(record: &GroupRecord, op: &Op) -> bool {
    let (token, epoch) = (op.id.token, record.authority.epoch());
    let own = (token.epoch, token.turn) == (epoch, record.authority.turn());
    let returning = match op.id.target {
        Target::Lun(lun) => op.goal == Goal::ReadOnly && record.returning.get(&lun) == Some(&token),
        Target::Host(_)
        | Target::Vm(_)
        | Target::Step(_)
        | Target::TestLun(_)
        | Target::TestVm(_)
        | Target::TestStep(_) => false,
    };
    if op.id.target.is_of_test() {
        return tests(record, op);
    }
    // What an earlier phase of a turn wanted stays wanted.
    let quiesces = matches!(
        op.goal,
        Goal::Stopped { .. } | Goal::Fenced | Goal::Drained | Goal::ReplicationStopped | Goal::ReadOnly
    );
    let promotes = matches!(op.goal, Goal::Cut | Goal::RolledBack { .. } | Goal::ReadWrite | Goal::Mounted);
    returning
        || match &record.work {
            Work::Idle => false,
            Work::Protect(ProtectPhase::Shielding) => false,
            Work::Protect(ProtectPhase::Replicating) => own && op.goal == Goal::Replicating,
            Work::Shield { turn } => {
                let shields = matches!(op.goal, Goal::ReadOnly | Goal::Placeholder | Goal::TailKept);
                (token.epoch, token.turn) == (epoch, *turn) && shields
            }
            Work::Unprotect => own && op.goal == Goal::ReplicationStopped,
            Work::Unshield { turn } => (token.epoch, token.turn) == (epoch, *turn) && op.goal == Goal::Unregistered,
            Work::Give(give) => match give.phase {
                GivePhase::Quiescing | GivePhase::Confirming => own && quiesces,
                GivePhase::Released => {
                    let fences = matches!(op.goal, Goal::Fenced | Goal::ReadOnly);
                    (own && quiesces) || (token.epoch == epoch.next() && fences)
                }
                // What the epoch that was released wanted of its VMs and hosts, it wants for good.
                GivePhase::Following => {
                    let follows = matches!(op.goal, Goal::Fenced | Goal::ReadOnly | Goal::Placeholder);
                    (token.epoch == epoch && follows) || (token.epoch.next() == epoch && quiesces)
                }
                GivePhase::Held(_) | GivePhase::Queued | GivePhase::BackingOff | GivePhase::Preparing => false,
            },
            Work::StandDown => {
                let down = matches!(op.goal, Goal::Fenced | Goal::ReadOnly | Goal::Placeholder);
                (token.epoch, token.turn) == (epoch, farshore_core::ids::Turn(0)) && down
            }
            Work::Take(take) => {
                own && match take.phase {
                    TakePhase::Reserved | TakePhase::Acquiring { .. } | TakePhase::Waiting => false,
                    TakePhase::Cutting => op.goal == Goal::Cut,
                    TakePhase::Promoting => promotes,
                    TakePhase::Starting => promotes || matches!(op.goal, Goal::Running { .. } | Goal::Ran),
                    TakePhase::Stopping => matches!(op.goal, Goal::Stopped { .. }),
                    TakePhase::PuttingBack => {
                        matches!(op.goal, Goal::ReadWrite | Goal::Mounted | Goal::Running { .. })
                    }
                }
            }
        }
}

/// Whether a record that is durable says that a test wants this (F8).
fn tests(record: &GroupRecord, op: &Op) -> bool {
    let Some(test) = &record.test else { return false };
    let own = (op.id.token.epoch, op.id.token.turn) == (test.epoch, test.number);
    own && match test.phase {
        TestPhase::Copying => matches!(op.goal, Goal::Copied | Goal::CopiedAt { .. }),
        TestPhase::Starting => matches!(op.goal, Goal::Running { .. } | Goal::Ran),
        TestPhase::Running => false,
        TestPhase::Clearing => op.goal == Goal::Gone,
    }
}

/// Whether a record that is durable says what this message does.
#[must_use]
pub fn says(record: &GroupRecord, message: &Message) -> bool {
    let authority = &record.authority;
    let (epoch, turn) = (authority.epoch(), authority.turn());
    let same = message.epoch == epoch;
    let giving = |turn_: farshore_core::ids::Turn, phase| match &record.work {
        Work::Give(give) => same && turn_ == turn && give.phase == phase,
        _ => false,
    };
    match &message.body {
        Body::Ask | Body::Refused { .. } => true,
        Body::Tell { standing } => same && *standing == authority.standing(),
        Body::Shield { turn: asked, .. } => same && *asked == turn,
        Body::Shielded { .. } => same && record.protection == Protection::Protected,
        Body::Unshield { turn: asked } => same && *asked == turn && record.work == Work::Unprotect,
        Body::Unshielded { .. } => same && record.protection == Protection::Unprotected,
        Body::Prepare { turn: asked, stage: Stage::Prepare, .. } => giving(*asked, GivePhase::Preparing),
        Body::Prepare { turn: asked, stage: Stage::Confirm, .. } => giving(*asked, GivePhase::Confirming),
        Body::Ready { turn: asked, .. } => match &record.work {
            Work::Take(take) => same && take.turn == *asked && take.phase == TakePhase::Reserved,
            _ => false,
        },
        Body::Abort { turn: aborted } => same && *aborted < turn,
        Body::Handover { turn: asked, .. } => {
            authority.standing() == Standing::Released && giving(*asked, GivePhase::Released)
        }
        Body::Taken { .. } => same && authority.is_active(),
    }
}
