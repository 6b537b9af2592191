//! Plans as comments: always short enough, whole in themselves, and deaf to what names say.

use orgpatch::{
    plan::Plan,
    report::plan_markdown,
    sim::{SimulatedAws, synthetic_snapshot},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    arbitrary::{any_world, config},
    builders::{Stage, TODAY, desired, policy, snapshot},
};

/// More than any host takes.
const LIMIT: usize = 60_000;

/// Names that somebody may have thought up.
fn any_name() -> impl Strategy<Value = String> {
    let parts = select(
        &[
            "|",
            "`",
            "```\n",
            "<details>",
            "</details>",
            "<!--",
            "@octocat",
            "@org/team",
            "#12",
            "\n",
            "\r\n\n",
            "\u{1b}[31m",
            "**",
            "_",
            "[x](http://y)",
            "\\",
            "\u{202e}",
            "ü",
            "a b",
        ][..],
    );
    vec(parts, 0..80).prop_map(|parts| parts.concat())
}

/// A plan with other names.
fn renamed(mut plan: Plan, names: &[String]) -> Plan {
    let mut names = names.iter().cycle();
    let mut next = || names.next().cloned().unwrap_or_default();
    for name in plan.names.accounts.values_mut() {
        *name = next().into();
    }
    for path in plan.names.units.values_mut() {
        *path = format!("/{}", next()).into();
    }
    for skipped in &mut plan.skipped {
        skipped.ou = next();
    }
    plan.warnings.push(next());
    plan
}

/// Holds a page against what must be so of every page.
fn assert_fine(page: &str) {
    assert!(page.len() < LIMIT, "{}", page.len());
    assert_eq!(page.matches("<details>").count(), page.matches("</details>").count(), "{page}");
    let mut depth = 0_i32;
    for line in page.lines() {
        depth += i32::from(line == "<details>") - i32::from(line == "</details>");
        assert!((0..=1).contains(&depth), "{page}");
        if line.starts_with('|') {
            assert_eq!(unescaped_pipes(line), 5, "{line}");
            assert!(line.ends_with('|'), "{line}");
        }
    }
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    for sign in ['@', '#'] {
        let mut behind = page.match_indices(sign).map(|(at, _)| page[at + 1..].chars().next());
        let calls = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
        assert!(!behind.any(calls), "{sign}: {page}");
    }
}

/// The pipes that divide cells.
fn unescaped_pipes(line: &str) -> usize {
    let mut escaped = false;
    line.chars()
        .filter(|letter| {
            let divides = *letter == '|' && !escaped;
            escaped = *letter == '\\' && !escaped;
            divides
        })
        .count()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_name_breaks_a_page_or_calls_anybody(
        (world, first, second) in any_world(),
        names in vec(any_name(), 1..12),
    ) {
        let organization = snapshot(world.organization());
        let fits = |text: &str| desired(&policy(text), &organization, TODAY).is_ok();
        let stage = Stage::over(organization.clone());
        if fits(&first.text()) {
            stage.roll_out(&first.text());
        }
        if fits(&second.text()) {
            let plan = renamed(stage.plan(&second.text()), &names);
            assert_fine(&plan_markdown(&[&plan], None));
            assert_fine(&plan_markdown(&[&plan, &plan], Some(&names.join("\n"))));
        }
    }
}

/// A plan for ten thousand accounts in five hundred OUs.
fn huge() -> Plan {
    let snapshot = synthetic_snapshot(10_000, 500, 4);
    let regions: Vec<&str> = snapshot.regions.keys().map(orgpatch::ids::Region::as_str).collect();
    let text = format!(
        "version: 1\nname: all\nhome_region: {}\ntargets: {{ ous: [/], regions: [{}] }}\nschedule: {{ scan: daily 01:00 }}\n",
        snapshot.region,
        regions.join(", ")
    );
    Stage { aws: SimulatedAws::new(snapshot), today: TODAY, runs: 0.into() }.plan(&text)
}

#[test]
fn the_largest_plan_fits_and_what_is_cut_is_announced() {
    let mut plan = huge();
    let long = "a warning that says very much ".repeat(20);
    plan.warnings.extend((0..2_000).map(|number| format!("{number} {long}")));

    let page = plan_markdown(&[&plan], None);

    assert_fine(&page);
    assert!(page.starts_with("**all: "), "{page}");
    assert!(page.contains("\ncut: "), "{page}");
    assert!(page.contains("\n| /"), "there is still a table: {page}");
}

#[test]
fn of_very_many_plans_each_is_summed_up_as_long_as_that_fits() {
    let plan = huge();
    for number in [2, 10, 100, 1_000] {
        let plans: Vec<&Plan> = std::iter::repeat_n(&plan, number).collect();

        let page = plan_markdown(&plans, None);

        assert_fine(&page);
        let summed_up = page.matches("**all: ").count();
        assert!(summed_up == number || page.contains("of the policies"), "{number}: {summed_up}");
        assert!(summed_up >= number.min(100), "{number}: {summed_up}");
    }
}
