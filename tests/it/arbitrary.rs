//! Random organizations and policies, over few names so that what was and what shall be overlap.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use orgpatch::state::{Account, AccountState, Organization};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::RngSeed,
};

use crate::builders::{Stage, account_id, organization, ou_id};

const NAMES: [&str; 5] = ["Workloads", "Prod", "Data", "Suspended", "Policy Staging"];
const REGIONS: [&str; 3] = ["ap-northeast-1", "eu-west-1", "us-east-1"];
const RINGS: [&str; 3] = ["main", "staging", "prod"];
const ACCOUNTS: usize = 6;

/// 64 cases, the same ones in every run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` change that.
pub(crate) fn config() -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 64;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_261_122);
    }
    config
}

/// Where an account sits, and whether it is active.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) path: String,
    pub(crate) state: AccountState,
}

impl Seat {
    fn is_active(&self) -> bool {
        self.state == AccountState::Active
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.state)
    }
}

/// A tree, and the seats of its accounts at two times.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The paths of all OUs, `/` first.
    pub(crate) paths: Vec<String>,
    /// The accounts' seats at first.
    pub(crate) before: Vec<Seat>,
    /// Their seats later.
    pub(crate) after: Vec<Seat>,
}

impl World {
    /// The organization as it is at first.
    pub(crate) fn organization(&self) -> Organization {
        let seats = self.before.iter().enumerate().map(|(number, seat)| {
            let state = if seat.is_active() { "active" } else { "suspended" };
            format!("{}  account-{number}({state})", seat.path)
        });
        let lines: Vec<String> = self.paths[1..].iter().cloned().chain(seats).collect();
        organization(&lines.join("\n"))
    }
}

/// A tree of at most four levels below the root.
fn any_paths() -> impl Strategy<Value = Vec<String>> {
    vec(vec(select(&NAMES[..]), 1..=4), 1..=5).prop_map(|chains| {
        let mut paths = BTreeSet::from(["/".to_owned()]);
        for chain in chains {
            for depth in 1..=chain.len() {
                paths.insert(format!("/{}", chain[..depth].join("/")));
            }
        }
        paths.into_iter().collect()
    })
}

fn any_seat(paths: Vec<String>) -> impl Strategy<Value = Seat> {
    let state = prop_oneof![4 => Just(AccountState::Active), 1 => Just(AccountState::Suspended)];
    (select(paths), state).prop_map(|(path, state)| Seat { path, state })
}

/// What a policy asks for.
#[derive(Clone)]
pub(crate) struct Wanted {
    ous: Vec<String>,
    /// The ring of each OU, where the policy has rings.
    rings: Option<Vec<&'static str>>,
    regions: Vec<&'static str>,
    excluded_ous: Option<Vec<String>>,
    /// By their numbers.
    pub(crate) excluded_accounts: Vec<usize>,
    new_accounts: &'static str,
    management_account: &'static str,
    scan: &'static str,
    install: Option<&'static str>,
    ubuntu: &'static str,
    approve: &'static str,
    pace: &'static str,
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Wanted {
    /// The policy file.
    pub(crate) fn text(&self) -> String {
        let quoted = |names: &[String]| {
            names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
        };
        let ids: Vec<String> = self
            .excluded_accounts
            .iter()
            .map(|number| account_id(number + 1).to_string())
            .collect();
        let excluded_ous = self
            .excluded_ous
            .as_ref()
            .map_or_else(String::new, |ous| format!("ous: [{}], ", quoted(ous)));
        let install = self.install.map_or_else(String::new, |when| format!("  install: {when}\n"));
        let ous = match &self.rings {
            None => format!("  ous: [{}]\n", quoted(&self.ous)),
            Some(_) => String::new(),
        };
        format!(
            "version: 1\nname: weekly\nhome_region: ap-northeast-1\n\
             targets:\n{ous}  regions: [{}]\n  exclude: {{ {excluded_ous}accounts: [{}] }}\n\
             schedule:\n  scan: {}\n{install}\
             new_accounts: {}\nmanagement_account: {}\nbaselines: {{ ubuntu: {} }}\n{}rollout: {}\n{}",
            self.regions.join(", "),
            quoted(&ids),
            self.scan,
            self.new_accounts,
            self.management_account,
            self.ubuntu,
            self.approve,
            self.pace,
            self.rings_text(),
        )
    }

    fn rings_text(&self) -> String {
        let Some(rings) = &self.rings else { return String::new() };
        let mut text = "rings:\n".to_owned();
        for ring in RINGS {
            let ous: Vec<String> = self
                .ous
                .iter()
                .zip(rings)
                .filter(|(_, of)| **of == ring)
                .map(|(ou, _)| format!("\"{ou}\""))
                .collect();
            if !ous.is_empty() {
                // Each ring is different, so that a mix-up is seen.
                let scan = format!("daily 0{}:30", ring.len());
                let _ = writeln!(
                    text,
                    "  - {{ name: {ring}, ous: [{}], schedule: {{ scan: {scan} }} }}",
                    ous.join(", ")
                );
            }
        }
        text
    }

    /// Whether an account in this seat is meant: said anew here, so that it repeats no fault of the planner's.
    pub(crate) fn covers(&self, number: usize, seat: &Seat) -> bool {
        seat.is_active()
            && !self.excluded_accounts.contains(&number)
            && self.ous.iter().any(|ou| is_in(&seat.path, ou))
            && !self.is_excluded(&seat.path)
    }

    fn is_excluded(&self, path: &str) -> bool {
        let default = ["Suspended".to_owned(), "Policy Staging".to_owned()];
        let excluded = self.excluded_ous.as_deref().unwrap_or(&default);
        excluded.iter().any(|name| match name.strip_prefix('/') {
            Some(_) => is_in(path, name),
            None => path.split('/').any(|part| part == name),
        })
    }
}

/// Whether an OU is another one, or below it.
pub(crate) fn is_in(path: &str, ou: &str) -> bool {
    ou == "/" || path == ou || path.strip_prefix(ou).is_some_and(|rest| rest.starts_with('/'))
}

fn any_wanted(paths: &[String]) -> impl Strategy<Value = Wanted> + use<> {
    // OUs by their paths, and by their names alone.
    let excluded: BTreeSet<String> = paths[1..]
        .iter()
        .flat_map(|path| [path.clone(), path.rsplit('/').next().unwrap_or_default().to_owned()])
        .collect();
    let excluded: Vec<String> = excluded.into_iter().collect();
    let most = paths.len().min(3);
    (
        (
            subsequence(paths.to_vec(), 1..=most),
            option::of(vec(select(&RINGS[..]), most)),
            subsequence(REGIONS.to_vec(), 1..=3),
            option::of(subsequence(excluded, 0..=2)),
            prop_oneof![2 => Just(Vec::new()), 1 => subsequence((0..ACCOUNTS).collect::<Vec<_>>(), 1..=2)],
        ),
        (
            select(&["enroll", "next_apply"][..]),
            select(&["exclude", "include"][..]),
            select(&["daily 01:00", "daily 04:00", "rate(12 hours)"][..]),
            option::of(select(&["sun 02:00", "sat 22:00"][..])),
            select(&["aws", "pb-0a1b2c3d4e5f60718", "[{ priority: [Required] }]"][..]),
            select(&["", "approve: { after_days: 3 }\n", "approve: { only: [KB5034439, openssl] }\n"][..]),
            select(&[
                "{}",
                "{ accounts: 100%, tolerate: 0% }",
                "{ accounts: 1%, tolerate: 0%, regions: sequential }",
            ][..]),
        ),
    )
        .prop_map(|(targets, rest)| {
            let (ous, rings, regions, excluded_ous, excluded_accounts) = targets;
            let (new_accounts, management_account, scan, install, ubuntu, approve, pace) = rest;
            Wanted {
                ous,
                rings,
                regions,
                excluded_ous,
                excluded_accounts,
                new_accounts,
                management_account,
                scan,
                install,
                ubuntu,
                approve,
                pace,
            }
        })
}

/// A world, the policy in it, and the policy that follows.
pub(crate) fn any_world() -> impl Strategy<Value = (World, Wanted, Wanted)> {
    any_paths().prop_flat_map(|paths| {
        let seats = || vec(any_seat(paths.clone()), ACCOUNTS);
        (Just(paths.clone()), seats(), seats(), any_wanted(&paths), any_wanted(&paths)).prop_map(
            |(paths, before, after, first, second)| (World { paths, before, after }, first, second),
        )
    })
}

/// The same with moves: accounts by their numbers, each with its next seat, and whether an apply follows.
pub(crate) fn any_moves() -> impl Strategy<Value = (World, Wanted, Vec<(usize, Seat, bool)>)> {
    any_paths().prop_flat_map(|paths| {
        let moves = vec((0..ACCOUNTS, any_seat(paths.clone()), any::<bool>()), 1..6);
        let seats = vec(any_seat(paths.clone()), ACCOUNTS);
        (Just(paths.clone()), seats, any_wanted(&paths), moves).prop_map(
            |(paths, before, wanted, moves)| {
                (World { paths, after: before.clone(), before }, wanted, moves)
            },
        )
    })
}

/// Seats one account; auto-deployment follows.
pub(crate) fn seat(stage: &Stage, number: usize, seat: &Seat) {
    stage.aws.add_account(Account {
        id: account_id(number + 1),
        name: format!("account-{number}"),
        parent: ou_id(&seat.path),
        state: seat.state.clone(),
    });
}
