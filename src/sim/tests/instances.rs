use super::{
    AS, Named, account, aws, covered, create, delete, deployed, id, make_set, names, ou, region,
    run, set, spec, status, wait,
};
use crate::{
    cloud::{CloudErrorKind, CloudRead as _, CloudWrite as _, OperationStatus, TemplateFrom},
    state::{InstanceStatus, Retain, Switch},
};

const US: &[&str] = &["us-east-1"];

#[test]
fn a_whole_ou_reaches_its_subtree_but_never_the_management_account() {
    run(async {
        let aws = deployed("a", &["/Infrastructure"], US).await;
        let below =
            ["backup", "network-hub", "dns", "build", "artifacts", "directory", "monitoring"];
        assert_eq!(covered(&aws, "a").await, names(&below));

        let everywhere = Named::whole(&aws, &["/"], US);
        create(&aws, "a", &everywhere, "everywhere").await.unwrap();
        wait(&aws, "a", "everywhere").await;

        let covered = covered(&aws, "a").await;
        assert_eq!(covered.len(), aws.organization().accounts().count() - 1);
        assert!(!covered.contains("management"));
    });
}

#[test]
fn named_accounts_are_those_of_the_list_that_are_in_the_ou() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let named = Named::whole(&aws, &["/Workloads"], US)
            .only(&aws, &["prod-edge", "shop-web-1", "audit"]);
        create(&aws, "a", &named, "named").await.unwrap();
        wait(&aws, "a", "named").await;

        assert_eq!(covered(&aws, "a").await, names(&["prod-edge", "shop-web-1"]));
    });
}

#[test]
fn a_suspended_account_gets_an_instance_and_no_stack_and_is_no_failure() {
    run(async {
        let aws = deployed("a", &["/Workloads/Prod/Data"], US).await;

        let search = status(&aws, "a", "search", "us-east-1").await;
        assert_eq!(search, Some(InstanceStatus::SkippedSuspended));
        assert_eq!(wait(&aws, "a", "deployed").await, (OperationStatus::Succeeded, 0));
        assert!(aws.stacks_in(&account(&aws, "search")).is_empty());
        assert!(!aws.ever_deployed().contains(&account(&aws, "search")));
        assert_eq!(
            aws.stacks_in(&account(&aws, "lake-raw")),
            [(region("us-east-1"), "a".to_owned())].into()
        );
    });
}

#[test]
fn creating_over_what_exists_makes_only_what_is_missing() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        let more = Named::whole(&aws, &["/Security"], &["us-east-1", "eu-west-1"]);
        create(&aws, "a", &more, "more").await.unwrap();
        wait(&aws, "a", "more").await;

        let counts: Vec<usize> = aws.operations_run().iter().map(|run| run.instances).collect();
        assert_eq!(counts, [3, 3]);
    });
}

#[test]
fn creating_again_retries_what_failed() {
    let aws = aws();
    let audit = account(&aws, "audit");
    run(async {
        make_set(&aws, "a").await;
        aws.fail_account(&audit, "quota of roles reached");
        let named = Named::whole(&aws, &["/Security"], US);
        create(&aws, "a", &named, "first").await.unwrap();
        assert_eq!(wait(&aws, "a", "first").await, (OperationStatus::Failed, 1));
        let instances = aws.instances(AS, &set("a")).await.unwrap();
        let failed = &instances[&(audit.clone(), region("us-east-1"))];
        assert_eq!(failed.reason.as_deref(), Some("quota of roles reached"));

        aws.heal();
        create(&aws, "a", &named, "second").await.unwrap();
        assert_eq!(wait(&aws, "a", "second").await, (OperationStatus::Succeeded, 0));

        assert_eq!(status(&aws, "a", "audit", "us-east-1").await, Some(InstanceStatus::Current));
        assert_eq!(aws.operations_run()[1].instances, 1);
    });
}

#[test]
fn an_ou_without_accounts_is_recorded_as_a_target() {
    run(async {
        let aws = aws();
        make_set(&aws, "a").await;
        aws.move_account(&account(&aws, "policy-staging"), &ou(&aws, "/Sandbox"));
        let named = Named::whole(&aws, &["/PolicyStaging"], US);
        create(&aws, "a", &named, "empty").await.unwrap();
        assert_eq!(wait(&aws, "a", "empty").await, (OperationStatus::Succeeded, 0));

        let targets = aws.auto_deployment_targets(AS, &set("a")).await.unwrap();
        assert_eq!(targets, [(ou(&aws, "/PolicyStaging"), named.regions.clone())].into());

        delete(&aws, "a", &named, Retain::Delete, "gone").await.unwrap();
        wait(&aws, "a", "gone").await;
        assert!(aws.auto_deployment_targets(AS, &set("a")).await.unwrap().is_empty());
    });
}

#[test]
fn deleting_a_whole_ou_in_some_regions_leaves_the_others_recorded() {
    run(async {
        let aws = deployed("a", &["/Security"], &["us-east-1", "eu-west-1"]).await;
        let named = Named::whole(&aws, &["/Security"], US);
        delete(&aws, "a", &named, Retain::Delete, "less").await.unwrap();
        wait(&aws, "a", "less").await;

        let targets = aws.auto_deployment_targets(AS, &set("a")).await.unwrap();
        assert_eq!(targets, [(ou(&aws, "/Security"), [region("eu-west-1")].into())].into());
        assert_eq!(status(&aws, "a", "audit", "us-east-1").await, None);
        assert_eq!(status(&aws, "a", "audit", "eu-west-1").await, Some(InstanceStatus::Current));
    });
}

#[test]
fn an_ou_that_does_not_exist_or_is_not_recorded_is_refused() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        let mut unknown = Named::whole(&aws, &[], US);
        unknown.ous.insert("ou-k7px-00000000".parse().unwrap());
        let refused = create(&aws, "a", &unknown, "unknown").await.unwrap_err();
        assert_eq!(refused.message, "Organizational unit ou-k7px-00000000 not found");

        let other = Named::whole(&aws, &["/Sandbox"], US);
        let refused = delete(&aws, "a", &other, Retain::Delete, "other").await.unwrap_err();
        assert_eq!(refused.kind, CloudErrorKind::NotFound);
        assert!(refused.message.ends_with("not found in StackSet"), "{}", refused.message);
    });
}

#[test]
fn more_than_fifty_ous_are_refused() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let mut many = Named::whole(&aws, &[], US);
        many.ous = (0..51).map(|n| format!("ou-k7px-{n:08}").parse().unwrap()).collect();

        assert_eq!(
            create(&aws, "a", &many, "many").await.unwrap_err().kind,
            CloudErrorKind::Refused
        );
    });
}

#[test]
fn a_detached_stack_stays_and_a_deleted_one_goes() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        let named = Named::whole(&aws, &["/Security"], US);
        let detached = named.clone().only(&aws, &["audit"]);
        delete(&aws, "a", &detached, Retain::Keep, "detach").await.unwrap();
        wait(&aws, "a", "detach").await;
        delete(&aws, "a", &named, Retain::Delete, "delete").await.unwrap();
        wait(&aws, "a", "delete").await;
        aws.delete_stack_set(AS, &set("a")).await.unwrap();

        let audit = aws.stacks_in(&account(&aws, "audit"));
        assert_eq!(audit, [(region("us-east-1"), "a".to_owned())].into());
        assert!(aws.stacks_in(&account(&aws, "log-archive")).is_empty());
        assert!(aws.stack_sets().is_empty());
    });
}

#[test]
fn a_deletion_in_a_suspended_account_makes_it_inoperable_until_it_is_detached() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        aws.suspend_account(&account(&aws, "audit"));
        let named = Named::whole(&aws, &["/Security"], US);
        delete(&aws, "a", &named, Retain::Delete, "delete").await.unwrap();
        assert_eq!(wait(&aws, "a", "delete").await, (OperationStatus::Failed, 1));
        assert_eq!(status(&aws, "a", "audit", "us-east-1").await, Some(InstanceStatus::Inoperable));
        let refused = aws.delete_stack_set(AS, &set("a")).await.unwrap_err();
        assert_eq!(refused.code.as_deref(), Some("StackSetNotEmptyException"));

        let spec = spec("a", "two", Switch::On);
        aws.update_stack_set(AS, &spec, TemplateFrom::Body, &id("update")).await.unwrap();
        assert_eq!(wait(&aws, "a", "update").await, (OperationStatus::Succeeded, 0));
        assert_eq!(status(&aws, "a", "audit", "us-east-1").await, Some(InstanceStatus::Inoperable));

        delete(&aws, "a", &named, Retain::Keep, "detach").await.unwrap();
        assert_eq!(wait(&aws, "a", "detach").await, (OperationStatus::Succeeded, 0));
        assert_eq!(aws.delete_stack_set(AS, &set("a")).await, Ok(()));
    });
}

#[test]
fn a_region_that_is_not_enabled_fails_with_a_reason() {
    run(async {
        let aws = deployed("a", &["/Security"], &["eu-south-1"]).await;
        let results = aws.operation_results(AS, &set("a"), &id("deployed")).await.unwrap();

        let reason = results[0].reason.clone().unwrap();
        assert!(reason.starts_with("Region eu-south-1 is not enabled"), "{reason}");
    });
}

#[test]
fn two_stack_sets_of_one_ring_do_not_fit_into_one_account() {
    run(async {
        let aws = deployed("whole", &["/Security"], US).await;
        make_set(&aws, "pinned").await;
        let named = Named::whole(&aws, &["/Security"], US).only(&aws, &["audit"]);
        create(&aws, "pinned", &named, "too-early").await.unwrap();
        assert_eq!(wait(&aws, "pinned", "too-early").await, (OperationStatus::Failed, 1));
        let instances = aws.instances(AS, &set("pinned")).await.unwrap();
        let reason = instances.values().next().unwrap().reason.clone().unwrap();
        assert!(reason.starts_with("Resource of type AWS::IAM::Role"), "{reason}");
        assert!(reason.ends_with("already exists"), "{reason}");

        delete(&aws, "whole", &named, Retain::Delete, "away").await.unwrap();
        wait(&aws, "whole", "away").await;
        create(&aws, "pinned", &named, "in-order").await.unwrap();
        assert_eq!(wait(&aws, "pinned", "in-order").await, (OperationStatus::Succeeded, 0));
    });
}

#[test]
fn a_detached_stack_still_has_its_names() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        let named = Named::whole(&aws, &["/Security"], US);
        delete(&aws, "a", &named, Retain::Keep, "detach").await.unwrap();
        wait(&aws, "a", "detach").await;
        create(&aws, "a", &named, "again").await.unwrap();

        assert_eq!(wait(&aws, "a", "again").await, (OperationStatus::Failed, 3));
    });
}
