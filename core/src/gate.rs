//! The gate: what the recovery type lets through, and what it holds (M3).

use crate::message::Scope;
use crate::policy::{RecoveryType, Remainder};
use crate::record::Hold;

/// What the gate says of a marked group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What holds it; `None`: it may go.
    pub hold: Option<Hold>,
    /// Which of its VMs start at once.
    pub scope: Scope,
}

/// How many of a group's VMs are critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Critical {
    /// None.
    None,
    /// Some, not all.
    Some,
    /// All.
    All,
}

/// What a recovery type says of a group.
#[must_use]
pub const fn gate(recovery: RecoveryType, critical: Critical) -> Passage {
    match (recovery, critical) {
        (RecoveryType::Everything, Critical::None | Critical::Some | Critical::All)
        | (RecoveryType::CriticalFirst { .. }, Critical::All) => Passage { hold: None, scope: Scope::All },
        (RecoveryType::CriticalFirst { remainder }, Critical::Some) => {
            Passage { hold: None, scope: Scope::Critical(remainder) }
        }
        (RecoveryType::CriticalFirst { remainder: Remainder::Subsequently }, Critical::None) => {
            Passage { hold: Some(Hold::AfterCritical), scope: Scope::All }
        }
        (RecoveryType::CriticalFirst { remainder: Remainder::OnRequest | Remainder::Never }, Critical::None) => {
            Passage { hold: Some(Hold::OnRequest), scope: Scope::All }
        }
        (RecoveryType::AtLeast { .. }, Critical::None | Critical::Some | Critical::All) => {
            Passage { hold: Some(Hold::Count), scope: Scope::All }
        }
    }
}
