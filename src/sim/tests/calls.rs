use std::time::Duration;

use super::{AS, Named, account, aws, create, make_set, ou, region, run, set, spec, wait};
use crate::{
    cloud::{Call, CloudErrorKind, CloudRead as _, CloudWrite as _, TemplateFrom, TrustedAccess},
    ids::{CallAs, RoleName},
    sim::{Fault, Lasts, On, Pages, Paths, SimulatedAws, What, When, example_snapshot},
    state::{ForeignPatching, PatchGroup, Switch},
};

#[test]
fn a_fault_before_leaves_nothing_and_one_after_leaves_the_effect() {
    for (when, sets) in [(When::Before, 0), (When::After, 1)] {
        let aws = aws();
        aws.inject(Fault { on: On::Nth(1), what: What::Lost(when), lasts: Lasts::Once });
        let made =
            run(aws.create_stack_set(AS, &spec("a", "t", Switch::On), TemplateFrom::Body, "x"));

        assert_eq!(made.unwrap_err().kind, CloudErrorKind::Unreachable);
        assert_eq!((aws.writes(), aws.stack_sets().len()), (1, sets));
    }
}

#[test]
fn a_repeated_creation_with_the_same_token_is_the_same() {
    let aws = aws();
    let spec = spec("a", "t", Switch::On);
    let make = |token| run(aws.create_stack_set(AS, &spec, TemplateFrom::Body, token));

    assert_eq!(make("x"), Ok(()));
    assert_eq!(make("x"), Ok(()));
    assert_eq!(make("y").unwrap_err().kind, CloudErrorKind::AlreadyExists);
}

#[test]
fn an_operation_of_the_same_id_is_not_begun_twice() {
    let aws = aws();
    run(async {
        make_set(&aws, "a").await;
        let named = Named::whole(&aws, &["/Security"], &["us-east-1"]);
        create(&aws, "a", &named, "same").await.unwrap();

        let again = create(&aws, "a", &named, "same").await;

        assert_eq!(again.unwrap_err().kind, CloudErrorKind::OperationExists);
    });
    assert_eq!(aws.operations_run().len(), 1);
}

#[test]
fn a_denied_read_is_denied_until_it_is_healed() {
    let aws = aws();
    aws.deny_read(Call::ListRoots);

    assert_eq!(run(aws.roots()).unwrap_err().kind, CloudErrorKind::Denied);
    aws.heal();
    assert_eq!(run(aws.roots()).unwrap().len(), 1);
}

#[test]
fn every_account_is_listed_once_whatever_the_pages() {
    for (pages, calls) in [(Pages::Full, 3), (Pages::SomeEmpty, 4)] {
        let aws = SimulatedAws::new(example_snapshot()).with_pages(pages);
        let mut listed = Vec::new();
        let mut token = None;
        loop {
            let page = run(aws.accounts(token)).unwrap();
            listed.extend(page.items.into_iter().map(|account| account.id));
            token = page.next;
            if token.is_none() {
                break;
            }
        }

        let all: Vec<_> =
            example_snapshot().organization.accounts().map(|a| a.id.clone()).collect();
        assert_eq!(listed, all);
        assert_eq!(aws.calls()[&Call::ListAccounts], calls);
    }
}

#[test]
fn a_chain_begins_with_the_root_and_is_answered_only_where_paths_are() {
    let listed = |paths| {
        let aws = aws().with_paths(paths).with_pages(Pages::Full);
        let data = ou(&aws, "/Workloads/Prod/Data");
        run(aws.accounts_of(&data, None)).unwrap().items.remove(0).chain
    };
    let aws = aws();

    assert_eq!(listed(Paths::Missing), None);
    let chain = ["/", "/Workloads", "/Workloads/Prod", "/Workloads/Prod/Data"];
    assert_eq!(listed(Paths::Answered), Some(chain.map(|path| ou(&aws, path)).into()));
}

#[test]
fn only_who_may_speak_for_the_organization_is_heard() {
    let aws = aws();
    let other = CallAs::DelegatedAdministrator;

    assert_eq!(run(aws.trusted_access(AS)), Ok(TrustedAccess::Enabled));
    assert_eq!(run(aws.trusted_access(other)), Ok(TrustedAccess::NotDelegated));
    let refused = run(aws.stack_set_names(other)).unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::Refused);

    let mut snapshot = example_snapshot();
    snapshot.account = account(&aws, "audit");
    snapshot.call_as = other;
    let delegated = SimulatedAws::new(snapshot);
    assert_eq!(run(delegated.trusted_access(other)), Ok(TrustedAccess::Enabled));
    assert_eq!(run(delegated.stack_set_names(other)), Ok(Vec::new()));
}

#[test]
fn without_trusted_access_no_stack_set_is_made() {
    let aws = aws().with_trusted_access(TrustedAccess::Disabled);
    let made = run(aws.create_stack_set(AS, &spec("a", "t", Switch::On), TemplateFrom::Body, "x"));

    assert_eq!(made.unwrap_err().kind, CloudErrorKind::Refused);
}

#[test]
fn a_template_must_fit_and_have_the_parameters() {
    let aws = aws();
    let make = |template: &str| {
        let spec = spec("a", template, Switch::On);
        run(aws.create_stack_set(AS, &spec, TemplateFrom::Body, "x"))
    };

    assert!(make(&" ".repeat(51_201)).unwrap_err().message.contains("51200"));
    let strange = make(r#"{"Parameters": {"Other": {"Default": "a"}}}"#).unwrap_err();
    assert_eq!(strange.message, "Parameters: [RingId] do not exist in the template");
    let missing = make(r#"{"Parameters": {"RingId": {}, "Other": {}}}"#).unwrap_err();
    assert_eq!(missing.message, "Parameters: [Other] must have values");
    assert_eq!(make(r#"{"Parameters": {"RingId": {}}}"#), Ok(()));
}

#[test]
fn listings_may_lag() {
    let aws = aws().with_listing_lag(Duration::from_secs(20));
    run(async {
        make_set(&aws, "a").await;
        let named = Named::whole(&aws, &["/Security"], &["us-east-1"]);
        create(&aws, "a", &named, "made").await.unwrap();
        assert_eq!(aws.running_operations(AS, &set("a")).await.unwrap(), []);

        wait(&aws, "a", "made").await;
        let outdated = |seen: &crate::state::InstanceSeen| {
            seen.status == crate::state::InstanceStatus::Outdated
        };
        assert!(aws.instances(AS, &set("a")).await.unwrap().values().any(outdated));

        aws.pause(Duration::from_secs(20)).await;
        assert_eq!(aws.running_operations(AS, &set("a")).await.unwrap(), []);
        assert!(!aws.instances(AS, &set("a")).await.unwrap().values().any(outdated));
    });
}

#[test]
fn an_account_is_entered_with_a_role_unless_it_is_the_callers_own_or_can_t_be_used() {
    let aws = aws();
    let role = RoleName::of_organizations();
    let (region, other) = (region("us-east-1"), region("eu-west-1"));
    let (member, own) = (account(&aws, "audit"), run(aws.caller()).unwrap().account);
    let group = ForeignPatching::Group(PatchGroup { name: "web".to_owned(), baselines: [].into() });
    aws.put_foreign_patching(&member, &region, group.clone());

    assert_eq!(run(aws.patching_in(&member, &region, &role)), Ok(vec![group]));
    assert_eq!(run(aws.patching_in(&member, &other, &role)), Ok(Vec::new()));
    assert_eq!(aws.calls()[&Call::AssumeRole], 2);
    assert_eq!(run(aws.patching_in(&own, &region, &role)), Ok(Vec::new()));
    assert_eq!(aws.calls()[&Call::AssumeRole], 2);

    aws.suspend_account(&member);
    let error = run(aws.patching_in(&member, &region, &role)).unwrap_err();
    assert_eq!((error.call, error.kind), (Call::AssumeRole, CloudErrorKind::Denied));
}
