//! Several policies: plans of a folder, and what else patches the same nodes.

use super::*;

/// A policy of this name for an OU of the example organization.
fn policy(name: &str, ou: &str) -> String {
    format!(
        "version: 1\nname: {name}\nhome_region: ap-northeast-1\n\
         targets: {{ ous: [{ou}], regions: [ap-northeast-1] }}\nschedule: {{ scan: daily 01:00 }}\n"
    )
}

/// A folder with these files, and a recorded organization outside of it.
fn folder(files: &[(&str, &str)]) -> (TempDir, String, TempDir, String) {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().to_str().unwrap().to_owned();
    let (recorded, organization) = recorded();
    (folder, path, recorded, organization)
}

#[test]
fn a_folder_is_planned_policy_by_policy_in_the_order_of_names() {
    let (first, second) = (policy("first", "/Workloads"), policy("second", "/Security"));
    let (_folder, path, _recorded, organization) =
        folder(&[("b.yml", &first), ("a.yaml", &second), ("notes.txt", "not a policy")]);

    let said = orgpatch(&["plan", &path, "--org", &organization]);

    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let position = |text: &str| said.out.find(text).unwrap_or_else(|| panic!("{}", said.out));
    assert!(position("a.yaml") < position("Policy second"));
    assert!(position("Policy second") < position("b.yml"));
    assert!(position("b.yml") < position("Policy first"));
    assert!(!said.out.contains("Between"), "{}", said.out);

    let detailed = orgpatch(&["plan", &path, "--org", &organization, "--detailed-exitcode"]);
    assert_eq!(detailed.code, Some(2));
}

#[test]
fn several_plans_are_one_json_and_one_file_is_as_ever() {
    let (first, second) = (policy("first", "/Workloads"), policy("second", "/Security"));
    let (_folder, path, _recorded, organization) =
        folder(&[("a.yaml", &first), ("b.yaml", &second)]);
    let json = |policies: &str| -> Value {
        let said = orgpatch(&["plan", policies, "--org", &organization, "-o", "json"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    };

    let several = json(&path);
    let one = json(&format!("{path}/a.yaml"));

    assert_eq!(several["format_version"], 1);
    assert_eq!(several["policies"][0], one);
    assert_eq!(several["policies"][1]["policy"], "second");
    assert_eq!(several["conflicts"], Value::Array(Vec::new()));
}

#[test]
fn policies_that_meet_are_refused_in_a_plan_and_named_by_conflicts() {
    let (first, second) = (policy("first", "/Workloads"), policy("second", "/Workloads/Prod"));
    let (_folder, path, _recorded, organization) =
        folder(&[("a.yaml", &first), ("b.yaml", &second)]);
    let (a, b) = (format!("{path}/a.yaml"), format!("{path}/b.yaml"));

    let plan = orgpatch(&["plan", &a, &b, "--org", &organization, "--detailed-exitcode"]);
    assert_eq!(plan.code, Some(4), "{}{}", plan.out, plan.err);
    assert_eq!(plan.out.matches("Between these policies").count(), 1, "{}", plan.out);
    assert!(plan.out.contains("policy first, ring main: the policy second"), "{}", plan.out);

    let text = orgpatch(&["conflicts", &path, "--org", &organization]);
    assert_eq!(text.code, Some(4), "{}{}", text.out, text.err);
    assert!(text.out.contains("1 conflict."), "{}", text.out);
    let json = orgpatch(&["conflicts", &path, "--org", &organization, "-o", "json"]);
    assert_eq!(json.code, Some(4));
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["conflicts"][0]["with"]["name"], "second");

    let alone = orgpatch(&["conflicts", &a, "--org", &organization]);
    assert_eq!(alone.code, Some(0), "{}", alone.err);
    assert!(alone.out.starts_with("No conflicts."), "{}", alone.out);
}

#[test]
fn a_conflict_that_both_only_warn_of_refuses_nothing() {
    let quiet = |name, ou| policy(name, ou) + "checks: { conflicts: warn }\n";
    let (first, second) = (quiet("first", "/Workloads"), quiet("second", "/Workloads/Prod"));
    let (_folder, path, _recorded, organization) =
        folder(&[("a.yaml", &first), ("b.yaml", &second)]);

    for command in ["plan", "conflicts"] {
        let said = orgpatch(&[command, &path, "--org", &organization]);

        assert_eq!(said.code, Some(0), "{command}: {}", said.err);
        assert!(said.out.contains("1 warning."), "{command}: {}", said.out);
    }
}

#[test]
fn two_policies_of_one_name_are_refused_with_both_files_before_anything_is_looked_at() {
    let same = policy("same", "/Workloads");
    let (_folder, path, _recorded, _) = folder(&[("a.yaml", &same), ("b.yaml", &same)]);

    for command in ["plan", "conflicts"] {
        let said = orgpatch(&[command, &path, "--org", "/nowhere/org.json"]);

        assert_eq!((said.code, said.out.as_str()), (Some(252), ""), "{command}: {}", said.err);
        for expected in ["a.yaml", "b.yaml", "`same`"] {
            assert!(said.err.contains(expected), "{command}: {}", said.err);
        }
        assert!(!said.err.contains("snapshot"), "{command}: {}", said.err);
    }
}

#[test]
fn what_is_wrong_with_any_of_several_files_is_told_at_once() {
    let good = policy("good", "/Workloads");
    let (_folder, path, _recorded, organization) =
        folder(&[("a.yaml", "version: 1\n"), ("b.yaml", "version: 2\n"), ("c.yaml", &good)]);

    let said = orgpatch(&["plan", &path, "nowhere.yaml", "--org", &organization]);

    assert_eq!((said.code, said.out.as_str()), (Some(252), ""), "{}", said.err);
    for expected in ["a.yaml", "b.yaml", "`nowhere.yaml` can't be read"] {
        assert!(said.err.contains(expected), "{expected}: {}", said.err);
    }
}

#[test]
fn one_policy_that_does_not_fit_leaves_the_others_their_plans() {
    let (first, second) = (policy("first", "/Nowhere"), policy("second", "/Security"));
    let (_folder, path, _recorded, organization) =
        folder(&[("a.yaml", &first), ("b.yaml", &second)]);

    let said = orgpatch(&["plan", &path, "--org", &organization, "--detailed-exitcode"]);

    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("a.yaml:4:"), "{}", said.err);
    assert!(said.out.contains("Policy second"), "{}", said.out);
}

#[test]
fn a_folder_without_policies_is_an_error() {
    let (_folder, path, _recorded, organization) = folder(&[("notes.txt", "nothing")]);

    let said = orgpatch(&["plan", &path, "--org", &organization]);

    assert_eq!((said.code, said.out.as_str()), (Some(252), ""));
    assert!(said.err.contains("has no policy files"), "{}", said.err);
}

#[test]
fn a_file_that_is_given_twice_is_planned_once() {
    let first = policy("first", "/Workloads");
    let (_folder, path, _recorded, organization) = folder(&[("a.yaml", &first)]);
    let file = format!("{path}/a.yaml");

    let said = orgpatch(&["plan", &path, &file, "--org", &organization]);

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.out.matches("Policy first").count(), 1, "{}", said.out);
}
