//! One apply reaches the desired state from any state, and a second run finishes what any single fault left.

use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll, time::Duration};

use orgpatch::{
    apply::{Event, EventKind, Stop, apply},
    discover,
    plan::Removals,
    policy::{AccessLogs, Additions},
    sim::{Fault, Pages, Paths, SimulatedAws, When},
    state::Organization,
};
use proptest::prelude::*;

use crate::{
    arbitrary::{any_world, config, seat},
    builders::{
        GONE, Look, Stage, TODAY, Wish, approve, desired, edited, organization, policy, run,
        snapshot, wanted_stacks, words,
    },
};

/// Whether the policy covers anybody in the organization as it is now.
fn fits(stage: &Stage, text: &str) -> bool {
    desired(&policy(text), &snapshot(stage.aws.organization()), TODAY).is_ok()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_apply_reaches_the_desired_state_from_any_state((world, first, second) in any_world()) {
        let stage = Stage::over(snapshot(world.organization()));
        if fits(&stage, &first.text()) {
            stage.roll_out(&first.text());
        }
        for (number, place) in world.after.iter().enumerate() {
            seat(&stage, number, place);
        }
        stage.wait(60);

        if fits(&stage, &second.text()) {
            stage.roll_out(&second.text());
        }
        stage.apply_all(&stage.removal(&second.text()));
        stage.assert_gone(&second.text());
    }

    #[test]
    fn auto_deployment_that_still_works_is_waited_for((world, first, second) in any_world()) {
        let stage = Stage::over(snapshot(world.organization()));
        if fits(&stage, &first.text()) {
            stage.roll_out(&first.text());
        }
        for (number, place) in world.after.iter().enumerate() {
            seat(&stage, number, place);
        }

        if fits(&stage, &second.text()) {
            stage.carry_out(&second.text(), Wish::Kept);
            stage.assert_matches(&second.text());
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_plan((world, first, second) in any_world()) {
        let looks = [(1, Paths::Answered, Pages::Full), (2, Paths::Missing, Pages::SomeEmpty)].map(
            |(seed, paths, pages)| {
                let aws = SimulatedAws::new(snapshot(world.organization()));
                let aws = aws.with_seed(seed).with_paths(paths).with_pages(pages);
                let stage = Stage { aws, today: TODAY, runs: 0.into() };
                if fits(&stage, &first.text()) {
                    stage.roll_out(&first.text());
                }
                fits(&stage, &second.text()).then(|| stage.look(&second.text(), Wish::Kept))
            },
        );

        let [one, other] = looks;
        if let (Some(one), Some(other)) = (&one, &other) {
            prop_assert_eq!(&one.plan.digest, &other.plan.digest);
            prop_assert_eq!(words(&one.plan), words(&other.plan));
        }
        prop_assert_eq!(
            one.map(|look| (look.desired, look.plan)),
            other.map(|look| (look.desired, look.plan))
        );
    }

    #[test]
    fn both_ways_of_reading_give_the_same_organization((world, _, _) in any_world()) {
        let read = |paths| -> Organization {
            let aws = SimulatedAws::new(snapshot(world.organization())).with_paths(paths);
            run(async {
                let standing = discover::standing(&aws).await.unwrap();
                discover::organization(&aws, &standing.facts).await.unwrap()
            })
        };
        prop_assume!(world.organization().accounts().count() > 1);

        prop_assert_eq!(read(Paths::Answered), world.organization());
        prop_assert_eq!(read(Paths::Missing), world.organization());
    }
}

/// An OU that is clean, one that is not, the root's neighbours, and an account that is suspended.
const TREE: &str = "
    /Workloads            tools
    /Workloads/Prod       web-1 web-2(suspended)
    /Workloads/Suspended  old-1
    /Security             audit
";

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads, /Security]
  regions: [ap-northeast-1, eu-west-1]
schedule:
  scan: daily 01:00
  install: sun 02:00
management_account: include
";

/// A small story: what is there, and what is wished for then.
struct Story {
    name: &'static str,
    before: Option<String>,
    wish: Wish,
    policy: String,
}

fn stories() -> Vec<Story> {
    let moved = edited(
        &edited(POLICY, "[/Workloads, /Security]", "[/Workloads/Prod, /Workloads]"),
        "schedule:",
        "  exclude: { ous: [] }\nschedule:",
    );
    let changed = edited(&edited(POLICY, "01:00", "04:00"), "include", "exclude");
    let rules = format!("{POLICY}baselines: {{ ubuntu: pb-0a1b2c3d4e5f60718 }}\n");
    let key = "arn:aws:kms:ap-northeast-1:111111111111:key/0a1b2c3d";
    let encrypted = format!("{POLICY}overrides: {{ encryption: {key} }}\n");
    let kept = |name, before: Option<&str>, policy: &str| Story {
        name,
        before: before.map(str::to_owned),
        wish: Wish::Kept,
        policy: policy.to_owned(),
    };
    let gone = |name, wish| Story {
        name,
        before: Some(POLICY.to_owned()),
        wish,
        policy: POLICY.to_owned(),
    };
    vec![
        kept("first rollout", None, POLICY),
        kept("update", Some(POLICY), &changed),
        kept("other rules", Some(POLICY), &rules),
        kept("another key", Some(POLICY), &encrypted),
        kept("other targets", Some(POLICY), &moved),
        kept("fewer Regions", Some(POLICY), &edited(POLICY, ", eu-west-1]", "]")),
        gone("destroy", GONE),
        gone("destroy, and keep roles", Wish::Removed(Additions::Left, AccessLogs::Deleted)),
        gone("destroy, and keep logs", Wish::Removed(Additions::TakenBack, AccessLogs::Kept)),
    ]
}

impl Story {
    /// The stage with what is there before.
    fn begin(&self, aws: impl FnOnce(SimulatedAws) -> SimulatedAws) -> Stage {
        let stage = Stage {
            aws: aws(SimulatedAws::new(snapshot(organization(TREE)))),
            today: TODAY,
            runs: 0.into(),
        };
        if let Some(before) = &self.before {
            stage.apply_all(&stage.plan(before));
            // Listings may be late.
            stage.wait(60);
            stage.assert_matches(before);
        }
        stage
    }

    fn go_on(&self, stage: &Stage) {
        stage.apply(&stage.look(&self.policy, self.wish).plan);
    }

    /// Plans and applies once more, and sees that it has come to its end.
    fn finish(&self, stage: &Stage, after: &str) {
        let name = self.name;
        let plan = stage.look(&self.policy, self.wish).plan;
        assert_eq!(plan.blocked, [], "{name}, {after}");
        let told = stage.carry_out(&self.policy, self.wish);
        let Look { desired, plan: left, .. } = stage.look(&self.policy, self.wish);
        assert!(
            left.is_empty(),
            "{name}, {after}, the second run:\n{told}\nleaves:\n{}",
            words(&left)
        );
        assert_eq!(stage.stacks(), wanted_stacks(&desired), "{name}, {after}");
    }
}

#[test]
fn a_second_run_finishes_what_any_single_fault_left() {
    for story in stories() {
        let whole = story.begin(|aws| aws);
        let first = whole.aws.writes() + 1;
        story.go_on(&whole);
        let last = whole.aws.writes();
        assert!(last > first, "{} changes too little to be a test", story.name);

        for at in first..=last {
            for when in [When::Before, When::After] {
                let fault = Fault { at, when };
                let stage = story.begin(|aws| aws.with_fault(fault));
                story.go_on(&stage);
                stage.aws.heal();
                story.finish(&stage, &format!("after {fault:?} of {first}..={last}"));
            }
        }
    }
}

/// How a run is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By a wish to stop.
    Stopped,
    /// By killing the process.
    Killed,
}

/// Runs a story until its events have reached this number; gives the number of events there were.
fn broken_off(story: &Story, stage: &Stage, at: usize, end: End) -> usize {
    let plan = stage.look(&story.policy, story.wish).plan;
    let approved = approve(&plan, Removals::ByName(plan.policy.clone())).unwrap();
    let (switch, stop) = Stop::new();
    let events = Cell::new(0);
    let run_id = stage.next_run();
    run(async {
        let count = |event: Event<'_>| {
            // The others say how far it has come, or come right before one of these.
            if matches!(event.kind, EventKind::Started | EventKind::Operation(_)) {
                events.set(events.get() + 1);
            }
            if events.get() == at && end == End::Stopped {
                switch.wish();
            }
        };
        let mut applying = pin!(apply(&approved, &stage.aws, &stop, &run_id, count));
        poll_fn(|context| {
            let polled = applying.as_mut().poll(context);
            if end == End::Killed && events.get() >= at {
                Poll::Ready(())
            } else {
                polled.map(|_| ())
            }
        })
        .await;
    });
    events.get()
}

#[test]
fn a_second_run_finishes_what_a_stop_or_a_kill_left() {
    for story in stories() {
        for end in [End::Stopped, End::Killed] {
            for at in 1.. {
                let stage = story.begin(|aws| aws);
                if broken_off(&story, &stage, at, end) < at {
                    break;
                }
                story.finish(&stage, &format!("{end:?} at event {at}"));
            }
        }
    }
}

#[test]
fn what_listings_show_late_is_done_by_a_later_run() {
    for story in stories() {
        let lag = Duration::from_secs(20);
        let stage = story.begin(|aws| aws.with_listing_lag(lag));
        story.go_on(&stage);
        stage.wait(1);
        story.finish(&stage, "with listings that lag");
    }
}
