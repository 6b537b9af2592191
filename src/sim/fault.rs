//! Calls that go wrong on purpose.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cloud::{Call, CloudError, CloudErrorKind},
    sim::{
        failure::{failed, unreachable},
        simulated::SimulatedAws,
    },
};

/// A call that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which call.
    pub on: On,
    /// How it goes wrong.
    pub what: What,
    /// Whether what comes after it goes wrong too.
    pub lasts: Lasts,
}

/// Which call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The so many-th from now, in the order in which they are made; the next one is 1.
    Nth(u64),
    /// The next one of this kind.
    Next(Call),
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The connection is lost, once the client has given up.
    Lost(When),
    /// It is answered with such a failure and has no effect.
    Answered(CloudErrorKind),
}

/// When a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The call has no effect.
    Before,
    /// The call has its effect, and the reply is lost.
    After,
}

/// How long it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// This once.
    Once,
    /// Every call from then on: the network is gone, or each call of that kind is answered the same.
    UntilHealed,
}

/// The faults to come, and the count of calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    requests: u64,
    /// The numbers of those that change something.
    pub(super) changes: BTreeSet<u64>,
    to_come: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        let on = match fault.on {
            On::Nth(number) => On::Nth(self.requests + number),
            next @ On::Next(_) => next,
        };
        self.to_come.push(Fault { on, ..fault });
    }

    /// How many calls were made.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn clear(&mut self) {
        self.to_come.clear();
    }

    /// Counts a call, and finds what goes wrong with it.
    fn request(&mut self, call: Call) -> Option<Fault> {
        self.requests += 1;
        let is_meant = |fault: &Fault| match fault.on {
            On::Nth(number) => number == self.requests,
            On::Next(meant) => meant == call,
        };
        let index = self.to_come.iter().position(is_meant)?;
        let fault = self.to_come[index];
        let stays = fault.lasts == Lasts::UntilHealed && matches!(fault.on, On::Next(_));
        if !stays {
            self.to_come.remove(index);
        }
        Some(fault)
    }
}

impl SimulatedAws {
    /// How many calls were made, further pages left out.
    pub fn requests(&self) -> u64 {
        self.desk.borrow().faults.requests
    }

    /// Which of the calls change something, by their numbers; the first call is 1.
    pub fn changes(&self) -> BTreeSet<u64> {
        self.desk.borrow().faults.changes.clone()
    }

    /// Counts a call in the order of asking, whichever call lands first.
    pub(super) fn request(&self, call: Call) -> Option<Fault> {
        self.count(call, 1);
        self.desk.borrow_mut().faults.request(call)
    }

    /// The same for a call that changes something.
    pub(super) fn request_change(&self, call: Call) -> Option<Fault> {
        let fault = self.request(call);
        let faults = &mut self.desk.borrow_mut().faults;
        faults.changes.insert(faults.requests);
        fault
    }

    /// What becomes of a call with that fault: whether it has its effect all the same, and the failure.
    pub(super) fn strike(&self, call: Call, fault: Option<Fault>) -> Option<(When, CloudError)> {
        let Fault { on: _, what, lasts } = fault?;
        Some(match what {
            What::Answered(kind) => (When::Before, answered(call, kind)),
            What::Lost(when) => {
                if lasts == Lasts::UntilHealed {
                    self.lose_network(Duration::ZERO, Duration::MAX / 2);
                }
                (when, unreachable(call))
            }
        })
    }
}

/// A failure with the code that AWS has for its kind, where the kind has one.
fn answered(call: Call, kind: CloudErrorKind) -> CloudError {
    let code = match kind {
        CloudErrorKind::Throttled => "Throttling",
        CloudErrorKind::Busy => "OperationInProgressException",
        CloudErrorKind::Stale => "StaleRequestException",
        CloudErrorKind::OperationExists => "OperationIdAlreadyExistsException",
        CloudErrorKind::AlreadyExists => "NameAlreadyExistsException",
        CloudErrorKind::Denied => "AccessDenied",
        CloudErrorKind::NoCredentials => "ExpiredToken",
        CloudErrorKind::Unavailable => "ServiceUnavailable",
        CloudErrorKind::WrongClock => "RequestTimeTooSkewed",
        CloudErrorKind::NotFound => "StackSetNotFoundException",
        CloudErrorKind::Refused => "ValidationError",
        CloudErrorKind::Settings
        | CloudErrorKind::NoOrganization
        | CloudErrorKind::Unreachable
        | CloudErrorKind::Other => "InternalFailure",
    };
    failed(call, kind, code, "injected")
}
