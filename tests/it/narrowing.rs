//! A plan that keeps to some rings, accounts and Regions: it is as sound as the whole one, touches nothing
//! else, and what it leaves is done by the next whole plan.

use std::collections::{BTreeMap, BTreeSet};

use orgpatch::{
    ids::{AccountId, Region},
    plan::{
        self, Action, Change, Filters, Narrowed, Plan, Removals, Selection, Step, narrow,
        status_within,
    },
    report::outcome_text,
    state::Reach,
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{
    arbitrary::{World, any_world, config, is_in, seat},
    builders::{
        Look, MANAGEMENT, Stacks, Stage, TODAY, Wish, account_id, approve, assert_reads, desired,
        edited, ou_id, parsed, plain, policy, snapshot, words,
    },
};

const REGIONS: [&str; 3] = ["ap-northeast-1", "eu-west-1", "us-east-1"];

/// What is selected, by numbers that fit any world.
#[derive(Clone, Debug)]
struct Picked {
    /// A bit for each ring.
    rings: u8,
    ous: Vec<Index>,
    accounts: Vec<usize>,
    /// A bit for each Region.
    regions: u8,
}

fn any_picked() -> impl Strategy<Value = Picked> {
    let ous = prop_oneof![1 => Just(Vec::new()), 2 => vec(any::<Index>(), 1..=2)];
    let accounts = prop_oneof![2 => Just(Vec::new()), 1 => vec(0..6_usize, 1..=3)];
    (0..8_u8, ous, accounts, 0..8_u8).prop_map(|(rings, ous, accounts, regions)| Picked {
        rings,
        ous,
        accounts,
        regions,
    })
}

fn is_known(region: &Region, plan: &Plan) -> bool {
    let filters = Filters { regions: vec![region.clone()], ..Filters::default() };
    Selection::new(&filters, plan).is_ok()
}

fn chosen<T: Clone>(all: &[T], bits: u8) -> Vec<T> {
    let chosen = all.iter().enumerate().filter(|(number, _)| (bits >> number) & 1 == 1);
    chosen.map(|(_, one)| one.clone()).collect()
}

impl Picked {
    fn filters(&self, world: &World, plan: &Plan) -> Filters {
        let rings: Vec<_> = plan.rings.iter().map(|ring| ring.name.clone()).collect();
        let regions: Vec<Region> = REGIONS.iter().map(|region| parsed(region)).collect();
        let regions = chosen(&regions, self.regions);
        Filters {
            rings: chosen(&rings, self.rings),
            ous: self.ous.iter().map(|index| index.get(&world.paths).clone()).collect(),
            accounts: self.accounts.iter().map(|number| account_id(number + 1)).collect(),
            regions: regions.into_iter().filter(|region| is_known(region, plan)).collect(),
        }
    }
}

/// What is selected, said anew here, so that it repeats no fault of the plan room's.
struct Said<'a> {
    filters: &'a Filters,
    /// Where each account sits.
    seats: BTreeMap<AccountId, String>,
}

impl<'a> Said<'a> {
    fn of(filters: &'a Filters, world: &World) -> Self {
        let seats = world.after.iter().enumerate();
        let mut seats: BTreeMap<AccountId, String> =
            seats.map(|(number, seat)| (account_id(number + 1), seat.path.clone())).collect();
        seats.insert(parsed(MANAGEMENT), "/".to_owned());
        Self { filters, seats }
    }

    fn account(&self, account: &AccountId) -> bool {
        let Filters { ous, accounts, .. } = self.filters;
        let within =
            self.seats.get(account).is_some_and(|seat| ous.iter().any(|ou| is_in(seat, ou)));
        (ous.is_empty() && accounts.is_empty()) || within || accounts.contains(account)
    }

    fn region(&self, region: &Region) -> bool {
        self.filters.regions.is_empty() || self.filters.regions.contains(region)
    }

    fn whole(&self, path: &str) -> bool {
        let Filters { ous, accounts, .. } = self.filters;
        (ous.is_empty() && accounts.is_empty()) || ous.iter().any(|ou| is_in(path, ou))
    }

    /// Whether a step touches nothing but what is selected.
    fn allows(&self, step: &Step, plan: &Plan) -> bool {
        let rings = &self.filters.rings;
        let in_ring = rings.is_empty() || rings.contains(&step.ring);
        let own = step.id.as_str().contains("/own-stack/");
        let own_region =
            |region: &Region| !own || (self.region(region) && self.account(&plan.owner.account));
        in_ring
            && match &step.action {
                Action::AddInstances { targets, .. } | Action::RemoveInstances { targets, .. } => {
                    let path = |ou| plan.names.units.get(ou).map_or("", |path| path);
                    targets.accounts.iter().all(|account| self.account(account))
                        && targets.regions.iter().all(|region| self.region(region))
                        && (targets.reach == Reach::NamedAccounts
                            || targets.ous.iter().all(|ou| self.whole(path(ou))))
                }
                Action::UpdateStackSet { spec, .. } => {
                    let mut accounts = spec.targets.values().flat_map(|target| &target.accounts);
                    accounts.all(|account| self.account(account))
                        && spec.regions.iter().all(|region| self.region(region))
                }
                Action::CreateStack { spec, .. } | Action::UpdateStack { spec, .. } => {
                    own_region(&spec.region)
                }
                Action::DeleteStack { region, .. } => own_region(region),
                _ => true,
            }
    }

    /// The stacks that nothing may happen to.
    fn outside(&self, stacks: Stacks) -> Stacks {
        stacks
            .into_iter()
            .map(|(account, mut stacks)| {
                stacks.retain(|(region, name)| {
                    let is_meant = self.account(&account) && self.region(region);
                    !is_meant && !name.ends_with("-home")
                });
                (account, stacks)
            })
            .filter(|(_, stacks)| !stacks.is_empty())
            .collect()
    }
}

/// A stage on which a policy was rolled out before the accounts took other seats, if it fits them then.
fn stage(world: &World, first: &str, second: &str) -> Option<Stage> {
    let stage = Stage::over(snapshot(world.organization()));
    let fits =
        |text: &str| desired(&policy(text), &snapshot(stage.aws.organization()), TODAY).is_ok();
    if fits(first) {
        stage.roll_out(first);
    }
    for (number, place) in world.after.iter().enumerate() {
        seat(&stage, number, place);
    }
    stage.wait(60);
    fits(second).then_some(stage)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_narrowed_plan_is_sound_and_touches_nothing_else(
        (world, first, second) in any_world(),
        picked in any_picked(),
    ) {
        let Some(stage) = stage(&world, &first.text(), &second.text()) else { return Ok(()) };
        let whole = stage.plan(&second.text());
        let filters = picked.filters(&world, &whole);
        let selection = Selection::new(&filters, &whole).unwrap();
        let said = Said::of(&filters, &world);

        let plan = narrow(whole.clone(), &selection);

        prop_assert_eq!(plan::check(&plan), []);
        for step in &plan.steps {
            prop_assert!(said.allows(step, &whole), "{filters:?}: {step:#?}");
        }
        for (account, change) in &plan.coverage.accounts {
            let before = &whole.coverage.accounts[account];
            prop_assert!(said.account(account));
            prop_assert!(change.added.is_subset(&before.added));
            prop_assert!(change.removed.is_subset(&before.removed));
            let mut regions = change.added.iter().chain(&change.removed).chain(&change.kept);
            prop_assert!(regions.all(|region| said.region(region)));
        }
        let outside = said.outside(stage.stacks());
        let outcome = stage.apply(&plan);
        prop_assert!(outcome.is_complete(), "{}", plain(&outcome_text(&plan, &outcome)));
        prop_assert_eq!(said.outside(stage.stacks()), outside, "{:?}:\n{}", filters, words(&plan));
    }

    #[test]
    fn what_a_narrowed_plan_left_is_done_by_the_next_whole_one(
        (world, first, second) in any_world(),
        picked in any_picked(),
    ) {
        let Some(stage) = stage(&world, &first.text(), &second.text()) else { return Ok(()) };
        let whole = stage.plan(&second.text());
        let selection = Selection::new(&picked.filters(&world, &whole), &whole).unwrap();

        stage.apply_all(&narrow(whole, &selection));

        stage.roll_out(&second.text());
    }

    #[test]
    fn narrowed_twice_is_narrowed_once_and_by_everything_not_at_all(
        (world, first, second) in any_world(),
        picked in any_picked(),
    ) {
        let Some(stage) = stage(&world, &first.text(), &second.text()) else { return Ok(()) };
        let whole = stage.plan(&second.text());
        let selection = Selection::new(&picked.filters(&world, &whole), &whole).unwrap();

        let once = narrow(whole.clone(), &selection);
        prop_assert_eq!(narrow(once.clone(), &selection), once);

        let regions = REGIONS.iter().map(|region| parsed(region));
        let everything = Filters {
            rings: whole.rings.iter().map(|ring| ring.name.clone()).collect(),
            ous: vec!["/".to_owned()],
            accounts: whole.names.accounts.keys().cloned().collect(),
            regions: regions.filter(|region| is_known(region, &whole)).collect(),
        };
        let everything = Selection::new(&everything, &whole).unwrap();
        let all = narrow(whole.clone(), &everything);
        prop_assert_eq!(Plan { narrowed: None, ..all }, whole.clone());
        prop_assert_eq!(narrow(whole.clone(), &Selection::default()), whole);
    }
}

/// A shop: a clean OU, one with something excluded inside, and one that no policy here covers.
const SHOP: &str = "
    /Workloads            tools
    /Workloads/Prod       web-1 web-2
    /Workloads/Prod/Data  orders
    /Workloads/Test       test-1 test-2
    /Workloads/Suspended  old-1(suspended) old-2
    /Security             audit
";

const POLICY: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  ous: [/Workloads]
  regions: [ap-northeast-1, eu-west-1]
schedule:
  scan: daily 01:00
  install: sun 02:00
  timezone: region
";

/// The same shop in two rings.
const RINGS: &str = "\
version: 1
name: weekly
home_region: ap-northeast-1
targets:
  regions: [ap-northeast-1, eu-west-1]
schedule:
  scan: daily 01:00
new_accounts: next_apply
rings:
  - { name: staging, ous: [/Workloads/Test] }
  - { name: prod, ous: [/Workloads/Prod] }
";

#[derive(Default)]
struct Only<'a> {
    rings: &'a [&'a str],
    ous: &'a [&'a str],
    accounts: &'a [&'a str],
    regions: &'a [&'a str],
}

/// A plan that keeps to this, with accounts by their names.
fn only(stage: &Stage, policy: &str, only: &Only<'_>) -> Plan {
    let plan = stage.plan(policy);
    let selection = selection(stage, &plan, only);
    let plan = narrow(plan, &selection);
    assert_eq!(plan::check(&plan), [], "{plan:#?}");
    plan
}

fn selection(stage: &Stage, plan: &Plan, only: &Only<'_>) -> Selection {
    let filters = Filters {
        rings: only.rings.iter().map(|ring| parsed(ring)).collect(),
        ous: only.ous.iter().map(|ou| (*ou).to_owned()).collect(),
        accounts: only.accounts.iter().map(|name| stage.account(name)).collect(),
        regions: only.regions.iter().map(|region| parsed(region)).collect(),
    };
    Selection::new(&filters, plan).unwrap()
}

fn with_stacks(stage: &Stage) -> BTreeSet<AccountId> {
    stage.stacks().into_keys().filter(|account| account.as_str() != MANAGEMENT).collect()
}

#[test]
fn one_account_first_and_then_all() {
    let stage = Stage::new(SHOP);

    let plan = only(&stage, POLICY, &Only { accounts: &["web-1"], ..Only::default() });

    assert_reads("narrowed_to_one_account", &words(&plan));
    stage.apply_all(&plan);
    assert_eq!(with_stacks(&stage), BTreeSet::from([stage.account("web-1")]));
    stage.roll_out(POLICY);
}

#[test]
fn one_region_first_and_then_all() {
    let stage = Stage::new(SHOP);

    let plan = only(&stage, POLICY, &Only { regions: &["eu-west-1"], ..Only::default() });

    let count = |change| plan.coverage.count(change);
    assert_eq!((count(Change::Add), count(Change::Change)), (6, 0));
    stage.apply_all(&plan);
    let regions: BTreeSet<Region> = stage
        .stacks()
        .into_iter()
        .filter(|(account, _)| account.as_str() != MANAGEMENT)
        .flat_map(|(_, stacks)| stacks.into_iter().map(|(region, _)| region))
        .collect();
    assert_eq!(regions, BTreeSet::from([parsed("eu-west-1")]));
    stage.roll_out(POLICY);
}

#[test]
fn an_ou_with_all_below_it_stays_whole_so_that_new_accounts_are_enrolled() {
    let stage = Stage::new(SHOP);

    let plan = only(&stage, POLICY, &Only { ous: &["Prod"], ..Only::default() });
    stage.apply_all(&plan);
    let late = stage.join("web-3", "/Workloads/Prod");
    let other = stage.join("test-3", "/Workloads/Test");
    stage.wait(10);

    assert!(!stage.aws.stacks_in(&late).is_empty());
    assert!(stage.aws.stacks_in(&other).is_empty());
}

#[test]
fn a_changed_schedule_can_t_be_narrowed_and_the_plan_says_so() {
    let stage = Stage::with(SHOP, POLICY);
    let later = edited(POLICY, "sun 02:00", "sat 23:30");

    let plan = only(&stage, &later, &Only { ous: &["/Workloads/Prod"], ..Only::default() });

    assert_eq!(plan.steps, []);
    assert_reads("narrowed_schedule", &words(&plan));
    let by_ring = only(&stage, &later, &Only { rings: &["main"], ..Only::default() });
    assert_eq!(by_ring.steps, stage.plan(&later).steps);
}

#[test]
fn a_region_that_is_new_to_a_stack_set_waits_for_its_update() {
    let stage = Stage::with(SHOP, POLICY);
    let more = edited(POLICY, "eu-west-1]", "eu-west-1, us-east-1]");

    let plan = only(&stage, &more, &Only { regions: &["us-east-1"], ..Only::default() });

    let adds = |step: &Step| matches!(step.action, Action::AddInstances { .. });
    assert!(!plan.steps.iter().any(adds), "{}", words(&plan));
    assert!(plan.warnings.iter().any(|warning| warning.contains("has to be updated for that")));
    assert!(plan.narrowed.as_ref().is_some_and(|narrowed| narrowed.held_back > 0));
    stage.apply_all(&plan);
    stage.roll_out(&more);
}

#[test]
fn a_region_that_is_taken_out_can_go_from_one_ou_first() {
    let stage = Stage::with(SHOP, POLICY);
    let fewer = edited(POLICY, "[ap-northeast-1, eu-west-1]", "[ap-northeast-1]");

    let plan = only(&stage, &fewer, &Only { ous: &["/Workloads/Test"], ..Only::default() });

    assert_reads("narrowed_removal", &words(&plan));
    assert_eq!(plan.coverage.losing(), 2);
    assert!(approve(&plan, Removals::UpTo(2)).is_ok(), "the guard counts what is selected");
    stage.apply_all(&plan);
    let test_1 = stage.aws.stacks_in(&stage.account("test-1"));
    let web_1 = stage.aws.stacks_in(&stage.account("web-1"));
    assert_eq!((test_1.len(), web_1.len()), (1, 2));
    stage.roll_out(&fewer);
}

#[test]
fn what_is_deleted_and_made_anew_is_done_as_a_whole_or_not_at_all() {
    let clean = "
        /Workloads       tools
        /Workloads/Prod  web-1 web-2
        /Workloads/Test  test-1
    ";
    let stage = Stage::with(clean, POLICY);
    let excluded = edited(
        POLICY,
        "schedule:",
        "  exclude: { ous: [Suspended, PolicyStaging, /Workloads/Test] }\nschedule:",
    );
    let before = stage.stacks();

    let prod = only(&stage, &excluded, &Only { ous: &["/Workloads/Prod"], ..Only::default() });
    assert_reads("narrowed_remake", &words(&prod));
    stage.apply_all(&prod);
    assert_eq!(stage.stacks(), before);

    let test = only(&stage, &excluded, &Only { ous: &["/Workloads/Test"], ..Only::default() });
    stage.apply_all(&test);
    assert!(stage.aws.stacks_in(&stage.account("test-1")).is_empty());
    stage.roll_out(&excluded);
}

#[test]
fn the_status_of_a_part_counts_that_part() {
    let stage = Stage::with(SHOP, POLICY);
    let Look { desired, observed, plan } = stage.look(POLICY, Wish::Kept);
    let data = Only { ous: &["/Workloads/Prod/Data"], regions: &["eu-west-1"], ..Only::default() };
    let selection = selection(&stage, &plan, &data);

    let rings = status_within(&desired, &observed, &selection);

    let counts: Vec<(&str, usize)> =
        rings[0].regions.iter().map(|(region, counts)| (region.as_str(), counts.current)).collect();
    assert_eq!((counts, rings[0].skipped), (vec![("eu-west-1", 1)], 0));
}

#[test]
fn a_later_ring_alone_says_what_comes_before_it() {
    let stage = Stage::new(SHOP);

    let plan = only(&stage, RINGS, &Only { rings: &["prod"], ..Only::default() });

    assert_reads("narrowed_to_the_later_ring", &words(&plan));
    assert!(plan.steps.iter().all(|step| step.ring.as_str() == "prod"));
    stage.apply_all(&plan);
    let names = ["orders", "web-1", "web-2"].map(|name| stage.account(name));
    assert_eq!(with_stacks(&stage), BTreeSet::from(names));
    stage.roll_out(RINGS);
}

#[test]
fn an_account_on_its_way_between_rings_needs_both() {
    let stage = Stage::with(SHOP, RINGS);
    let test_1 = stage.account("test-1");
    stage.aws.move_account(&test_1, &ou_id("/Workloads/Prod"));
    let before = stage.stacks();

    for ring in ["staging", "prod"] {
        let plan = only(&stage, RINGS, &Only { rings: &[ring], ..Only::default() });
        let said = plan.warnings.iter().any(|warning| {
            warning.contains("from ring staging to ring prod") && warning.contains("test-1")
        });
        assert!(said, "{ring}: {:#?}", plan.warnings);
        stage.apply_all(&plan);
        assert_eq!(stage.stacks(), before, "{ring}");
    }
    let both = only(&stage, RINGS, &Only { rings: &["staging", "prod"], ..Only::default() });
    stage.apply_all(&both);
    stage.assert_matches(RINGS);
}

#[test]
fn what_is_left_as_it_was_is_said_after_the_apply() {
    let stage = Stage::new(SHOP);
    let plan = only(&stage, POLICY, &Only { accounts: &["web-1"], ..Only::default() });

    let outcome = stage.apply(&plan);

    let said = plain(&outcome_text(&plan, &outcome));
    assert!(said.ends_with("The rest was left as it is; `orgpatch plan` shows it.\n"), "{said}");
    let selected = Narrowed { accounts: [stage.account("web-1")].into(), ..Narrowed::default() };
    assert_eq!(plan.narrowed, Some(selected));
}
