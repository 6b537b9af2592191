//! Why a change of a stack failed, from its events.

use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent};

use crate::ids::StackName;

/// Whether this is the first event of a change.
pub(super) fn begins_a_change(name: &StackName, event: &StackEvent) -> bool {
    is_of_stack(name, event)
        && matches!(
            event.resource_status().map(ResourceStatus::as_str),
            Some(
                "CREATE_IN_PROGRESS"
                    | "UPDATE_IN_PROGRESS"
                    | "DELETE_IN_PROGRESS"
                    | "IMPORT_IN_PROGRESS"
            )
        )
}

fn is_of_stack(name: &StackName, event: &StackEvent) -> bool {
    event.resource_type() == Some("AWS::CloudFormation::Stack")
        && event.logical_resource_id() == Some(name.as_str())
}

/// What failed first, one line a resource, of events that come newest first.
///
/// What was only cancelled since another failed is left out.
pub(super) fn causes(name: &StackName, events: &[StackEvent]) -> Vec<String> {
    let mut failed: Vec<(&str, String)> = Vec::new();
    for event in events.iter().rev() {
        let status = event.resource_status().map_or("", |status| status.as_str());
        let reason = event.resource_status_reason().unwrap_or("AWS gave no reason");
        let resource = event.logical_resource_id().unwrap_or_default();
        let cancelled = reason.starts_with("Resource ") && reason.ends_with(" cancelled");
        let known = failed.iter().any(|(known, _)| *known == resource);
        if status.ends_with("_FAILED") && !is_of_stack(name, event) && !cancelled && !known {
            failed.push((resource, format!("{resource}: {reason}")));
        }
    }
    failed.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(resource: &str, status: &str, reason: &str) -> StackEvent {
        let of_stack = resource == "home";
        StackEvent::builder()
            .logical_resource_id(resource)
            .resource_type(if of_stack { "AWS::CloudFormation::Stack" } else { "AWS::S3::Bucket" })
            .resource_status(status.into())
            .resource_status_reason(reason)
            .build()
    }

    #[test]
    fn the_first_cause_comes_first_and_what_was_cancelled_is_left_out() {
        let name = "home".parse().unwrap();
        let newest_first = [
            event("home", "ROLLBACK_COMPLETE", ""),
            event("home", "CREATE_FAILED", "The following resource(s) failed to create: [B, A]."),
            event("C", "CREATE_FAILED", "Resource creation cancelled"),
            event("A", "DELETE_FAILED", "later"),
            event("B", "CREATE_FAILED", "second"),
            event("A", "CREATE_FAILED", "first"),
            event("A", "CREATE_IN_PROGRESS", ""),
        ];

        assert_eq!(causes(&name, &newest_first), ["A: first", "B: second"]);
    }

    #[test]
    fn a_change_begins_with_the_stack_itself() {
        let name = "home".parse().unwrap();

        assert!(begins_a_change(&name, &event("home", "UPDATE_IN_PROGRESS", "User Initiated")));
        assert!(!begins_a_change(&name, &event("home", "UPDATE_ROLLBACK_IN_PROGRESS", "")));
        assert!(!begins_a_change(&name, &event("A", "UPDATE_IN_PROGRESS", "")));
    }
}
