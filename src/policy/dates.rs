//! What the days that a policy names mean on the day of the plan.

use jiff::civil::Date;

use super::{
    error::{self, Problem, Problems},
    rules::{Approve, BaselineWish, Exception, Until},
    values::{At, ExcludedAccount, Policy},
};

impl Policy {
    /// What may be wrong with the policy on the day of the plan, and is taken all the same.
    ///
    /// # Errors
    ///
    /// Days that have not come yet, and can't be meant.
    pub fn on(&self, today: Date) -> Result<Vec<Problem>, Problems> {
        let (errors, warnings) = on(self, today);
        if errors.is_empty() {
            Ok(error::in_order(self.warnings.iter().cloned().chain(warnings).collect()))
        } else {
            Err(self.problems(errors))
        }
    }
}

/// What is wrong with the days of a policy on a day: the errors, and then the warnings.
pub(super) fn on(policy: &Policy, today: Date) -> (Vec<Problem>, Vec<Problem>) {
    let errors = approvals(policy).filter_map(|approve| in_the_future(approve, today)).collect();
    let exceptions = policy.exceptions.iter().filter_map(|exception| over(exception, today));
    let excluded =
        policy.targets.excluded_accounts.iter().filter_map(|account| covered_again(account, today));
    // A policy's own `approve` stands in each of its rings.
    (error::in_order(errors), error::in_order(exceptions.chain(excluded).collect()))
}

/// Every `approve` of a policy.
fn approvals(policy: &Policy) -> impl Iterator<Item = &At<Approve>> {
    policy.rings.iter().flat_map(|ring| {
        let rules = ring.baselines.values().filter_map(|wish| match &wish.value {
            BaselineWish::Rules(rules) => Some(&rules.rules),
            BaselineWish::Aws | BaselineWish::Existing(_) | BaselineWish::Named(_) => None,
        });
        ring.approve.iter().chain(rules.flatten().filter_map(|rule| rule.approve.as_ref()))
    })
}

fn in_the_future(approve: &At<Approve>, today: Date) -> Option<Problem> {
    let Approve::Until(Until::Date(day)) = approve.value else { return None };
    (day > today).then(|| {
        Problem::at(
            &approve.place,
            format!("{day} has not come yet: patches that are released until then can't have been tested"),
        )
        .help("Write a day that has come, `month-start`, or days after release: `approve: { after_days: 7 }`.")
    })
}

fn over(exception: &Exception, today: Date) -> Option<Problem> {
    let Exception { patch, system, rings: _, owner, ticket, until } = exception;
    (until.value < today).then(|| {
        Problem::warning(
            &until.place,
            format!(
                "the exception for `{}` on {system} ended on {}, so it is not rejected any more ({owner}, {ticket})",
                patch.value, until.value
            ),
        )
        .help("Take the exception out, or let it end later.")
    })
}

fn covered_again(account: &ExcludedAccount, today: Date) -> Option<Problem> {
    let ExcludedAccount { id, reason, until } = account;
    let until = until.filter(|until| *until < today)?;
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let message = format!(
        "the exclusion of account {} ended on {until}, so it is covered again{reason}",
        id.value
    );
    Some(Problem::warning(&id.place, message).help("Take the exclusion out, or let it end later."))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::policy::parse;

    const TODAY: Date = date(2026, 11, 24);

    const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1]
  exclude:
    accounts: [{ id: \"444455556666\", reason: vendor appliance, until: 2026-11-23 }]
schedule:
  scan: daily 01:00
";

    fn said(more: &str) -> (Vec<String>, Vec<String>) {
        let policy = parse("policy.yaml", &format!("{POLICY}{more}"))
            .unwrap_or_else(|problems| panic!("{problems}"));
        let (errors, warnings) = on(&policy, TODAY);
        let words = |problems: Vec<Problem>| {
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        (words(errors), words(warnings))
    }

    #[test]
    fn a_day_that_has_not_come_is_an_error_wherever_it_stands() {
        let (errors, _) = said(
            "\
approve: { until: 2026-12-01 }
baselines:
  amazon_linux_2023:
    - { classification: [Security], approve: { until: 2027-01-01 } }
    - { classification: [Bugfix], approve: { until: 2026-11-24 } }
",
        );

        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].starts_with("2026-12-01 has not come yet"), "{errors:?}");
        assert!(errors[1].starts_with("2027-01-01 has not come yet"), "{errors:?}");
    }

    #[test]
    fn what_has_ended_is_a_warning_that_names_who_answers() {
        let (errors, warnings) = said(
            "\
exceptions:
  - { patch: \"kernel-*\", os: suse, owner: linux-team, ticket: OPS-812, until: 2026-11-23 }
  - { patch: \"dbus-*\", os: suse, owner: linux-team, ticket: OPS-813, until: 2026-11-24 }
",
        );

        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(
            warnings,
            [
                "the exclusion of account 444455556666 ended on 2026-11-23, so it is covered again (vendor appliance)",
                "the exception for `kernel-*` on suse ended on 2026-11-23, so it is not rejected any more (linux-team, OPS-812)",
            ]
        );
    }
}
