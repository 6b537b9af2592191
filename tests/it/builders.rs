//! Small organizations, a simulated AWS over each, and the way from a policy's text to its rollout.
//!
//! Every plan that a test makes comes from [`Stage::plan`] or [`Stage::removal`], and both hold it
//! against the independent checker.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    future::Future,
    str::FromStr,
    time::Duration,
};

use jiff::civil::{Date, date};
use orgpatch::{
    apply::{Event, Outcome, Stop, apply},
    cloud::{CloudRead as _, CloudWrite as _},
    discover,
    ids::{AccountId, BucketName, CallAs, Digest, OuId, Region, StackSetName},
    plan::{self, Approved, Consent, Plan, Refusal, Removals},
    policy::{self, AccessLogs, Additions, Policy, Problems, Surroundings},
    report::{Detail, outcome_text, plan_text},
    sim::{SimulatedAws, example_snapshot},
    state::{
        Account, AccountState, Desired, Observed, Organization, Snapshot, StackSeen, StackSetSpec,
        StackSpec, StackStatus, Switch, Unit,
    },
};

/// The day of every plan that does not say another one.
pub(crate) const TODAY: Date = date(2026, 11, 22);

/// The management account of every organization here.
pub(crate) const MANAGEMENT: &str = "111111111111";

pub(crate) fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Runs one future, with nothing beside it.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Reads a policy that is right.
pub(crate) fn policy(text: &str) -> Policy {
    policy::parse("policy.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A text with one place of it changed.
pub(crate) fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` in:\n{text}");
    text.replace(from, to)
}

/// The ID of the OU with this path; the same path has the same ID in every organization here.
pub(crate) fn ou_id(path: &str) -> OuId {
    match path {
        "/" => parsed("r-ab12"),
        _ => parsed(&format!("ou-ab12-{}", &Digest::of(path).as_str()[..8])),
    }
}

/// The ID of the account with this number.
pub(crate) fn account_id(number: usize) -> AccountId {
    parsed(&format!("{number:012}"))
}

/// An organization, one OU a line: its path, two spaces, and the names of its accounts.
///
/// Accounts are numbered in the order in which they stand there. One that is not active has its state
/// behind its name: `old(suspended)`. OUs in between need no line of their own.
pub(crate) fn organization(text: &str) -> Organization {
    let mut units = BTreeMap::from([("/".to_owned(), unit("/"))]);
    let mut accounts = vec![Account {
        id: parsed(MANAGEMENT),
        name: "management".to_owned(),
        parent: ou_id("/"),
        state: AccountState::Active,
    }];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (path, names) = line.split_once("  ").unwrap_or((line, ""));
        for end in path.match_indices('/').map(|(index, _)| index).skip(1).chain([path.len()]) {
            units.insert(path[..end].to_owned(), unit(&path[..end]));
        }
        for name in names.split_whitespace() {
            let (name, state) = name.split_once('(').unwrap_or((name, "active)"));
            accounts.push(Account {
                id: account_id(accounts.len()),
                name: name.to_owned(),
                parent: ou_id(path),
                state: state_called(state.trim_end_matches(')')),
            });
        }
    }
    Organization::new(parsed("o-exampleorgid"), parsed(MANAGEMENT), units.into_values(), accounts)
        .unwrap()
}

fn unit(path: &str) -> Unit {
    let (above, name) = path.rsplit_once('/').unwrap();
    if name.is_empty() {
        return Unit { id: ou_id("/"), name: "Root".to_owned(), parent: None };
    }
    let above = if above.is_empty() { "/" } else { above };
    Unit { id: ou_id(path), name: name.to_owned(), parent: Some(ou_id(above)) }
}

fn state_called(name: &str) -> AccountState {
    match name {
        "active" => AccountState::Active,
        "pending" => AccountState::PendingActivation,
        "suspended" => AccountState::Suspended,
        "closing" => AccountState::PendingClosure,
        "closed" => AccountState::Closed,
        other => panic!("no state is called {other}"),
    }
}

/// A recording of an organization from its management account, with the example's Regions and baselines.
pub(crate) fn snapshot(organization: Organization) -> Snapshot {
    Snapshot {
        account: organization.management_account().clone(),
        call_as: CallAs::ManagementAccount,
        organization,
        ..example_snapshot()
    }
}

/// Lays a policy over a recorded organization.
pub(crate) fn desired(
    policy: &Policy,
    snapshot: &Snapshot,
    today: Date,
) -> Result<Desired, Problems> {
    let surroundings = Surroundings {
        rings: &BTreeSet::new(),
        organization: &snapshot.organization,
        account: &snapshot.account,
        call_as: snapshot.call_as,
        regions: &snapshot.regions,
    };
    policy::resolve(policy, surroundings, today)
}

/// What a look at the simulated AWS gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    pub(crate) plan: Plan,
}

/// Whether a policy should be there, or be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Kept,
    Removed(Additions, AccessLogs),
}

/// What `destroy` wishes without options.
pub(crate) const GONE: Wish = Wish::Removed(Additions::TakenBack, AccessLogs::Deleted);

/// A simulated AWS, and the day.
pub(crate) struct Stage {
    pub(crate) aws: SimulatedAws,
    pub(crate) today: Date,
    /// How many runs there were, since no two may share their operations' IDs.
    pub(crate) runs: std::cell::Cell<u32>,
}

impl Stage {
    /// An AWS over an organization in which nothing is deployed.
    pub(crate) fn new(tree: &str) -> Self {
        Self::over(snapshot(organization(tree)))
    }

    pub(crate) fn over(snapshot: Snapshot) -> Self {
        Self { aws: SimulatedAws::new(snapshot), today: TODAY, runs: 0.into() }
    }

    /// The same stage, to play on in another way.
    pub(crate) fn again(&self) -> Self {
        Self { aws: self.aws.clone(), today: self.today, runs: self.runs.clone() }
    }

    /// An AWS in which a policy has been rolled out.
    pub(crate) fn with(tree: &str, policy: &str) -> Self {
        let stage = Self::new(tree);
        stage.roll_out(policy);
        stage
    }

    /// Looks as the commands do: at the organization, then at what is deployed in it.
    pub(crate) fn look(&self, policy: &str, wish: Wish) -> Look {
        let policy = self::policy(policy);
        run(async {
            let aws = &self.aws;
            let standing = discover::standing(aws).await.unwrap();
            let organization = discover::organization(aws, &standing.facts).await.unwrap();
            let regions = aws.regions().await.unwrap();
            let rings = policy.ring_names();
            let found = discover::find(aws, standing.call_as, &policy.name, &rings).await;
            let surroundings = Surroundings {
                rings: &found.rings,
                organization: &organization,
                account: &standing.caller.account,
                call_as: standing.call_as,
                regions: &regions,
            };
            let mut desired = match wish {
                Wish::Kept => policy::resolve(&policy, surroundings, self.today)
                    .unwrap_or_else(|problems| panic!("{problems}")),
                Wish::Removed(additions, logs) => {
                    policy::removal(&policy, surroundings, additions, logs)
                }
            };
            desired.unseen.clone_from(&found.unseen);
            let sought = discover::sought(&desired);
            let observed = discover::observe(aws, standing.call_as, &sought, found).await;
            let plan = plan::plan(&desired, &observed);
            assert_eq!(plan::check(&plan), [], "{plan:#?}");
            Look { desired, observed, plan }
        })
    }

    /// What `plan` and `apply` plan.
    pub(crate) fn plan(&self, policy: &str) -> Plan {
        self.look(policy, Wish::Kept).plan
    }

    /// What `destroy` plans.
    pub(crate) fn removal(&self, policy: &str) -> Plan {
        self.look(policy, GONE).plan
    }

    /// Carries out a plan, whatever its guards say.
    pub(crate) fn apply(&self, plan: &Plan) -> Outcome {
        self.apply_telling(plan, |_| ())
    }

    /// The same, telling what happens.
    pub(crate) fn apply_telling(&self, plan: &Plan, tell: impl FnMut(Event<'_>)) -> Outcome {
        let removals = Removals::ByName(plan.policy.clone());
        let approved = approve(plan, removals).unwrap_or_else(|refusal| panic!("{refusal}"));
        let (_switch, stop) = Stop::new();
        run(apply(&approved, &self.aws, &stop, &self.next_run(), tell))
    }

    /// A text that no other run on this stage has.
    pub(crate) fn next_run(&self) -> String {
        self.runs.set(self.runs.get() + 1);
        format!("run {}", self.runs.get())
    }

    /// Carries out a plan of which everything must come off.
    pub(crate) fn apply_all(&self, plan: &Plan) {
        let outcome = self.apply(plan);
        assert!(outcome.is_complete(), "{}", plain(&outcome_text(plan, &outcome)));
    }

    /// Plans and applies as the commands do: what was waited for is looked at again. Tells how it ended.
    pub(crate) fn carry_out(&self, policy: &str, wish: Wish) -> String {
        loop {
            let plan = self.look(policy, wish).plan;
            let outcome = self.apply(&plan);
            if !plan.waits() || !outcome.is_complete() {
                return plain(&outcome_text(&plan, &outcome));
            }
        }
    }

    /// Plans and applies, and sees that it has come out right.
    pub(crate) fn roll_out(&self, policy: &str) {
        self.apply_all(&self.plan(policy));
        self.assert_matches(policy);
    }

    /// A plan made now has nothing to do, and there is what the policy asks for, to the stack.
    pub(crate) fn assert_matches(&self, policy: &str) {
        let Look { desired, plan, .. } = self.look(policy, Wish::Kept);
        assert!(plan.is_empty(), "planned again:\n{}", words(&plan));
        assert_eq!(self.stacks(), wanted_stacks(&desired));
    }

    /// A plan made now to take all away has nothing to do, and nothing is left.
    pub(crate) fn assert_gone(&self, policy: &str) {
        let plan = self.removal(policy);
        assert!(plan.is_empty(), "planned again:\n{}", words(&plan));
        assert_eq!(self.stacks(), BTreeMap::new());
        let Strangers { sets, buckets, .. } = self.strangers();
        assert_eq!(self.aws.stack_sets(), sets);
        assert_eq!(self.aws.buckets(), buckets);
    }

    /// The stacks in every active account that has any. What stands in others can't be changed.
    pub(crate) fn stacks(&self) -> Stacks {
        let organization = self.aws.organization();
        organization
            .accounts()
            .filter(|account| account.state == AccountState::Active)
            .map(|account| {
                let mut stacks = self.aws.stacks_in(&account.id);
                stacks.retain(|(_, name)| name != STRANGER);
                (account.id.clone(), stacks)
            })
            .filter(|(_, stacks)| !stacks.is_empty())
            .collect()
    }

    /// Puts a stack set and a stack with a bucket there that orgpatch has no business with.
    pub(crate) fn put_strangers(&self) {
        let policy = "version: 1\nname: x\nhome_region: ap-northeast-1\n\
             targets: { ous: [/], regions: [ap-northeast-1], exclude: { ous: [] } }\nschedule: { scan: daily 01:00 }\n\
             management_account: include\n";
        let desired = self.look(policy, Wish::Kept).desired;
        let deployment = desired.rings[0].deployment().unwrap();
        let tags = || BTreeMap::from([("team".to_owned(), "network".to_owned())]);
        for set in deployment.stack_sets.values() {
            let spec = StackSetSpec { name: parsed(STRANGER), tags: tags(), ..set.clone() };
            self.aws.put_stack_set(&spec, Switch::Off);
        }
        let name = parsed(STRANGER);
        let spec = StackSpec { name, tags: tags(), ..deployment.home.clone() };
        self.aws.put_stack(&spec, StackStatus::Settled);
    }

    /// What is there that is not orgpatch's.
    pub(crate) fn strangers(&self) -> Strangers {
        let is_stranger = |name: &str| name == STRANGER;
        let stacks: Vec<StackSeen> = self
            .aws
            .stacks()
            .into_iter()
            .filter(|((_, name), _)| is_stranger(name.as_str()))
            .map(|(_, stack)| stack)
            .collect();
        let outputs = stacks.iter().flat_map(|stack| stack.outputs.values());
        Strangers {
            sets: self.aws.stack_sets().into_iter().filter(|n| is_stranger(n.as_str())).collect(),
            buckets: outputs.filter_map(|output| output.parse().ok()).collect(),
            stacks,
        }
    }

    /// Lets time go by, in which auto-deployment does its work.
    pub(crate) fn wait(&self, minutes: u64) {
        run(self.aws.pause(Duration::from_secs(60 * minutes)));
    }

    /// The account with this name.
    pub(crate) fn account(&self, name: &str) -> AccountId {
        let organization = self.aws.organization();
        organization.accounts().find(|account| account.name == name).unwrap().id.clone()
    }

    /// An account joins the organization.
    pub(crate) fn join(&self, name: &str, path: &str) -> AccountId {
        let id = account_id(self.aws.organization().accounts().count());
        self.aws.add_account(Account {
            id: id.clone(),
            name: name.to_owned(),
            parent: ou_id(path),
            state: AccountState::Active,
        });
        id
    }
}

/// The name of what is not orgpatch's.
const STRANGER: &str = "network-baseline";

/// What is not orgpatch's.
#[derive(Debug, PartialEq)]
pub(crate) struct Strangers {
    pub(crate) sets: BTreeSet<StackSetName>,
    pub(crate) stacks: Vec<StackSeen>,
    pub(crate) buckets: BTreeSet<BucketName>,
}

/// Stacks by account: Region, and name of the stack or stack set.
pub(crate) type Stacks = BTreeMap<AccountId, BTreeSet<(Region, String)>>;

/// The stacks that there should be, and no others.
pub(crate) fn wanted_stacks(desired: &Desired) -> Stacks {
    let mut stacks = Stacks::new();
    let mut add = |account: &AccountId, region: &Region, name: String| {
        stacks.entry(account.clone()).or_default().insert((region.clone(), name));
    };
    for deployment in desired.rings.iter().filter_map(|ring| ring.deployment()) {
        for stack in std::iter::once(&deployment.home).chain(deployment.own_stacks.values()) {
            add(&desired.owner.account, &stack.region, stack.name.to_string());
        }
        for set in deployment.stack_sets.values() {
            for account in set.targets.values().flat_map(|target| &target.accounts) {
                for region in &set.regions {
                    add(account, region, set.name.to_string());
                }
            }
        }
    }
    stacks
}

/// Asks the guards.
pub(crate) fn approve(plan: &Plan, removals: Removals) -> Result<Approved, Refusal> {
    plan.clone().approve(&Consent { removals, expected_digest: None })
}

/// A plan as people read it.
pub(crate) fn words(plan: &Plan) -> String {
    plain(&plan_text(plan, Detail::Folded))
}

/// A text without its styles.
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Holds a text against its snapshot. Digests are left out, since every edit of a template
/// changes them, and what CloudFormation makes up.
pub(crate) fn assert_reads(name: &str, text: &str) {
    let filters = vec![
        (r"orgpatch-[0-9a-f]{32}", "[operation]"),
        (r"(Digest `?|text )[0-9a-f]{12}", "$1[digest]"),
        (r"templates/[0-9a-f]{12}", "templates/[digest]"),
        (r"access-log-111111111111-[0-9a-f]{4}", "access-log-111111111111-[four]"),
        // Pauses differ by the IDs of operations, and these by digests.
        (r" +\d+m\d\ds +\d+m\d\ds +[█▏]+", "  [from] [to] [bar]"),
        (r"(after|from|at) \d+m\d\ds", "$1 [time]"),
        (
            r"took \d+m\d\ds of simulated time and \d+ calls; [^.]*",
            "took [time] of simulated time and [calls]",
        ),
        (r"█ is \d+ seconds", "█ is [column]"),
        (r"(reply to call|after event) \d+", "$1 [number]"),
        (r"(orgpatch:digest): [0-9a-f]{12} → [0-9a-f]{12}", "$1: [before] → [after]"),
    ];
    insta::with_settings!({
        filters => filters,
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}
