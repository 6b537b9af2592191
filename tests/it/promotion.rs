//! `promote` gives a ring what an earlier one has, and edits nothing else in the file.

use std::{fmt::Write as _, fs};

use jiff::civil::Date;
use orgpatch::{
    policy::{Approve, Edited, Policy, Promoted, Promotion, RingWish, Unpromoted, Until, promote},
    sim::example_snapshot,
};
use proptest::{option, prelude::*, sample::select};

use crate::{
    arbitrary::config,
    builders::{TODAY, edited, parsed, policy},
};

/// A policy whose rings `staging` and `prod` approve like this.
fn rings(staging: &str, prod: &str) -> String {
    let approve = |words: &str| match words {
        "" => String::new(),
        words => format!("    approve: {{ {words} }}\n"),
    };
    format!(
        "version: 1\nname: corp\nhome_region: ap-northeast-1\ntargets: {{ regions: [ap-northeast-1] }}\n\
         schedule: {{ scan: daily 01:00 }}\nrings:\n\
         \x20 - name: staging\n    ous: [/A]\n{}\
         \x20 - name: prod\n    ous: [/B]\n{}",
        approve(staging),
        approve(prod)
    )
}

fn promoted(text: &str, promotion: &Promotion) -> Result<Promoted, Unpromoted> {
    promote(&policy(text), &parsed("staging"), &parsed("prod"), promotion, TODAY)
}

/// The edited file, where there is something to promote.
fn edit(text: &str, promotion: &Promotion) -> Edited {
    match promoted(text, promotion) {
        Ok(Promoted::Edited(edited)) => *edited,
        other => panic!("{other:?}\n{text}"),
    }
}

fn date(text: &str) -> Date {
    parsed(text)
}

fn only(patches: &[&str]) -> Promotion {
    Promotion::Only(patches.iter().map(|&patch| patch.to_owned()).collect())
}

#[test]
fn a_ring_is_given_what_the_earlier_one_has_today() {
    for (staging, given) in [
        ("after_days: 1", "until: 2026-11-21"),
        ("after_days: 0", "until: 2026-11-22"),
        ("", "until: 2026-11-15"),
        ("until: 2026-11-18", "until: 2026-11-18"),
        ("until: 2027-01-01", "until: 2026-11-22"),
        ("until: month-start", "until: 2026-11-01"),
        ("until: previous-month-start", "until: 2026-10-01"),
        ("only: [KB5034439, CVE-2026-12345]", "only: [KB5034439, CVE-2026-12345]"),
    ] {
        let text = rings(staging, "after_days: 90");

        let edited = edit(&text, &Promotion::InForce);

        assert_eq!(edited.text, rings(staging, given), "{staging}");
        assert_eq!(edited.policy, policy(&edited.text));
    }
}

#[test]
fn the_policy_s_own_word_is_that_of_a_ring_without_one() {
    let text = rings("", "until: 2026-01-01") + "approve: { after_days: 3 }\n";

    assert_eq!(
        edit(&text, &Promotion::InForce).text,
        edited(&text, "until: 2026-01-01", "until: 2026-11-19")
    );
}

#[test]
fn a_ring_that_has_it_already_is_left_alone() {
    for (staging, prod) in [
        ("until: 2026-11-01", "until: 2026-11-01"),
        ("until: 2026-11-01", "until: month-start"),
        ("after_days: 7", ""),
        ("only: [KB5034439, KB5034440]", "only: [KB5034440, KB5034439]"),
    ] {
        let promoted = promoted(&rings(staging, prod), &Promotion::InForce);
        assert!(matches!(promoted, Ok(Promoted::Already(_))), "{staging} {prod}: {promoted:?}");
    }
}

#[test]
fn a_ring_gets_nothing_that_the_earlier_one_has_not() {
    let by_day = rings("until: 2026-11-01", "until: 2026-10-01");
    let earlier = edit(&by_day, &Promotion::Until(date("2026-10-15"))).text;
    assert!(earlier.contains("until: 2026-10-15"));

    let not_yet = promoted(&by_day, &Promotion::Until(date("2026-11-02"))).unwrap_err();
    assert!(not_yet.to_string().contains("`prod` would get patches that `staging` has not"));
    assert!(not_yet.help().unwrap().contains("2026-11-01"));
    let future = promoted(&by_day, &Promotion::Until(date("2026-11-23"))).unwrap_err();
    assert!(matches!(future, Unpromoted::Future { .. }));

    let by_name = rings("only: [KB5034439, KB5034440]", "after_days: 30");
    let day = promoted(&by_name, &Promotion::Until(date("2026-10-15"))).unwrap_err();
    assert!(matches!(day, Unpromoted::ByName { .. }));
    let other = promoted(&by_name, &only(&["KB5034440", "KB5034441"])).unwrap_err();
    assert!(matches!(&other, Unpromoted::NotListed { missing, .. } if *missing == ["KB5034441"]));
    let one = edit(&by_name, &only(&["KB5034440", "KB5034440"]));
    assert!(one.text.contains("approve: { only: [KB5034440] }"), "{}", one.text);
}

#[test]
fn patches_by_name_from_a_ring_that_goes_by_day_are_taken_with_a_note() {
    let edited = edit(&rings("after_days: 1", "after_days: 30"), &only(&["CVE-2026-12345"]));

    assert!(edited.text.contains("approve: { only: [CVE-2026-12345] }"), "{}", edited.text);
    assert!(edited.notes.iter().any(|note| note.contains("CVE-2026-12345 can't be told")));
}

#[test]
fn nothing_is_taken_back() {
    for (staging, prod) in [
        ("until: 2026-10-01", "until: 2026-10-02"),
        ("after_days: 30", ""),
        ("after_days: 2", "after_days: 1"),
    ] {
        let back = promoted(&rings(staging, prod), &Promotion::InForce).unwrap_err();
        assert!(matches!(back, Unpromoted::Back { .. }), "{staging} {prod}: {back:?}");
    }
}

#[test]
fn rings_are_two_that_there_are_in_the_order_of_the_file() {
    let policy = policy(&rings("after_days: 1", "after_days: 30"));
    let refused = |from: &str, to: &str| {
        promote(&policy, &parsed(from), &parsed(to), &Promotion::InForce, TODAY).unwrap_err()
    };

    let unknown = refused("stagin", "prod");
    assert_eq!(unknown.help().unwrap(), "Did you mean `staging`?");
    assert!(matches!(refused("prod", "prod"), Unpromoted::SameRing(_)));
    assert!(matches!(refused("prod", "staging"), Unpromoted::Behind { .. }));
}

#[test]
fn what_no_policy_may_name_is_refused_with_its_place() {
    let text = rings("after_days: 1", "after_days: 30");

    let refused = promoted(&text, &only(&["KB-5034439"])).unwrap_err();

    let Unpromoted::NotAPolicy(problems) = refused else { panic!("{refused:?}") };
    assert!(problems.to_string().contains("policy.yaml:12:"), "{problems}");
}

#[test]
fn a_file_that_shares_its_approvals_is_left_to_a_person() {
    let text = rings("after_days: 1", "after_days: 30")
        + "  - name: late\n    ous: [/C]\n    approve: *slow\n";
    let text = edited(&text, "approve: { after_days: 30 }", "approve: &slow { after_days: 30 }");

    let refused = promoted(&text, &Promotion::InForce).unwrap_err();

    let Unpromoted::Unedited { line, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(*line, 10);
    assert!(refused.help().unwrap().contains("`approve: { until: 2026-11-21 }`"));
}

/// How somebody writes a ring.
#[derive(Clone, Debug)]
struct Layout {
    indentation: usize,
    gap: usize,
    is_flow: bool,
    quote: &'static str,
    approve: Option<(usize, &'static str)>,
    order: Vec<&'static str>,
    line_end: &'static str,
    ends_with_line: bool,
    is_last: bool,
    comments: Vec<bool>,
}

fn any_layout() -> impl Strategy<Value = Layout> {
    let value = select(
        &[
            "after_days: 30",
            "until: 2026-10-01",
            "until:   month-start",
            "only: [KB5034439, \"kernel-*\"]",
            "only: KB5034439",
        ][..],
    );
    (
        (select(&[0, 2, 4][..]), 1..=3_usize, any::<bool>(), select(&["", "'", "\""][..])),
        (
            option::of((0..4_usize, value)),
            Just(vec!["name", "ous", "approve"]).prop_shuffle(),
            select(&["\n", "\r\n"][..]),
            any::<bool>(),
            any::<bool>(),
            proptest::collection::vec(any::<bool>(), 24),
        ),
    )
        .prop_map(|((indentation, gap, is_flow, quote), rest)| {
            let (approve, order, line_end, ends_with_line, is_last, comments) = rest;
            Layout {
                indentation,
                gap,
                is_flow,
                quote,
                approve,
                order,
                line_end,
                ends_with_line,
                is_last,
                comments,
            }
        })
}

impl Layout {
    /// The file, with the comments that are in it.
    fn text(&self) -> (String, Vec<String>) {
        let mut comments = Vec::new();
        let mut wanted = self.comments.iter().cycle();
        let mut comment = |before: &str| {
            if *wanted.next().unwrap() {
                comments.push(format!("# comment {}.", comments.len()));
                format!("{before}{}", comments.last().unwrap())
            } else {
                String::new()
            }
        };
        let indentation = " ".repeat(self.indentation);
        let mut text =
            format!("version: 1{}\nname: corp\nhome_region: ap-northeast-1\n", comment(" "));
        text.push_str("targets: { regions: [ap-northeast-1] }\nschedule: { scan: daily 01:00 }\n");
        let _ = writeln!(text, "rings:{}", comment("  "));
        let _ = writeln!(
            text,
            "{indentation}- {{ name: staging, ous: [/A], approve: {{ after_days: 1 }} }}{}",
            comment("  ")
        );
        if self.is_flow {
            self.flow(&mut text, &mut comment);
        } else {
            self.block(&mut text, &mut comment);
        }
        if !self.is_last {
            let _ = writeln!(text, "{indentation}- {{ name: late, ous: [/C] }}{}", comment(" "));
            let _ = writeln!(text, "tags: {{ a: b }}{}", comment(" "));
        }
        if !self.ends_with_line {
            text.truncate(text.trim_end().len());
        }
        (text.replace('\n', self.line_end), comments)
    }

    /// A key as it is written.
    fn key(&self, key: &str) -> String {
        format!("{0}{key}{0}", self.quote)
    }

    /// The entry within `approve`.
    fn entry(&self, words: &str) -> String {
        let (key, value) = words.split_once(':').unwrap();
        format!("{}:{value}", self.key(key))
    }

    fn flow(&self, text: &mut String, comment: &mut impl FnMut(&str) -> String) {
        let _ = write!(text, "{}- {{", " ".repeat(self.indentation));
        let _ = writeln!(text, "{}", comment(" "));
        let inner = " ".repeat(self.indentation + 2 + self.gap);
        for key in &self.order {
            let value = match *key {
                "name" => "prod".to_owned(),
                "ous" => "[/B]".to_owned(),
                _ => match self.approve {
                    Some((style, words)) => {
                        let end = if style % 2 == 0 { " " } else { "" };
                        format!("{{{end}{}{end}}}", self.entry(words))
                    }
                    None => continue,
                },
            };
            let _ = writeln!(text, "{inner}{}: {value},{}", self.key(key), comment(" "));
        }
        let _ = writeln!(text, "{inner}}}{}", comment(" "));
    }

    fn block(&self, text: &mut String, comment: &mut impl FnMut(&str) -> String) {
        let indentation = " ".repeat(self.indentation);
        let inner = " ".repeat(self.indentation + 1 + self.gap);
        let mut dash = format!("{indentation}-{}", " ".repeat(self.gap));
        for key in &self.order {
            let written = self.key(key);
            let lines = match (*key, self.approve) {
                ("name", _) => format!("{written}: prod{}\n", comment("   ")),
                ("ous", _) => {
                    format!("{written}:{}\n{inner}  - /B{}\n", comment(" "), comment(" "))
                }
                (_, None) => continue,
                (_, Some((0, words))) => {
                    format!("{written}: {{ {} }}{}\n", self.entry(words), comment(" "))
                }
                (_, Some((1, words))) => {
                    format!("{written}: {{{}}}{}\n", self.entry(words), comment("  "))
                }
                (_, Some((2, words))) => format!(
                    "{written}:{}\n{inner}  {}{}\n",
                    comment(" "),
                    self.entry(words),
                    comment(" ")
                ),
                (_, Some((_, words))) => {
                    // Patches stand on lines of their own.
                    let (key, value) = words.split_once(':').unwrap();
                    let value = value.trim();
                    let value = match value.strip_prefix('[') {
                        None => format!(" {value}{}\n", comment(" ")),
                        Some(list) => list.trim_end_matches(']').split(", ").fold(
                            format!("{}\n", comment(" ")),
                            |lines, patch| {
                                let comment = comment(" ");
                                format!("{lines}{inner}    - {patch}{comment}\n")
                            },
                        ),
                    };
                    format!("{written}:{}\n{inner}  {}:{value}", comment(" "), self.key(key))
                }
            };
            text.push_str(&std::mem::replace(&mut dash, inner.clone()));
            text.push_str(&lines);
            let line = comment("");
            if !line.is_empty() {
                let _ = writeln!(text, "{inner}{line}");
            }
        }
    }
}

/// What a policy says of its rings, but for the approvals of one and for places.
fn meaning(policy: &Policy, but: &str) -> Vec<String> {
    let words = |ring: &RingWish| {
        let mut ring = ring.clone();
        if ring.name.as_str() == but {
            ring.approve = None;
        }
        without_places(&format!("{ring:?}"))
    };
    policy.rings.iter().map(words).collect()
}

fn without_places(text: &str) -> String {
    let mut parts = text.split("Place {");
    let mut words = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        words.push_str(part.split_once('}').unwrap().1);
    }
    words
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_a_file_looks_like_nothing_else_in_it_is_changed(
        layout in any_layout(),
        by_name in any::<bool>(),
    ) {
        let (text, comments) = layout.text();
        let before = policy(&text);
        let promotion = if by_name {
            only(&["KB5034440", "kernel-*"])
        } else {
            Promotion::InForce
        };

        let edited = edit(&text, &promotion);

        let approve = edited.policy.rings[1].approve.as_ref().map(|approve| &approve.value);
        match approve {
            Some(Approve::Until(Until::Date(day))) => {
                prop_assert!(!by_name);
                prop_assert_eq!(*day, date("2026-11-21"));
            }
            Some(Approve::Only(patches)) => {
                let patches: Vec<&str> = patches.iter().map(|patch| patch.value.as_str()).collect();
                prop_assert!(by_name);
                prop_assert_eq!(patches, ["KB5034440", "kernel-*"]);
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
        prop_assert_eq!(meaning(&edited.policy, "prod"), meaning(&before, "prod"));
        for comment in &comments {
            prop_assert_eq!(edited.text.matches(comment.as_str()).count(), 1, "{}\n{}", comment, edited.text);
        }
        if layout.line_end == "\r\n" {
            prop_assert!(!edited.text.replace("\r\n", "").contains('\n'));
        } else {
            prop_assert!(!edited.text.contains('\r'));
        }
        prop_assert_eq!(edited.text.ends_with('\n'), text.ends_with('\n'));
        // The next time there is nothing to do.
        let again = promoted(&edited.text, &promotion);
        prop_assert!(matches!(again, Ok(Promoted::Already(_))), "{:?}", again);
    }
}

/// The policy of the command line's tests, in a folder of its own, with the example organization.
struct Folder {
    folder: tempfile::TempDir,
}

const TWO_RINGS: &str = "tests/fixtures/policies/two-rings.yaml";

impl Folder {
    fn new() -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        fs::copy(
            format!("{}/{TWO_RINGS}", env!("CARGO_MANIFEST_DIR")),
            folder.path().join("x.yaml"),
        )
        .unwrap();
        let snapshot = serde_json::to_string(&example_snapshot()).unwrap();
        fs::write(folder.path().join("org.json"), snapshot).unwrap();
        Self { folder }
    }

    fn text(&self) -> String {
        fs::read_to_string(self.folder.path().join("x.yaml")).unwrap()
    }

    /// Runs the binary in the folder, without credentials.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_orgpatch"))
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Promotes from `staging` to `prod`, with further arguments.
    fn promote(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let to = ["promote", "x.yaml", "--from", "staging", "--to", "prod", "--org", "org.json"];
        self.run(&[&to[..], more].concat())
    }
}

const DIFF: &str = "\
x.yaml:34
-    approve: { until: 2024-05-01 }   # moved by hand
+    approve: { until: 2024-06-01 }   # moved by hand
";

#[test]
fn the_command_shows_its_edit_and_the_plan_and_then_has_nothing_to_do() {
    let folder = Folder::new();
    let before = folder.text();

    let (code, out, err) = folder.promote(&["--dry-run"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with(DIFF), "{out}");
    assert!(out.contains("Approved in ring prod: released up to 2024-06-01"), "{out}");
    assert!(out.contains("Policy two-rings"), "{out}");
    assert_eq!(folder.text(), before);

    let (code, really, err) = folder.promote(&[]);
    assert_eq!((code, really), (Some(0), out), "{err}");
    let after = edited(&before, "until: 2024-05-01", "until: 2024-06-01");
    assert_eq!(folder.text(), after);

    let (code, out, _) = folder.promote(&[]);
    assert_eq!(code, Some(0));
    assert!(out.contains("nothing to promote"), "{out}");
    assert_eq!(folder.text(), after);
    assert_eq!(fs::read_dir(folder.folder.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn what_the_command_refuses_changes_nothing() {
    let folder = Folder::new();
    let before = folder.text();
    let rings = |from, to| ["promote", "x.yaml", "--from", from, "--to", to, "--org", "org.json"];

    for (arguments, code, words) in [
        (&[&rings("staging", "prod")[..], &["--until", "2024-06-02"]].concat(), 4, "2024-06-01"),
        (&[&rings("staging", "prod")[..], &["--until", "2999-01-01"]].concat(), 4, "future"),
        (&[&rings("staging", "prod")[..], &["--until", "2024-04-30"]].concat(), 4, "take some"),
        (&[&rings("staging", "prod")[..], &["--until", "1.6.2024"]].concat(), 252, "2027-01-31"),
        (&[&rings("staging", "prod")[..], &["--only", "KB-5034439"]].concat(), 252, "x.yaml:34:"),
        (&rings("prod", "staging").to_vec(), 4, "comes behind"),
        (&rings("prod", "prod").to_vec(), 252, "the same ring"),
        (&rings("stagin", "prod").to_vec(), 252, "Did you mean `staging`?"),
        (&rings("Not A Ring", "prod").to_vec(), 252, "a ring name"),
    ] {
        let (found, out, err) = folder.run(arguments);

        assert_eq!((found, out.as_str()), (Some(code), ""), "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
        assert_eq!(folder.text(), before);
    }
    let both = ["--until", "2024-05-15", "--only", "KB5034439"];
    assert_eq!(folder.promote(&both).0, Some(252));
}

#[test]
fn the_command_takes_patches_by_name_and_says_what_it_can_t_know() {
    let folder = Folder::new();

    let (code, _, err) = folder.promote(&["--only", "CVE-2024-3094", "KB5034439"]);

    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("note: `staging` approves by day of release"), "{err}");
    assert!(
        folder
            .text()
            .contains("    approve: { only: [CVE-2024-3094, KB5034439] }   # moved by hand\n"),
        "{}",
        folder.text()
    );
}

#[test]
fn a_plan_that_can_t_be_made_leaves_the_edit_and_says_so() {
    let folder = Folder::new();

    let (code, out, err) = folder.run(&["promote", "x.yaml", "--from", "staging", "--to", "prod"]);

    let expected = if cfg!(feature = "aws") { 253 } else { 252 };
    assert_eq!(code, Some(expected), "{err}");
    assert!(out.starts_with(DIFF), "{out}");
    assert!(err.contains("x.yaml was edited all the same"), "{err}");
    assert!(folder.text().contains("until: 2024-06-01 }   # moved by hand"));
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let folder = Folder::new();
    let path = |name: &str| folder.folder.path().join(name);
    fs::create_dir(path("real")).unwrap();
    fs::rename(path("x.yaml"), path("real/y.yaml")).unwrap();
    symlink("real/y.yaml", path("x.yaml")).unwrap();
    fs::set_permissions(path("real/y.yaml"), fs::Permissions::from_mode(0o640)).unwrap();

    let (code, _, err) = folder.promote(&[]);

    assert_eq!(code, Some(0), "{err}");
    assert!(fs::symlink_metadata(path("x.yaml")).unwrap().is_symlink());
    let mode = fs::metadata(path("real/y.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(folder.text().contains("until: 2024-06-01 }   # moved by hand"));
    assert_eq!(fs::read_dir(path("real")).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_read_only_stays_as_it_is() {
    let folder = Folder::new();
    let path = folder.folder.path().join("x.yaml");
    let before = folder.text();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();

    let (code, _, err) = folder.promote(&[]);

    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("it is read-only"), "{err}");
    assert_eq!(folder.text(), before);
}
