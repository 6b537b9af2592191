//! Two runs do not change the same things: the lock, and the record of who did what.

use std::{cell::RefCell, pin::pin, slice::from_ref, time::Duration};

use futures_util::future::{Either, select};
use jiff::{SignedDuration, Timestamp};
use orgpatch::{
    apply::{
        Access, LEASE, LOCK_KEY, Lock, LockNews, LockRefusal, LockSeen, LockState, Respect, RunId,
        RunRecord, Stop, access, access_after_watching, look_at_lock, read_runs,
    },
    cloud::{CloudErrorKind, CloudWrite as _},
    ids::{BucketName, Digest},
    report::{history_text, lock_news},
    sim::{Assumptions, Fault, Lasts, On, SimulatedAws, What, When},
};

use crate::builders::{Stage, assert_reads, parsed, plain, run};

const TREE: &str = "/Workloads  web-1";

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets: { ous: [/Workloads], regions: [ap-northeast-1] }
schedule: { scan: daily 01:00 }
";

/// A stage with the ring's bucket.
fn stage() -> (Stage, BucketName) {
    let stage = Stage::with(TREE, POLICY);
    let bucket =
        stage.look(POLICY, crate::builders::Wish::Kept).desired.rings[0].names.bucket.clone();
    (stage, bucket)
}

fn start() -> Timestamp {
    parsed("2026-11-24T09:00:00Z")
}

/// The time of a clock that began with the simulation.
fn clock(aws: &SimulatedAws) -> Timestamp {
    start() + aws.now()
}

fn somebody(name: &str) -> RunId {
    RunId {
        run: format!("run of {name}"),
        policy: parsed("weekly"),
        command: "apply".to_owned(),
        caller: format!("arn:aws:sts::111111111111:assumed-role/patch/{name}"),
        host: Some("laptop".to_owned()),
        began: start(),
    }
}

async fn seen(aws: &SimulatedAws, bucket: &BucketName) -> LockSeen {
    look_at_lock(aws, bucket).await.unwrap()
}

/// Takes the lock as it is now.
async fn taken<'a>(
    aws: &'a SimulatedAws,
    bucket: &BucketName,
    name: &str,
) -> Lock<'a, SimulatedAws> {
    let seen = seen(aws, bucket).await;
    let lock =
        Lock::take(aws, bucket.clone(), &seen, Respect::Lock, somebody(name), clock(aws)).await;
    lock.unwrap_or_else(|refusal| panic!("{refusal}"))
}

async fn state(aws: &SimulatedAws, bucket: &BucketName) -> Option<(LockState, String)> {
    match seen(aws, bucket).await {
        LockSeen::There { record: Some(record), .. } => Some((record.state, record.run.run)),
        _ => None,
    }
}

#[test]
fn a_lock_that_is_held_refuses_until_its_lease_runs_out_and_says_whose_it_is() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let _lock = taken(aws, &bucket, "ana").await;
        let seen = seen(aws, &bucket).await;
        let at = |seconds| clock(aws) + SignedDuration::from_secs(seconds);

        let refused = access(&seen, &bucket, Respect::Lock, at(30)).unwrap_err();
        assert!(matches!(&refused, LockRefusal::Held { .. }), "{refused:?}");
        assert_reads("lock_held", &format!("{refused}\n{}", refused.help()));
        assert_eq!(access(&seen, &bucket, Respect::Nobody, at(30)), Ok(Access::Open));

        let run_out = access(&seen, &bucket, Respect::Lock, at(LEASE.as_secs()));
        assert!(matches!(run_out, Ok(Access::RunOut(_))), "{run_out:?}");
        // Who is behind by a little is no reason for suspicion; who is far behind is told of the clocks.
        assert!(matches!(
            access(&seen, &bucket, Respect::Lock, at(-5)),
            Err(LockRefusal::Held { .. })
        ));
        let future = access(&seen, &bucket, Respect::Lock, at(-600)).unwrap_err();
        assert_reads("lock_in_the_future", &format!("{future}\n{}", future.help()));
    });
}

#[test]
fn a_lock_that_is_not_json_is_left_alone_until_somebody_breaks_it() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        // One of a newer version may say something that is not understood.
        taken(aws, &bucket, "ben").await.free(clock(aws)).await;
        let newer = String::from_utf8(aws.object_bytes(&bucket, LOCK_KEY).unwrap()).unwrap();
        let newer =
            crate::builders::edited(&newer, "\"format_version\": 1", "\"format_version\": 2");
        for body in ["not JSON", &newer] {
            aws.put_object(&bucket, LOCK_KEY, body.as_bytes(), None).await.unwrap();
            let seen = seen(aws, &bucket).await;

            let refused = access(&seen, &bucket, Respect::Lock, clock(aws)).unwrap_err();
            assert!(matches!(refused, LockRefusal::Unreadable(..)), "{refused:?}");
            assert_reads("lock_unreadable", &format!("{refused}\n{}", refused.help()));

            assert_eq!(access(&seen, &bucket, Respect::Nobody, clock(aws)), Ok(Access::Open));
            let lock = taken(aws, &bucket, "ana").await;
            assert!(lock.is_held());
        }
    });
}

#[test]
fn a_run_that_came_in_between_is_found_out_however_short_it_was() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let before = seen(aws, &bucket).await;
        let other = taken(aws, &bucket, "ben").await;
        other.free(clock(aws)).await;

        let refused =
            Lock::take(aws, bucket.clone(), &before, Respect::Lock, somebody("ana"), clock(aws))
                .await;

        assert!(matches!(refused, Err(LockRefusal::Overtaken)));
        assert_eq!(state(aws, &bucket).await, Some((LockState::Free, "run of ben".to_owned())));
    });
}

/// Keeps a lock for some minutes while something else goes on; gives the news of it.
async fn kept(
    aws: &SimulatedAws,
    lock: &Lock<'_, SimulatedAws>,
    meanwhile: impl AsyncFnOnce(),
) -> (Vec<LockNews>, bool) {
    let news = RefCell::new(Vec::new());
    let (switch, stop) = Stop::new();
    let keeping = pin!(lock.keep(&switch, || clock(aws), |told| news.borrow_mut().push(told)));
    let meanwhile = pin!(async {
        meanwhile().await;
        aws.pause(Duration::from_mins(5)).await;
    });
    match select(meanwhile, keeping).await {
        Either::Left(_) => {}
        Either::Right((never, _)) => match never {},
    }
    (news.take(), stop.is_wished())
}

#[test]
fn a_lock_is_renewed_as_long_as_the_run_goes_on_and_then_freed() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;

        let (news, stopped) = kept(aws, &lock, async || {}).await;

        assert_eq!((news, stopped), (vec![], false));
        let seen = seen(aws, &bucket).await;
        let held = access(&seen, &bucket, Respect::Lock, clock(aws));
        assert!(matches!(held, Err(LockRefusal::Held { .. })), "{held:?}");
        lock.free(clock(aws)).await;
        assert_eq!(state(aws, &bucket).await, Some((LockState::Free, "run of ana".to_owned())));
    });
}

#[test]
fn a_lock_that_somebody_broke_stops_the_run_and_is_not_freed_by_it() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;

        let (news, stopped) = kept(aws, &lock, async || {
            taken(aws, &bucket, "ben").await;
        })
        .await;

        assert!(stopped, "no new step may begin");
        assert_eq!(news.len(), 1);
        assert_reads("lock_lost", &lock_news(&news[0]));
        lock.free(clock(aws)).await;
        assert_eq!(state(aws, &bucket).await, Some((LockState::Held, "run of ben".to_owned())));
    });
}

#[test]
fn a_lock_that_is_renewed_meanwhile_can_be_broken_but_not_another_ones() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let ana = taken(aws, &bucket, "ana").await;
        let before = seen(aws, &bucket).await;
        kept(aws, &ana, async || {}).await;
        let now = clock(aws);
        let take = async |respect, name| {
            Lock::take(aws, bucket.clone(), &before, respect, somebody(name), now).await
        };

        assert!(matches!(take(Respect::Lock, "ben").await, Err(LockRefusal::Overtaken)));
        assert!(take(Respect::Nobody, "ben").await.is_ok_and(|lock| lock.is_held()));
        // It was ana's that was to be broken, and ben is not ana.
        assert!(matches!(take(Respect::Nobody, "cid").await, Err(LockRefusal::Overtaken)));
    });
}

#[test]
fn a_run_that_slept_past_its_lease_does_not_put_its_lock_back() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;
        aws.pause(Duration::from_mins(3)).await;

        let (news, stopped) = kept(aws, &lock, async || {
            aws.empty_bucket(&bucket).await.unwrap();
        })
        .await;

        assert_eq!((news, stopped), (vec![LockNews::Lost(None)], true));
        assert_eq!(aws.object_bytes(&bucket, LOCK_KEY), None);
    });
}

#[test]
fn a_lock_that_is_still_renewed_is_not_taken_whatever_the_clocks_say() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;
        let before = seen(aws, &bucket).await;
        // The clock here is an hour ahead.
        let now = || clock(aws) + SignedDuration::from_hours(1);
        let found = access(&before, &bucket, Respect::Lock, now());
        assert!(matches!(found, Ok(Access::RunOut(_))), "{found:?}");
        assert_eq!(access_after_watching(&before, &before, &bucket, now()), Ok(()));

        kept(aws, &lock, async || {}).await;
        let after = seen(aws, &bucket).await;
        let refused = access_after_watching(&before, &after, &bucket, now());
        assert!(matches!(refused, Err(LockRefusal::Held { .. })), "{refused:?}");

        lock.free(clock(aws)).await;
        let freed = seen(aws, &bucket).await;
        assert_eq!(access_after_watching(&before, &freed, &bucket, now()), Ok(()));
    });
}

#[test]
fn a_lock_that_is_gone_with_all_else_in_the_bucket_is_put_back_and_said() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;

        let (news, stopped) = kept(aws, &lock, async || {
            aws.empty_bucket(&bucket).await.unwrap();
        })
        .await;

        assert_eq!((news, stopped), (vec![LockNews::PutBack], false));
        assert_eq!(state(aws, &bucket).await, Some((LockState::Held, "run of ana".to_owned())));
    });
}

#[test]
fn a_bucket_that_the_run_itself_empties_stays_empty() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;

        let (news, _) = kept(aws, &lock, async || {
            lock.let_go();
            aws.empty_bucket(&bucket).await.unwrap();
        })
        .await;
        lock.free(clock(aws)).await;

        assert_eq!(news, []);
        assert!(!lock.may_write());
        assert_eq!(aws.object_bytes(&bucket, LOCK_KEY), None);
    });
}

#[test]
fn a_renewal_that_is_on_its_way_when_the_bucket_is_emptied_is_no_lost_lock() {
    let slow = Duration::from_secs(20);
    let assumptions = Assumptions { call: slow..=slow, ..Assumptions::default() };
    let snapshot = crate::builders::snapshot(crate::builders::organization(TREE));
    let stage = Stage {
        aws: SimulatedAws::new(snapshot).with_assumptions(assumptions),
        today: crate::builders::TODAY,
        runs: 0.into(),
    };
    stage.roll_out(POLICY);
    let wish = crate::builders::Wish::Kept;
    let bucket = stage.look(POLICY, wish).desired.rings[0].names.bucket.clone();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;
        let (news, stopped) = kept(aws, &lock, async || {
            // The emptying lands just before the renewal, which is on its way when the lock is let go.
            let emptying = async {
                aws.pause(Duration::from_secs(29)).await;
                aws.empty_bucket(&bucket).await.unwrap();
            };
            let letting_go = async {
                aws.pause(Duration::from_secs(31)).await;
                lock.let_go();
            };
            futures_util::future::join(emptying, letting_go).await;
        })
        .await;

        assert_eq!((news, stopped), (vec![], false));
        assert_eq!(aws.object_bytes(&bucket, LOCK_KEY), None);
    });
}

#[test]
fn a_renewal_whose_reply_was_lost_is_no_lost_lock() {
    let (stage, bucket) = stage();
    let aws = &stage.aws;
    run(async {
        let lock = taken(aws, &bucket, "ana").await;
        let fault = Fault { on: On::Nth(1), what: What::Lost(When::After), lasts: Lasts::Once };
        aws.inject(fault);

        let (news, stopped) = kept(aws, &lock, async || {}).await;

        assert!(!stopped);
        assert!(
            matches!(&news[..], [LockNews::NotRenewed(error)] if error.kind == CloudErrorKind::Unreachable),
            "{news:?}"
        );
        lock.free(clock(aws)).await;
        assert_eq!(state(aws, &bucket).await, Some((LockState::Free, "run of ana".to_owned())));
    });
}

#[test]
fn before_there_is_a_bucket_a_run_goes_on_and_takes_the_lock_as_soon_as_there_is_one() {
    let stage = Stage::new(TREE);
    let aws = &stage.aws;
    let plan = stage.plan(POLICY);
    let names = &stage.look(POLICY, crate::builders::Wish::Kept).desired.rings[0].names;
    let bucket = names.bucket.clone();
    let lock = Lock::later(aws, bucket.clone(), somebody("ana"));
    // A bucket of that name that is there before is somebody else's, and nothing is put into it.
    run(kept(aws, &lock, async || {}));
    assert!(!lock.is_held() && !lock.may_write());
    stage.apply_all(&plan);
    run(kept(aws, &lock, async || {}));
    assert_eq!(aws.object_bytes(&bucket, LOCK_KEY), None);

    run(async {
        lock.bucket_is_there();
        kept(aws, &lock, async || {}).await;

        assert_eq!(state(aws, &bucket).await, Some((LockState::Held, "run of ana".to_owned())));
    });
}

fn record(name: &str, began: &str) -> RunRecord {
    RunRecord {
        format_version: RunRecord::FORMAT_VERSION,
        id: RunId { began: parsed(began), ..somebody(name) },
        orgpatch: "0.1.0".to_owned(),
        plan_digest: Digest::of(name),
        policy_digest: Digest::of("policy"),
        ended: None,
        steps: Vec::new(),
    }
}

#[test]
fn the_history_tells_who_did_what_and_what_came_of_it() {
    let (stage, bucket) = stage();
    let later = crate::builders::edited(POLICY, "01:00", "04:00");
    stage.aws.fail_account(&stage.account("web-1"), "The role quota of the account is used up");
    let outcome = stage.apply(&stage.plan(&later));
    run(async {
        let aws = &stage.aws;
        let mut failed = record("ana", "2026-11-23T09:00:00Z");
        failed.write(aws, &bucket).await.unwrap();
        failed.end(&outcome, parsed("2026-11-23T09:07:30Z"));
        failed.write(aws, &bucket).await.unwrap();
        record("ben", "2026-11-24T09:00:00Z").write(aws, &bucket).await.unwrap();
        aws.put_object(&bucket, "runs/20260101T000000Z-abc.json", b"{}", None).await.unwrap();

        let runs = read_runs(aws, from_ref(&bucket), 20).await.unwrap();

        let text = plain(&history_text(&parsed("weekly"), from_ref(&bucket), runs.as_deref()));
        assert_reads("history", &text);
        let newest = read_runs(aws, from_ref(&bucket), 1).await.unwrap().unwrap();
        assert_eq!(newest[0].record.as_ref().unwrap().id.run, "run of ben");
        let nowhere: BucketName = parsed("aws-quicksetup-patchpolicy-111111111111-zzzzz");
        let none = read_runs(aws, from_ref(&nowhere), 20).await.unwrap();
        assert_reads(
            "history_of_nothing",
            &history_text(&parsed("weekly"), from_ref(&nowhere), none.as_deref()),
        );
    });
}
