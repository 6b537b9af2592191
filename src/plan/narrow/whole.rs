//! Steps that are about a stack set or a ring as a whole: they stay as long as what is left has use for them.

use std::collections::BTreeSet;

use crate::{
    ids::{RingName, StackSetName},
    plan::{
        Action, Step, StepId, TemplateSource,
        narrow::cut::{Cut, is_own_stack},
    },
};

impl Cut<'_> {
    /// Leaves out what concerns a stack set as a whole where too little is left beside it.
    pub(super) fn whole_sets(&self, left: &mut [Option<Step>]) {
        let mut filled: BTreeSet<&StackSetName> = BTreeSet::new();
        let mut in_part: BTreeSet<&StackSetName> = BTreeSet::new();
        let mut idle: BTreeSet<&StackSetName> = BTreeSet::new();
        let mut busy: BTreeSet<&StackSetName> = BTreeSet::new();
        for (step, rest) in self.plan.steps.iter().zip(left.iter()) {
            match &step.action {
                Action::AddInstances { stack_set, .. } if rest.is_some() => {
                    filled.insert(stack_set);
                }
                Action::RemoveInstances { stack_set, .. } if rest.as_ref() != Some(step) => {
                    in_part.insert(stack_set);
                }
                Action::TakeBack { spec, .. } if rest.is_none() => {
                    in_part.insert(&spec.name);
                }
                _ => {}
            }
            let is_setting = matches!(step.action, Action::TurnOnManagedExecution { .. });
            if let Some(stack_set) = step.action.stack_set().filter(|_| !is_setting) {
                let sets = if rest.is_some() { &mut busy } else { &mut idle };
                sets.insert(stack_set);
            }
        }
        for (step, rest) in self.plan.steps.iter().zip(left) {
            let stays = match &step.action {
                Action::CreateStackSet { spec, .. } => filled.contains(&spec.name),
                Action::DeleteStackSet { stack_set } => !in_part.contains(stack_set),
                Action::TurnOnManagedExecution { stack_set } => {
                    busy.contains(stack_set) || !idle.contains(stack_set)
                }
                _ => true,
            };
            if !stays {
                *rest = None;
            }
        }
    }

    /// What is deleted at the end of a ring waits until nothing needs it, so it stays where something is left
    /// of what it waited for.
    pub(super) fn endings(&self, left: &mut [Option<Step>]) {
        let mut in_part: BTreeSet<(&RingName, &StepId)> = BTreeSet::new();
        for (step, rest) in self.plan.steps.iter().zip(left) {
            let is_ending = match &step.action {
                Action::EmptyBucket { .. }
                | Action::KeepAccessLogs { .. }
                | Action::DeleteBaseline { .. } => true,
                Action::DeleteStack { .. } => !is_own_stack(step),
                _ => false,
            };
            // Rings only wait for each other; nothing of one is needed by another.
            if is_ending && step.after.iter().any(|id| in_part.contains(&(&step.ring, id))) {
                *rest = None;
            }
            if rest.as_ref() != Some(step) {
                in_part.insert((&step.ring, &step.id));
            }
        }
    }

    /// A template is uploaded only where a step takes it from there.
    pub(super) fn uploads(&self, left: &mut [Option<Step>]) {
        let used: BTreeSet<String> = left
            .iter()
            .flatten()
            .filter_map(|step| match &step.action {
                Action::CreateStackSet { template, .. }
                | Action::UpdateStackSet { template, .. }
                | Action::CreateStack { template, .. }
                | Action::UpdateStack { template, .. } => match template {
                    TemplateSource::Object { bucket, key } => Some(format!("{bucket}/{key}")),
                    TemplateSource::Inline => None,
                },
                _ => None,
            })
            .collect();
        for (step, rest) in self.plan.steps.iter().zip(left) {
            if let Action::UploadTemplate { bucket, key, .. } = &step.action
                && !used.contains(&format!("{bucket}/{key}"))
            {
                *rest = None;
            }
        }
    }
}
