//! One apply reaches the desired state from any state, and a second run finishes what any single fault left.

use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll, time::Duration};

use orgpatch::{
    apply::{Event, Outcome, Stop, apply},
    cloud::CloudErrorKind,
    discover,
    plan::{Approved, Plan, Removals},
    policy::{AccessLogs, Additions},
    sim::{Fault, Lasts, On, Pages, Paths, SimulatedAws, What, When},
    state::Organization,
};
use proptest::{prelude::*, sample::select};

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
    fn a_second_run_finishes_what_any_fault_left((world, first, second) in any_world(), fault in any_fault()) {
        let stage = Stage::over(snapshot(world.organization()));
        stage.put_strangers();
        let strangers = stage.strangers();
        if fits(&stage, &first.text()) {
            stage.roll_out(&first.text());
        }
        for (number, place) in world.after.iter().enumerate() {
            seat(&stage, number, place);
        }
        stage.wait(60);

        if fits(&stage, &second.text()) {
            let plan = stage.plan(&second.text());
            stage.aws.inject(fault);
            stage.apply(&plan);
            stage.aws.heal();
            stage.wait(60);
            stage.carry_out(&second.text(), Wish::Kept);
            stage.assert_matches(&second.text());
        }
        let removal = stage.removal(&second.text());
        stage.aws.inject(fault);
        stage.apply(&removal);
        stage.aws.heal();
        stage.wait(60);
        stage.carry_out(&second.text(), GONE);
        stage.assert_gone(&second.text());
        prop_assert_eq!(stage.strangers(), strangers);
    }

    #[test]
    fn the_same_inputs_give_the_same_plan((world, first, second) in any_world()) {
        // What was made has names that tell when, so it is made once and looked at in two ways.
        let made = Stage::over(snapshot(world.organization()));
        if fits(&made, &first.text()) {
            made.roll_out(&first.text());
        }
        let looks = [(1, Paths::Answered, Pages::Full), (2, Paths::Missing, Pages::SomeEmpty)].map(
            |(seed, paths, pages)| {
                let Stage { aws, today, runs } = made.again();
                let aws = aws.with_seed(seed).with_paths(paths).with_pages(pages);
                let stage = Stage { aws, today, runs };
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

/// A lost connection at any of the first calls, for once or for good.
fn any_fault() -> impl Strategy<Value = Fault> {
    let what = select(
        &[
            What::Lost(When::Before),
            What::Lost(When::After),
            What::Answered(CloudErrorKind::Throttled),
            What::Answered(CloudErrorKind::Busy),
            What::Answered(CloudErrorKind::Stale),
            What::Answered(CloudErrorKind::Denied),
            What::Answered(CloudErrorKind::Other),
        ][..],
    );
    let lasts = select(&[Lasts::Once, Lasts::UntilHealed][..]);
    (1..60_u64, what, lasts).prop_map(|(number, what, lasts)| Fault {
        on: On::Nth(number),
        what,
        lasts,
    })
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
        stage.put_strangers();
        if let Some(before) = &self.before {
            stage.apply_all(&stage.plan(before));
            // Listings may be late.
            stage.wait(60);
            stage.assert_matches(before);
        }
        stage
    }

    /// What a run would do.
    fn plan(&self, stage: &Stage) -> Plan {
        stage.look(&self.policy, self.wish).plan
    }

    fn go_on(&self, stage: &Stage) {
        stage.apply(&self.plan(stage));
    }

    /// Plans and applies once more, and sees that it has come to its end.
    fn finish(&self, stage: &Stage, after: &str) {
        let name = self.name;
        let strangers = stage.strangers();
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
        assert_eq!(stage.strangers(), strangers, "{name}, {after}");
    }
}

/// Runs a story with a fault at each of its calls in turn, looks included, and hands over what each run
/// came to, with the words for it.
fn with_a_fault_at_every_call(lasts: Lasts, check: impl Fn(&Story, &Stage, &str, &Outcome)) {
    for story in stories() {
        let begun = story.begin(|aws| aws);
        let plan = story.plan(&begun);
        let whole = begun.again();
        let before = whole.aws.requests();
        whole.apply(&plan);
        let calls = whole.aws.requests() - before;
        let changes = whole.aws.changes().split_off(&before);
        assert!(changes.len() > 1, "{} changes too little", story.name);

        for number in 1..=calls {
            // A look has no effect, so that its reply is all that can be lost.
            let is_change = changes.contains(&(before + number));
            let whens = if is_change { &[When::Before, When::After][..] } else { &[When::Before] };
            for when in whens.iter().copied() {
                let stage = begun.again();
                let fault = Fault { on: On::Nth(number), what: What::Lost(when), lasts };
                stage.aws.inject(fault);
                let outcome = stage.apply(&plan);
                stage.aws.heal();
                let after = format!("lost {when:?} call {number} of {calls}, {lasts:?}");
                check(&story, &stage, &after, &outcome);
            }
        }
    }
}

#[test]
fn a_call_without_an_answer_is_made_again() {
    with_a_fault_at_every_call(Lasts::Once, |story, stage, after, outcome| {
        assert!(outcome.is_complete(), "{}, {after}: {:#?}", story.name, outcome.steps);
        story.finish(stage, after);
    });
}

#[test]
fn a_second_run_finishes_what_a_lost_network_left() {
    with_a_fault_at_every_call(Lasts::UntilHealed, |story, stage, after, outcome| {
        assert!(!outcome.is_complete(), "{}, {after}: nothing was lost", story.name);
        story.finish(stage, after);
    });
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
fn broken_off(approved: &Approved, stage: &Stage, at: usize, end: End) -> usize {
    let (switch, stop) = Stop::new();
    let events = Cell::new(0);
    let run_id = stage.next_run();
    run(async {
        let count = |_: Event<'_>| {
            events.set(events.get() + 1);
            if events.get() == at && end == End::Stopped {
                switch.wish();
            }
        };
        let mut applying = pin!(apply(approved, &stage.aws, &stop, &run_id, count));
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
        let begun = story.begin(|aws| aws);
        let plan = story.plan(&begun);
        let approved = approve(&plan, Removals::ByName(plan.policy.clone())).unwrap();
        for end in [End::Stopped, End::Killed] {
            for at in 1.. {
                let stage = begun.again();
                if broken_off(&approved, &stage, at, end) < at {
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
