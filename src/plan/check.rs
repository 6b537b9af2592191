//! An independent look at any plan, whoever made it: used by every test, and by `apply` before it starts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::StackSetName,
    plan::{Action, Change, Plan, Step, StepId},
    state::{POLICY_TAG, Reach},
};

/// Something that no plan may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Two steps have one name.
    #[error("two steps are called {0}")]
    Twice(StepId),
    /// A step waits for one that is not there, or stands behind it.
    #[error("{0} waits for {1}, which does not stand before it")]
    Order(StepId, StepId),
    /// Two steps on one stack set do not wait for each other.
    #[error("{0} and {1} work on one stack set, and neither waits for the other")]
    Unchained(StepId, StepId),
    /// A step works on something that is not named or tagged as orgpatch's.
    #[error("{0} works on something that is not orgpatch's")]
    NotOurs(StepId),
    /// A step deletes from an account that the plan does not show as losing something or being remade.
    #[error("{0} deletes from account {1}, which the plan does not show")]
    HiddenRemoval(StepId, crate::ids::AccountId),
    /// A stack set is deleted before all its instances.
    #[error("{0} comes after the stack set has been deleted")]
    AfterDeletion(StepId),
    /// A call names too many OUs, or accounts it must not.
    #[error("{0} names more than fifty OUs, or none")]
    Targets(StepId),
}

/// Everything that is wrong with a plan. Nothing, for every plan of the planner's.
pub fn check(plan: &Plan) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut before: BTreeMap<&StepId, BTreeSet<&StepId>> = BTreeMap::new();
    for step in &plan.steps {
        if before.contains_key(&step.id) {
            flaws.push(Flaw::Twice(step.id.clone()));
        }
        let mut reached: BTreeSet<&StepId> = BTreeSet::new();
        for id in &step.after {
            match before.get(id) {
                Some(earlier) => {
                    reached.extend(earlier);
                    reached.insert(id);
                }
                None => flaws.push(Flaw::Order(step.id.clone(), id.clone())),
            }
        }
        before.insert(&step.id, reached);
    }
    chained(plan, &before, &mut flaws);
    for step in &plan.steps {
        ours(plan, step, &mut flaws);
        shown(plan, step, &mut flaws);
    }
    flaws
}

fn chained(plan: &Plan, before: &BTreeMap<&StepId, BTreeSet<&StepId>>, flaws: &mut Vec<Flaw>) {
    let mut last: BTreeMap<&StackSetName, &Step> = BTreeMap::new();
    for step in &plan.steps {
        let Some(set) = step.action.stack_set() else { continue };
        if let Some(earlier) = last.insert(set, step) {
            if !before.get(&step.id).is_some_and(|reached| reached.contains(&earlier.id)) {
                flaws.push(Flaw::Unchained(earlier.id.clone(), step.id.clone()));
            }
            if matches!(earlier.action, Action::DeleteStackSet { .. }) {
                flaws.push(Flaw::AfterDeletion(step.id.clone()));
            }
        }
    }
}

fn ours(plan: &Plan, step: &Step, flaws: &mut Vec<Flaw>) {
    let prefix = format!("orgpatch-{}-", plan.policy);
    let tagged = |tags: &BTreeMap<String, String>| {
        tags.get(POLICY_TAG).is_some_and(|tag| tag == plan.policy.as_str())
    };
    let fine = match &step.action {
        Action::CreateStack { spec, .. }
        | Action::UpdateStack { spec, .. }
        | Action::TakeBackInStack { spec }
        | Action::KeepAccessLogs { spec } => {
            spec.name.as_str().starts_with(&prefix) && tagged(&spec.tags)
        }
        Action::CreateStackSet { spec, .. }
        | Action::UpdateStackSet { spec, .. }
        | Action::TakeBack { spec, .. } => {
            spec.name.as_str().starts_with(&prefix) && tagged(&spec.tags)
        }
        Action::CreateBaseline { spec, .. } | Action::UpdateBaseline { spec, .. } => {
            spec.name.as_str().starts_with(&prefix) && tagged(&spec.tags)
        }
        Action::DeleteBaseline { name, .. } => name.as_str().starts_with(&prefix),
        Action::DeleteStack { name, .. } | Action::WaitForStack { name, .. } => {
            name.as_str().starts_with(&prefix)
        }
        Action::EmptyBucket { bucket }
        | Action::WriteOverrides { bucket, .. }
        | Action::UploadTemplate { bucket, .. } => {
            let bucket = bucket.as_str();
            bucket.starts_with("aws-quicksetup-patchpolicy-")
                && bucket.contains(plan.owner.account.as_str())
                && plan.rings.iter().any(|ring| bucket.ends_with(ring.id.as_str()))
        }
        Action::WaitForOperation { stack_set, .. }
        | Action::TurnOnManagedExecution { stack_set }
        | Action::AddInstances { stack_set, .. }
        | Action::RemoveInstances { stack_set, .. }
        | Action::DeleteStackSet { stack_set } => stack_set.as_str().starts_with(&prefix),
    };
    if !fine {
        flaws.push(Flaw::NotOurs(step.id.clone()));
    }
}

fn shown(plan: &Plan, step: &Step, flaws: &mut Vec<Flaw>) {
    let (Action::AddInstances { targets, .. } | Action::RemoveInstances { targets, .. }) =
        &step.action
    else {
        return;
    };
    let unnamed = targets.reach == Reach::NamedAccounts && targets.accounts.is_empty();
    if targets.ous.is_empty() || targets.ous.len() > 50 || targets.regions.is_empty() || unnamed {
        flaws.push(Flaw::Targets(step.id.clone()));
    }
    if !matches!(step.action, Action::RemoveInstances { .. }) {
        return;
    }
    for account in &targets.accounts {
        let is_shown = plan
            .coverage
            .accounts
            .get(account)
            .is_some_and(|change| change.change == Change::Remove || !change.remade.is_empty());
        // An account that is not active has nothing that could be lost.
        if !is_shown && plan.names.active.contains(account) {
            flaws.push(Flaw::HiddenRemoval(step.id.clone(), account.clone()));
        }
    }
}
