//! Which nodes something patches, as far as that proves anything.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::state::NodeTarget;

/// Which nodes are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Nodes {
    /// Any; nothing can be proved.
    Any,
    /// Those with all of these keys, with one of the values; any value where there is none.
    Tags(BTreeMap<String, BTreeSet<String>>),
    /// These.
    Ids(BTreeSet<String>),
}

impl Nodes {
    /// Reads the parameters of a stack set: orgpatch's, and those of Quick Setup, whose templates look at tags
    /// first and at the list of instances last.
    pub(super) fn of(parameters: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        let values: Value = serde_json::from_str(get("TargetValues")).unwrap_or_default();
        match get("TargetType") {
            "Tags" if values.is_array() => Self::Tags(
                values
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|tag| {
                        Some((tag["Key"].as_str()?.to_owned(), texts(&tag["Values"])))
                    })
                    .collect(),
            ),
            "Tags" if !get("TargetTagKey").is_empty() => {
                let value = Some(get("TargetTagValue")).filter(|value| !value.is_empty());
                Self::Tags(BTreeMap::from([(
                    get("TargetTagKey").to_owned(),
                    value.map(str::to_owned).into_iter().collect(),
                )]))
            }
            "InstanceIds" if values.is_array() => Self::Ids(texts(&values)),
            "ResourceGroup" | "ResourceGroups" => Self::Any,
            _ => match get("TargetInstances") {
                "" | "*" => Self::Any,
                list => Self::Ids(list.split(',').map(|id| id.trim().to_owned()).collect()),
            },
        }
    }

    /// Reads the targets of an association, or of a task; all of them must hold.
    pub(super) fn of_targets(targets: &[NodeTarget]) -> Self {
        let is_any = |values: &[String]| values.iter().any(|value| value == "*");
        let mut tags = BTreeMap::new();
        for NodeTarget { key, values } in targets {
            if key == "InstanceIds" && !is_any(values) {
                return Self::Ids(values.iter().cloned().collect());
            }
            // Every other kind of target proves nothing.
            if let Some(tag) = key.strip_prefix("tag:") {
                let values: &[String] = if is_any(values) { &[] } else { values };
                tags.insert(tag.to_owned(), values.iter().cloned().collect());
            }
        }
        if tags.is_empty() { Self::Any } else { Self::Tags(tags) }
    }

    /// The nodes with a tag.
    pub(super) fn tagged(key: &str, value: &str) -> Self {
        Self::Tags(BTreeMap::from([(key.to_owned(), BTreeSet::from([value.to_owned()]))]))
    }

    /// Whether no node can be meant by both.
    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tags(a), Self::Tags(b)) => a.iter().any(|(key, mine)| {
                b.get(key).is_some_and(|theirs| {
                    !mine.is_empty() && !theirs.is_empty() && mine.is_disjoint(theirs)
                })
            }),
            (Self::Ids(a), Self::Ids(b)) => a.is_disjoint(b),
            _ => false,
        }
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parameters: &[(&str, &str)]) -> Nodes {
        let parameters = parameters.iter();
        Nodes::of(&parameters.map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn nodes(kind: &str, values: &str) -> Nodes {
        of(&[("TargetType", kind), ("TargetValues", values)])
    }

    fn targets(targets: &[(&str, &[&str])]) -> Nodes {
        let targets: Vec<NodeTarget> = targets
            .iter()
            .map(|(key, values)| NodeTarget {
                key: (*key).to_owned(),
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            })
            .collect();
        Nodes::of_targets(&targets)
    }

    #[test]
    fn only_what_proves_it_counts_as_other_nodes() {
        let blue = nodes("Tags", r#"[{"Key":"Ring","Values":["blue"]}]"#);
        let green =
            nodes("Tags", r#"[{"Key":"Ring","Values":["green"]},{"Key":"Tier","Values":[]}]"#);
        let ringed = nodes("Tags", r#"[{"Key":"Ring","Values":[]}]"#);
        let other_key = nodes("Tags", r#"[{"Key":"Team","Values":["a"]}]"#);
        let all = nodes("*", "[]");

        assert!(blue.is_disjoint(&green));
        assert!(!blue.is_disjoint(&blue));
        assert!(!blue.is_disjoint(&ringed));
        assert!(!blue.is_disjoint(&other_key));
        assert!(!blue.is_disjoint(&all));
        assert!(
            nodes("InstanceIds", r#"["i-1"]"#).is_disjoint(&nodes("InstanceIds", r#"["i-2"]"#))
        );
    }

    #[test]
    fn quick_setups_parameters_are_read_as_its_template_does() {
        let tagged = |value| {
            of(&[("TargetType", "Tags"), ("TargetTagKey", "Ring"), ("TargetTagValue", value)])
        };
        let listed = |list| of(&[("TargetType", "InstanceIds"), ("TargetInstances", list)]);
        let blue = nodes("Tags", r#"[{"Key":"Ring","Values":["blue"]}]"#);

        assert!(blue.is_disjoint(&tagged("green")));
        assert!(!blue.is_disjoint(&tagged("blue")));
        // Any node that has the key.
        assert!(!blue.is_disjoint(&tagged("")));
        assert!(listed("i-1,i-2").is_disjoint(&listed("i-3")));
        assert!(!listed("i-1, i-2").is_disjoint(&listed("i-2")));
        assert_eq!(listed("*"), Nodes::Any);
        let group = [("TargetType", "ResourceGroups"), ("TargetInstances", "i-1")];
        assert_eq!(of(&group), Nodes::Any);
    }

    #[test]
    fn the_targets_of_associations_and_tasks_prove_as_much_as_tags_and_instances_do() {
        let blue = Nodes::tagged("Ring", "blue");

        assert!(blue.is_disjoint(&targets(&[("tag:Ring", &["green", "red"])])));
        assert!(!blue.is_disjoint(&targets(&[("tag:Ring", &["green", "blue"])])));
        assert!(!blue.is_disjoint(&targets(&[("tag:Ring", &["*"])])));
        assert!(!blue.is_disjoint(&targets(&[("tag-key", &["Team"])])));
        assert_eq!(targets(&[]), Nodes::Any);
        assert_eq!(targets(&[("InstanceIds", &["*"])]), Nodes::Any);
        assert_eq!(targets(&[("resource-groups:Name", &["web"])]), Nodes::Any);
        let one = targets(&[("InstanceIds", &["i-1"])]);
        assert!(one.is_disjoint(&targets(&[("InstanceIds", &["i-2"])])));
    }
}
