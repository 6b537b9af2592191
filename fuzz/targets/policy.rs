//! Any text is either a policy or is told what is wrong with it.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use orgpatch::{
    ids::CallAs,
    policy::{self, Surroundings},
    sim::example_snapshot,
};

fuzz_target!(|text: &str| {
    match policy::parse("fuzzed.yaml", text) {
        Err(problems) => {
            assert!(!problems.to_string().is_empty());
        }
        Ok(policy) => {
            // A good policy can be laid over an organization, or says why not.
            let snapshot = example_snapshot();
            let surroundings = Surroundings {
                rings: &BTreeSet::new(),
                organization: &snapshot.organization,
                account: &snapshot.account,
                call_as: CallAs::ManagementAccount,
                regions: &snapshot.regions,
            };
            let today = jiff_date();
            if let Err(problems) = policy::resolve(&policy, surroundings, today) {
                assert!(!problems.to_string().is_empty());
            }
        }
    }
});

/// The day of the plan.
fn jiff_date() -> jiff::civil::Date {
    jiff::civil::date(2026, 11, 22)
}
