//! The command line keeps its word: every command, exit code and output format, with the built binary.

mod several;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Output, Stdio},
};

use orgpatch::{ids::Digest, sim::example_snapshot};
use serde_json::Value;
use tempfile::TempDir;

use crate::builders::assert_reads;

/// A policy of which nothing depends on the day.
const UTC: &str = "tests/fixtures/policies/utc.yaml";

/// What a command said, and how it ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The binary, in the repository, with an environment that knows no credentials.
fn binary(home: &Path) -> process::Command {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_orgpatch"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

fn orgpatch(arguments: &[&str]) -> Said {
    let home = TempDir::new().unwrap();
    binary(home.path()).args(arguments).output().unwrap().into()
}

/// A folder with the example organization in it, and the path of that.
fn recorded() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("org.json");
    fs::write(&path, serde_json::to_string(&example_snapshot()).unwrap()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn help_and_version_are_results() {
    let help = orgpatch(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    assert_reads("help", &help.out);

    let version = orgpatch(&["--version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(version.out, format!("orgpatch {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_command_has_help() {
    let help = orgpatch(&["--help"]).out;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.contains(&"rehearse"), "{help}");

    for command in commands {
        assert_eq!(orgpatch(&[command, "--help"]).code, Some(0), "{command}");
    }
}

#[test]
fn wrong_usage_ends_with_252() {
    for arguments in [
        &[][..],
        &["aply"],
        &["plan"],
        &["conflicts"],
        &["conflicts", UTC, "--role-name", "path/role"],
        &["conflicts", UTC, "--deep", "--org", "org.json"],
        &["plan", UTC, "--frobnicate"],
        &["plan", UTC, "--output", "xml"],
        &["plan", UTC, "--show", "some"],
        &["plan", UTC, "--account", "12"],
        &["status", UTC, "--output", "markdown"],
        // It belongs to the command, since it selects there.
        &["--region", "eu-west-1", "plan", UTC],
        &["apply", UTC, "--allow-removals", "some"],
        // A variable that nobody has set.
        &["apply", UTC, "--expect", ""],
        &["apply", UTC, "--expect", "9df75"],
        &["snapshot"],
        &["snapshot", "--out", "x.json", "--region", "moon"],
        &["destroy", UTC, "--yes", "Not A Name"],
        &["iam-policy"],
        &["iam-policy", "--for", "everybody"],
        &["next-runs", UTC, "--days", "0"],
        &["next-runs", UTC, "--days", "367"],
        &["next-runs", UTC, "-o", "xml"],
        &["next-runs", UTC, "--ring", "prod"],
        &["next-runs", UTC, "--region", "eu-west-1"],
    ] {
        let said = orgpatch(arguments);

        assert_eq!((said.code, said.out.as_str()), (Some(252), ""), "{arguments:?}: {}", said.err);
        assert!(!said.err.is_empty(), "{arguments:?}");
    }
    assert!(orgpatch(&["aply"]).err.contains("'apply'"));
}

#[test]
fn an_iam_policy_is_printed_without_credentials_for_the_partition_of_a_region() {
    for runner in ["plan", "operator"] {
        let said = orgpatch(&["iam-policy", "--for", runner, "--region", "us-gov-west-1"]);

        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        let policy: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(policy["Version"], "2012-10-17");
        assert!(said.out.contains("arn:aws-us-gov:"), "{}", said.out);
        assert!(!said.out.contains("arn:aws:"), "{}", said.out);
    }
}

#[test]
fn who_looks_into_member_accounts_needs_a_role_there_and_what_it_may_is_printed_too() {
    let deep = orgpatch(&["iam-policy", "--for", "deep", "--role-name", "Auditor"]);
    let member = orgpatch(&["iam-policy", "--for", "member"]);

    assert_eq!((deep.code, member.code), (Some(0), Some(0)), "{}{}", deep.err, member.err);
    assert!(deep.out.contains("\"arn:aws:iam::*:role/Auditor\""), "{}", deep.out);
    assert!(member.out.contains("\"ssm:ListAssociations\""), "{}", member.out);
    assert!(!member.out.contains("organizations:"), "{}", member.out);
}

#[test]
fn a_policy_that_can_t_be_read_ends_with_252() {
    let folder = TempDir::new().unwrap();
    let binary_file = folder.path().join("binary.yaml");
    fs::write(&binary_file, b"name: \xff\xfe").unwrap();
    let binary_file = binary_file.to_str().unwrap();

    for (policy, expected) in [
        ("nowhere.yaml", "the policy file `nowhere.yaml` can't be read"),
        ("policies", "the policy file `policies` can't be read"),
        (binary_file, "is not a text file"),
        ("tests/fixtures/bad-policies/time-24.yaml", "time-24.yaml:8:9"),
    ] {
        for command in ["validate", "plan", "apply", "destroy", "status", "rehearse", "next-runs"] {
            if (command, policy) == ("plan", "policies") {
                // It takes folders.
                continue;
            }
            let said = orgpatch(&[command, policy]);

            assert_eq!((said.code, said.out.as_str()), (Some(252), ""), "{command} {policy}");
            assert!(said.err.starts_with("error: "), "{command} {policy}: {}", said.err);
            assert!(said.err.contains(expected), "{command} {policy}: {}", said.err);
        }
    }
}

#[test]
fn a_good_policy_is_valid() {
    let said = orgpatch(&["validate", UTC]);

    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, format!("{UTC}: the policy `utc` is valid\n"));
}

#[test]
fn the_next_runs_need_no_credentials_and_come_in_every_form() {
    let next_runs = |more: &[&str]| {
        let said = orgpatch(&[&["next-runs", UTC, "--days", "14"], more].concat());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{more:?}");
        said.out
    };

    let text = next_runs(&["--all", "--ring", "main", "--region", "ap-northeast-1"]);
    assert_eq!(text.matches("  install  ap-northeast-1  sun 02:00 UTC").count(), 1, "{text}");
    let json: Value = serde_json::from_str(&next_runs(&["-o", "json"])).unwrap();
    let region = &json["rings"][0]["regions"][0];
    assert_eq!(region["scan"]["runs"].as_array().unwrap().len(), 14);
    assert_eq!(region["install"]["runs"].as_array().unwrap().len(), 2);
    let calendar = next_runs(&["-o", "ics"]);
    assert!(calendar.starts_with("BEGIN:VCALENDAR\r\n"), "{calendar}");
    assert_eq!(calendar.matches("BEGIN:VEVENT\r\n").count(), 16);
}

#[test]
fn a_rehearsal_shows_plan_outcome_and_status() {
    let said = orgpatch(&["rehearse", UTC]);

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_reads("rehearse", &said.out);
    assert!(said.err.contains("nothing real is touched"));
    assert!(said.err.lines().any(|line| line.contains("[6/6] done")), "{}", said.err);
}

#[test]
fn a_rehearsed_mishap_is_finished_by_the_same_command_and_told_to_programs() {
    for fault in ["account", "reply", "network", "throttling", "stopped-operation", "kill"] {
        let said = orgpatch(&["rehearse", UTC, "--fault", fault, "--seed", "5", "-o", "json"]);

        assert_eq!(said.code, Some(0), "{fault}: {}", said.err);
        let json: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(json["fault"]["kind"], fault);
        assert_eq!(json["status"]["matches"], true, "{fault}");
        assert!(said.err.contains("What goes wrong: "), "{fault}: {}", said.err);
    }
}

#[test]
fn what_is_assumed_can_be_set_and_a_wrong_name_is_told_the_right_ones() {
    let said = orgpatch(&["rehearse", UTC, "--assume", "make=600..700", "--assume", "call=0"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("600 to 700 s"), "{}", said.out);

    let told: Vec<String> = ["mkae=60", "make", "make=90..40", "make=soon", "make=-1"]
        .iter()
        .map(|assumed| {
            let said = orgpatch(&["rehearse", UTC, "--assume", assumed]);
            assert_eq!(said.code, Some(252), "{assumed}");
            said.err
        })
        .collect();
    assert_reads("wrong_assumptions", &told.join(""));
}

#[test]
fn every_example_can_be_rehearsed() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap() {
        let path = entry.unwrap().path();
        let said = orgpatch(&["rehearse", path.to_str().unwrap()]);

        assert_eq!(said.code, Some(0), "{}: {}{}", path.display(), said.out, said.err);
        assert!(said.out.contains("The organization matches the policy."), "{}", said.out);
    }
}

#[test]
fn progress_as_json_is_one_event_a_line() {
    let said = orgpatch(&["rehearse", UTC, "--progress", "json"]);

    assert_eq!(said.code, Some(0));
    let events: Vec<Value> =
        said.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(events.iter().all(|event| event["format_version"] == 1));
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("started"), count("done"), count("failed")), (6, 6, 0));
}

#[test]
fn an_offline_plan_is_the_same_in_text_and_json() {
    let (_folder, organization) = recorded();

    let text = orgpatch(&["plan", UTC, "--org", &organization]);
    let json = orgpatch(&["plan", UTC, "--org", &organization, "-o", "json"]);

    assert_eq!((text.code, json.code), (Some(0), Some(0)), "{}", text.err);
    assert_reads("offline_plan", &text.out);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["format_version"], 1);
    let digest: Digest = json["digest"].as_str().unwrap().parse().unwrap();
    assert!(text.out.contains(&format!("Digest {}", digest.short())), "{}", text.out);
    let accounts = json["accounts"].as_array().unwrap().len();
    assert!(text.out.contains(&format!("Plan: {accounts} accounts to add")), "{}", text.out);
    assert_eq!(json["summary"]["add"], accounts);
    assert_eq!(json["summary"]["skipped"], json["skipped"].as_array().unwrap().len());
    assert!(text.err.contains("Offline"), "{}", text.err);
}

#[test]
fn a_plan_with_changes_ends_with_2_where_that_is_asked_for() {
    let (_folder, organization) = recorded();

    let said = orgpatch(&["plan", UTC, "--org", &organization, "--detailed-exitcode"]);

    assert_eq!(said.code, Some(2));
}

#[test]
fn a_plan_says_that_apply_will_refuse_it() {
    let (folder, org) = recorded();
    let few = folder.path().join("few.yaml");
    let text = fs::read_to_string(UTC).unwrap();
    fs::write(&few, format!("{text}guards: {{ max_changed_accounts: 5 }}\n")).unwrap();

    let said = orgpatch(&["plan", few.to_str().unwrap(), "--org", &org]);

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("will refuse this"), "{}", said.err);
    assert!(said.err.contains("raise `guards.max_changed_accounts`"), "{}", said.err);
    assert!(!orgpatch(&["plan", UTC, "--org", &org]).err.contains("refuse"));
}

#[test]
fn all_that_is_shown_names_what_the_folded_plan_counts() {
    let (_folder, organization) = recorded();
    let plan = |more: &[&str]| {
        orgpatch(&[&["plan", "policies/scan-only.yaml", "--org", &organization], more].concat()).out
    };

    assert!(plan(&["--show", "all"]).lines().count() >= plan(&[]).lines().count());
    assert!(!plan(&["--show", "all"]).contains(" more"));
}

#[test]
fn a_plan_keeps_to_what_is_selected() {
    let (_folder, organization) = recorded();
    let plan = |more: &[&str]| -> Value {
        let arguments = [&["plan", UTC, "--org", &organization, "-o", "json"], more].concat();
        let said = orgpatch(&arguments);
        assert_eq!(said.code, Some(0), "{more:?}: {}", said.err);
        serde_json::from_str(&said.out).unwrap()
    };
    let ous = |plan: &Value| -> std::collections::BTreeSet<String> {
        let accounts = plan["accounts"].as_array().unwrap();
        accounts.iter().map(|account| account["ou"].as_str().unwrap().to_owned()).collect()
    };

    let whole = plan(&[]);
    assert!(whole["narrowed"].is_null());
    let data = plan(&["--ou", "/Workloads/Prod/Data,Web", "--ring", "main"]);
    assert_eq!(
        ous(&data),
        ["/Workloads/Prod/Data".to_owned(), "/Workloads/Prod/Web".to_owned()].into()
    );
    assert_ne!(data["digest"], whole["digest"]);
    let one = plan(&["--account", "401878017598", "--region", "ap-northeast-1"]);
    assert_eq!(one["summary"]["add"], 1);
    assert_eq!(one["narrowed"]["accounts"][0], "401878017598");
}

#[test]
fn what_can_t_be_selected_ends_with_252_and_says_what_can() {
    let (_folder, organization) = recorded();
    for (arguments, expected) in [
        (["--ring", "mian"], "Did you mean `main`?"),
        (["--ou", "/Workloads/Prd"], "Did you mean `/Workloads/Prod`?"),
        (["--ou", "Suspended"], "organizational units are called `Suspended`"),
        (["--account", "999999999999"], "no account 999999999999"),
        (["--region", "eu-west-1"], "Its Regions: ap-northeast-1."),
    ] {
        let said = orgpatch(&[&["plan", UTC, "--org", &organization], &arguments[..]].concat());

        assert_eq!((said.code, said.out.as_str()), (Some(252), ""), "{arguments:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
        assert!(said.err.contains("help: "), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn a_plan_as_markdown_begins_with_what_it_comes_to() {
    let (_folder, organization) = recorded();

    let said = orgpatch(&["plan", UTC, "--org", &organization, "-o", "markdown"]);

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("**utc: 31 accounts to add, "), "{}", said.out);
    assert_reads("offline_plan.markdown", &said.out);
}

#[test]
fn a_policy_that_does_not_fit_the_organization_ends_with_1() {
    let (folder, organization) = recorded();
    let policy = folder.path().join("typo.yaml");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(UTC)).unwrap();
    fs::write(&policy, text.replace("/Workloads", "/Workload")).unwrap();

    let said = orgpatch(&["plan", policy.to_str().unwrap(), "--org", &organization]);

    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("Did you mean `/Workloads`?"), "{}", said.err);
}

#[test]
fn a_snapshot_that_can_t_be_read_says_why() {
    let folder = TempDir::new().unwrap();
    let good = serde_json::to_value(example_snapshot()).unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        changed.to_string()
    };
    let without_version = {
        let mut changed = good.clone();
        changed.as_object_mut().unwrap().remove("format_version");
        changed.to_string()
    };
    let orphan = {
        let mut changed = good.clone();
        changed["organization"]["accounts"][0]["parent"] = "ou-k7px-nowhere1".into();
        changed.to_string()
    };
    let whole = good.to_string();
    for (name, text, expected) in [
        ("empty", "", "EOF"),
        ("cut", &whole[..whole.len() / 2], "EOF"),
        ("other", "[]", "`format_version`"),
        ("newer", &with("format_version", 2.into()), "format version 2, and this orgpatch reads 1"),
        ("unversioned", &without_version, "`format_version`"),
        ("strange-key", &with("colour", "red".into()), "unknown field `colour`"),
        ("wrong-account", &with("account", "12".into()), "twelve-digit"),
        ("orphan", &orphan, "which was not listed"),
    ] {
        let path = folder.path().join(format!("{name}.json"));
        fs::write(&path, text).unwrap();
        let said = orgpatch(&["plan", UTC, "--org", path.to_str().unwrap()]);

        assert_eq!((said.code, said.out.as_str()), (Some(252), ""), "{name}: {}", said.err);
        assert!(said.err.contains(expected), "{name}: {}", said.err);
        assert!(said.err.contains("orgpatch snapshot --out"), "{name}: {}", said.err);
    }
}

#[test]
fn render_writes_what_would_be_sent_and_always_the_same() {
    let (folder, organization) = recorded();
    let render = |name: &str| -> Vec<(PathBuf, Vec<u8>)> {
        let out = folder.path().join(name).join("below");
        let said =
            orgpatch(&["render", UTC, "--org", &organization, "--out", out.to_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let mut files: Vec<_> = fs::read_dir(&out)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.strip_prefix(&out).unwrap().to_owned(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        assert_eq!(said.out.lines().count(), files.len());
        files
    };

    let files = render("first");

    let names: Vec<&str> = files.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "baseline_overrides.json",
            "orgpatch-utc-main-home.json",
            "orgpatch-utc-main-home.template.json",
            "orgpatch-utc-main-pinned.json",
            "orgpatch-utc-main-pinned.template.json",
            "orgpatch-utc-main.json",
            "orgpatch-utc-main.template.json",
        ]
    );
    for (name, bytes) in &files {
        assert!(serde_json::from_slice::<Value>(bytes).is_ok(), "{}", name.display());
    }
    assert_eq!(files, render("second"));
}

#[test]
fn without_the_wire_commands_say_what_works_instead() {
    if cfg!(feature = "aws") {
        return;
    }
    for arguments in [
        &["plan", UTC][..],
        &["apply", UTC],
        &["destroy", UTC],
        &["status", UTC],
        &["next-runs", UTC, "--online"],
        &["render", UTC, "--out", "/nowhere"],
        &["snapshot", "--out", "/nowhere/org.json"],
    ] {
        let said = orgpatch(arguments);

        assert_eq!((said.code, said.out.as_str()), (Some(252), ""), "{arguments:?}");
        assert!(said.err.contains("was built without AWS"), "{}", said.err);
        assert!(said.err.contains("`rehearse`"), "{}", said.err);
    }
}

#[cfg(feature = "aws")]
mod with_the_wire {
    use super::*;

    #[test]
    fn without_credentials_commands_end_with_253() {
        for arguments in [
            &["plan", UTC][..],
            &["apply", UTC, "--yes"],
            &["destroy", UTC, "--yes", "utc"],
            &["status", UTC],
            &["snapshot", "--out", "/nowhere/org.json", "--region", "eu-west-1"],
        ] {
            let said = orgpatch(arguments);

            assert_eq!(
                (said.code, said.out.as_str()),
                (Some(253), ""),
                "{arguments:?}: {}",
                said.err
            );
            assert!(said.err.contains("help: "), "{}", said.err);
        }
    }

    #[test]
    fn a_profile_that_is_missing_is_not_passed_over_for_keys_in_the_environment() {
        for (variable, arguments) in [
            ("", &["--profile", "no-such-profile", "plan", UTC][..]),
            ("no-such-profile", &["plan", UTC]),
        ] {
            let home = TempDir::new().unwrap();
            let mut command = binary(home.path());
            command
                .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
                .env("AWS_SECRET_ACCESS_KEY", "secret")
                .args(arguments);
            if !variable.is_empty() {
                command.env("AWS_PROFILE", variable);
            }

            let said = Said::from(command.output().unwrap());

            assert_eq!(said.code, Some(253), "{}", said.err);
            assert!(said.err.contains("no-such-profile"), "{}", said.err);
        }
    }
}

#[test]
fn colour_is_there_when_it_is_wanted_and_never_otherwise() {
    let has_colour = |arguments: &[&str], variables: &[(&str, &str)]| {
        let home = TempDir::new().unwrap();
        let mut command = binary(home.path());
        let output = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
        output.stdout.contains(&0x1b)
    };

    assert!(!has_colour(&["rehearse", UTC], &[]));
    assert!(!has_colour(&["--color", "never", "rehearse", UTC], &[("CLICOLOR_FORCE", "1")]));
    assert!(has_colour(&["--color", "always", "rehearse", UTC], &[]));
    assert!(has_colour(&["rehearse", UTC, "--color", "always"], &[("NO_COLOR", "1")]));
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    for arguments in [&["rehearse", UTC][..], &["--help"], &["validate", UTC]] {
        let home = TempDir::new().unwrap();
        let mut child = binary(home.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());

        let said = Said::from(child.wait_with_output().unwrap());

        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
        assert!(!said.err.contains("panicked"), "{arguments:?}: {}", said.err);
    }
}
