use std::time::Duration;

use super::{AS, Named, aws, create, deployed, id, make_set, run, set, spec, status, wait};
use crate::{
    cloud::{CloudErrorKind, CloudRead as _, CloudWrite as _, OperationStatus, TemplateFrom},
    state::{InstanceStatus, Switch},
};

const US: &[&str] = &["us-east-1"];

#[test]
fn operations_of_one_set_wait_for_their_turn() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let security = Named::whole(&aws, &["/Security"], US);
        let sandbox = Named::whole(&aws, &["/Sandbox"], US);
        create(&aws, "a", &security, "first").await.unwrap();
        create(&aws, "a", &sandbox, "second").await.unwrap();

        let progress = async |operation| {
            aws.operation_progress(AS, &set("a"), &id(operation)).await.unwrap().status
        };
        assert_eq!(progress("first").await, OperationStatus::Running);
        assert_eq!(progress("second").await, OperationStatus::Queued);
        assert_eq!(aws.running_operations(AS, &set("a")).await.unwrap().len(), 2);
        wait(&aws, "a", "second").await;
        let runs = aws.operations_run();
        assert_eq!(runs[0].end, runs[1].start);
    });
}

#[test]
fn operations_of_two_sets_run_together() {
    let aws = aws();
    run(async {
        for name in ["a", "b"] {
            let mut spec = spec(name, "one", Switch::On);
            spec.parameters = [("RingId".to_owned(), format!("ring{name}"))].into();
            aws.create_stack_set(AS, &spec, TemplateFrom::Body, "token").await.unwrap();
        }
        let named = Named::whole(&aws, &["/Security"], US);
        create(&aws, "a", &named, "of-a").await.unwrap();
        create(&aws, "b", &named, "of-b").await.unwrap();
        wait(&aws, "a", "of-a").await;
        assert_eq!(wait(&aws, "b", "of-b").await, (OperationStatus::Succeeded, 0));

        let runs = aws.operations_run();
        assert_eq!((runs[0].start, runs[0].end), (runs[1].start, runs[1].end));
    });
}

#[test]
fn without_managed_execution_a_second_operation_is_refused() {
    let aws = aws();
    aws.put_stack_set(&spec("a", "one", Switch::On), Switch::Off);
    run(async {
        let named = Named::whole(&aws, &["/Security"], US);
        create(&aws, "a", &named, "first").await.unwrap();

        let second = create(&aws, "a", &named, "second").await.unwrap_err();
        assert_eq!(second.kind, CloudErrorKind::Busy);
        let turn_on = async |name| aws.turn_on_managed_execution(AS, &set("a"), &id(name)).await;
        assert_eq!(turn_on("early").await.unwrap_err().kind, CloudErrorKind::Busy);
        assert_eq!(
            aws.delete_stack_set(AS, &set("a")).await.unwrap_err().kind,
            CloudErrorKind::Busy
        );

        wait(&aws, "a", "first").await;
        turn_on("late").await.unwrap();
        wait(&aws, "a", "late").await;
        assert_eq!(status(&aws, "a", "audit", "us-east-1").await, Some(InstanceStatus::Current));
        create(&aws, "a", &named, "third").await.unwrap();
        create(&aws, "a", &named, "fourth").await.unwrap();
    });
}

#[test]
fn an_update_makes_every_instance_outdated_until_it_is_done() {
    run(async {
        let aws = deployed("a", &["/Security"], US).await;
        let spec = spec("a", "two", Switch::Off);
        aws.update_stack_set(AS, &spec, TemplateFrom::Body, &id("update")).await.unwrap();
        assert_eq!(status(&aws, "a", "audit", "us-east-1").await, Some(InstanceStatus::Outdated));

        wait(&aws, "a", "update").await;

        assert_eq!(status(&aws, "a", "audit", "us-east-1").await, Some(InstanceStatus::Current));
        let seen = aws.stack_set(AS, &set("a")).await.unwrap().unwrap();
        assert_eq!((seen.template.as_str(), seen.auto_deployment), ("two", Switch::Off));
    });
}

#[test]
fn instances_change_one_after_the_other_while_an_operation_runs() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let named = Named::whole(&aws, &["/Sandbox"], US);
        create(&aws, "a", &named, "made").await.unwrap();
        let current = async || {
            let instances = aws.instances(AS, &set("a")).await.unwrap();
            instances.values().filter(|seen| seen.status == InstanceStatus::Current).count()
        };

        aws.pause(Duration::from_secs(75)).await;
        let some = current().await;
        assert!((1..7).contains(&some), "{some}");
        wait(&aws, "a", "made").await;
        assert_eq!(current().await, 7);
    });
}

#[test]
fn a_stopped_operation_finishes_what_runs() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let named = Named::whole(&aws, &["/Sandbox"], US);
        let mut slowly = super::STRICT;
        slowly.concurrency_percent = 1;
        let (name, made) = (set("a"), id("made"));
        aws.create_instances(AS, &name, named.targets(), slowly, &made).await.unwrap();
        create(&aws, "a", &named, "waiting").await.unwrap();
        aws.pause(Duration::from_secs(15)).await;

        aws.stop_operation(&set("a"), &id("waiting"));
        aws.stop_operation(&set("a"), &id("made"));

        assert_eq!(wait(&aws, "a", "made").await, (OperationStatus::Stopped, 0));
        assert_eq!(wait(&aws, "a", "waiting").await, (OperationStatus::Stopped, 0));
        let instances = aws.instances(AS, &set("a")).await.unwrap();
        let current = instances.values().filter(|seen| seen.status == InstanceStatus::Current);
        assert_eq!(current.count(), 1);
    });
}

#[test]
fn an_operation_that_does_not_exist_is_not_found() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let unknown = aws.operation_progress(AS, &set("a"), &id("unknown")).await.unwrap_err();
        assert_eq!(unknown.kind, CloudErrorKind::NotFound);
    });
}
