use std::time::Duration;

use super::{
    AS, Named, account, aws, covered, create, deployed, make_set, names, ou, region, run, set,
    spec, status, wait,
};
use crate::{
    cloud::{CloudRead as _, CloudWrite as _},
    ids::Region,
    sim::SimulatedAws,
    state::{Account, AccountState, InstanceStatus, Switch},
};

const US: &[&str] = &["us-east-1"];

/// Long enough for every operation to end.
async fn settle(aws: &SimulatedAws) {
    aws.pause(Duration::from_hours(1)).await;
}

#[test]
fn an_account_that_joins_a_target_gets_a_stack_in_each_of_its_regions() {
    run(async {
        let aws = deployed("a", &["/Security"], &["us-east-1", "eu-west-1"]).await;
        let sandbox = account(&aws, "sandbox-1");
        aws.move_account(&sandbox, &ou(&aws, "/Security"));
        settle(&aws).await;

        let here: Vec<Region> =
            aws.stacks_in(&sandbox).into_iter().map(|(region, _)| region).collect();
        assert_eq!(here, [region("eu-west-1"), region("us-east-1")]);
        // One Region after the other: twice as long as one stack takes at least.
        let joined = aws.operations_run().remove(1);
        assert!(joined.end.unwrap() > joined.start.unwrap() + Duration::from_secs(90));
    });
}

#[test]
fn an_account_that_leaves_a_target_loses_its_stacks() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        aws.move_account(&account(&aws, "audit"), &ou(&aws, "/Sandbox"));
        settle(&aws).await;

        assert!(aws.stacks_in(&account(&aws, "audit")).is_empty());
        assert_eq!(covered(&aws, "a").await, names(&["log-archive", "security-tools"]));
    });
}

#[test]
fn an_account_that_stays_within_a_target_keeps_its_stacks() {
    run(async {
        let aws = deployed("a", &["/Workloads/Prod"], US).await;
        aws.move_account(&account(&aws, "lake-raw"), &ou(&aws, "/Workloads/Prod/Web"));
        settle(&aws).await;

        assert_eq!(aws.operations_run().len(), 1);
        assert_eq!(status(&aws, "a", "lake-raw", "us-east-1").await, Some(InstanceStatus::Current));
    });
}

#[test]
fn an_account_that_moves_between_targets_is_recorded_anew() {
    run(async {
        let aws = deployed("a", &["/Security", "/Sandbox"], US).await;
        let audit = account(&aws, "audit");
        aws.move_account(&audit, &ou(&aws, "/Sandbox"));
        settle(&aws).await;

        let instances = aws.instances(AS, &set("a")).await.unwrap();
        let seen = &instances[&(audit, region("us-east-1"))];
        assert_eq!((&seen.ou, seen.status), (&Some(ou(&aws, "/Sandbox")), InstanceStatus::Current));
    });
}

#[test]
fn with_auto_deployment_off_nothing_follows_a_move() {
    let aws = aws();
    run(async {
        aws.put_stack_set(&spec("a", "one", Switch::Off), Switch::On);
        let named = Named::whole(&aws, &["/Security"], US);
        create(&aws, "a", &named, "made").await.unwrap();
        wait(&aws, "a", "made").await;
        aws.move_account(&account(&aws, "audit"), &ou(&aws, "/Sandbox"));
        aws.move_account(&account(&aws, "sandbox-1"), &ou(&aws, "/Security"));
        settle(&aws).await;

        assert_eq!(covered(&aws, "a").await, names(&["log-archive", "security-tools", "audit"]));
        let instances = aws.instances(AS, &set("a")).await.unwrap();
        let seen = &instances[&(account(&aws, "audit"), region("us-east-1"))];
        assert_eq!(seen.ou, Some(ou(&aws, "/Security")));
    });
}

#[test]
fn auto_deployment_ignores_the_list_of_accounts() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let named = Named::whole(&aws, &["/Security"], US).only(&aws, &["audit"]);
        create(&aws, "a", &named, "made").await.unwrap();
        aws.add_account(Account {
            id: "777788889999".parse().unwrap(),
            name: "newcomer".to_owned(),
            parent: ou(&aws, "/Security"),
            state: AccountState::Active,
        });
        settle(&aws).await;
        // Only what the OU records when the account comes: the creation had begun.
        assert_eq!(covered(&aws, "a").await, names(&["audit", "newcomer"]));
    });
}

#[test]
fn a_suspended_account_that_joins_is_skipped() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        aws.suspend_account(&account(&aws, "sandbox-1"));
        aws.move_account(&account(&aws, "sandbox-1"), &ou(&aws, "/Security"));
        settle(&aws).await;

        let skipped = status(&aws, "a", "sandbox-1", "us-east-1").await;
        assert_eq!(skipped, Some(InstanceStatus::SkippedSuspended));
        assert!(aws.stacks_in(&account(&aws, "sandbox-1")).is_empty());
    });
}
