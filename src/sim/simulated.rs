//! The simulated AWS itself: what it is told, and the desk that every call goes through.

use std::{
    cell::{RefCell, RefMut},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::{Call, CloudError, CloudErrorKind, MaxRate, TrustedAccess},
    ids::{AccountId, OperationId, OuId, Region, StackSetName},
    sim::{
        baseline::OwnBaseline,
        clock::Clock,
        failure::failed,
        fault::{Fault, Faults, When},
        gate::Gate,
        pace::Assumptions,
        random::Random,
        world::World,
    },
    state::{
        Account, AccountState, BaselineSeen, ForeignPatching, Organization, Snapshot, StackSetSpec,
        StackSpec, StackStatus, Switch, Unit,
    },
};

/// A simulated AWS over a recorded organization. See the [room](crate::sim).
///
/// Everything takes `&self`, since the ports do; it is for one thread. A clone is another world, which
/// goes on from the same moment.
#[derive(Clone)]
pub struct SimulatedAws {
    pub(super) home_region: Region,
    pub(super) clock: Clock,
    pub(super) world: RefCell<World>,
    pub(super) desk: RefCell<Desk>,
}

/// What is known of the calls, and how they are answered.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) calls: BTreeMap<Call, u64>,
    pub(super) faults: Faults,
    pub(super) paths: Paths,
    pub(super) pages: Pages,
    denied: BTreeSet<Call>,
    pub(super) hidden: BTreeSet<AccountId>,
    pub(super) random: Random,
    pub(super) gate: Gate,
}

/// Whether listings of accounts say which OUs are above each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// They do, as since 2026-03-31.
    Answered,
    /// They don't.
    Missing,
}

/// How listings come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Every page but the last is full.
    Full,
    /// Some listings have one page with nothing on it that is not the last.
    SomeEmpty,
}

/// The seed where none is given.
const SEED: u64 = 0x0a11_0ca7_0a7c_4e55;

/// How often a call lets others overtake it, at most.
const OVERTAKEN: u64 = 3;

impl SimulatedAws {
    /// An AWS that has what the snapshot says, and in which nothing is deployed.
    pub fn new(snapshot: Snapshot) -> Self {
        let desk = Desk {
            calls: BTreeMap::new(),
            faults: Faults::default(),
            paths: Paths::Answered,
            pages: Pages::SomeEmpty,
            denied: BTreeSet::new(),
            hidden: BTreeSet::new(),
            random: Random::new(SEED),
            gate: Gate::paced(None),
        };
        Self {
            home_region: snapshot.region.clone(),
            clock: Clock::default(),
            world: World::new(snapshot).into(),
            desk: desk.into(),
        }
    }

    /// Sets whether listings of accounts say which OUs are above each.
    #[must_use]
    pub fn with_paths(self, paths: Paths) -> Self {
        self.desk.borrow_mut().paths = paths;
        self
    }

    /// Sets how listings come.
    #[must_use]
    pub fn with_pages(self, pages: Pages) -> Self {
        self.desk.borrow_mut().pages = pages;
        self
    }

    /// Sets what looks like chance: the order in which calls land.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        self.desk.borrow_mut().random = Random::new(seed);
        self
    }

    /// Sets by how much listings of instances, operations and their results lag. They don't by default.
    #[must_use]
    pub fn with_listing_lag(self, lag: Duration) -> Self {
        self.world.borrow_mut().lag = lag;
        self
    }

    /// Sets whether StackSets may act in the organization. They may by default.
    #[must_use]
    pub fn with_trusted_access(self, access: TrustedAccess) -> Self {
        self.world.borrow_mut().trusted_access = access;
        self
    }

    /// Has the client make every call at once, whatever rates AWS publishes. It keeps to them by default.
    #[must_use]
    pub fn without_pace(self) -> Self {
        self.desk.borrow_mut().gate.hurry();
        self
    }

    /// Has the client keep to rates that are lower than those published.
    #[must_use]
    pub fn with_max_rate(self, most: MaxRate) -> Self {
        self.desk.borrow_mut().gate.slow_down(most);
        self
    }

    /// Lets somebody else use so many percent of every rate.
    pub fn share_rates(&self, percent: u8) {
        self.desk.borrow_mut().gate.share_with(percent);
    }

    /// Sets how long things take. Calls take no time by default.
    #[must_use]
    pub fn with_assumptions(self, assumptions: Assumptions) -> Self {
        self.world.borrow_mut().pace = assumptions;
        self
    }

    /// Takes the network away for a time, counted from now.
    pub fn lose_network(&self, from: Duration, length: Duration) {
        let begins = self.clock.now() + from;
        self.desk.borrow_mut().gate.outage = begins..begins + length;
    }

    /// Lets a call go wrong. May be given several times.
    pub fn inject(&self, fault: Fault) {
        self.desk.borrow_mut().faults.add(fault);
    }

    /// Lets every stack that is to be made or updated in an account fail. Operations that run go on.
    pub fn fail_account(&self, account: &AccountId, reason: &str) {
        self.world_now().failing.insert(account.clone(), reason.to_owned());
    }

    /// Denies a call, by the name that IAM has for it: `cloudformation:ListStackInstances`.
    pub fn deny_read(&self, call: Call) {
        self.desk.borrow_mut().denied.insert(call);
    }

    /// Takes back every fault, denial and failing account, and gives the network back.
    pub fn heal(&self) {
        self.world_now().failing.clear();
        let mut desk = self.desk.borrow_mut();
        desk.faults.clear();
        desk.denied.clear();
        desk.gate.outage = Duration::ZERO..Duration::ZERO;
    }

    /// Moves an account to another OU.
    pub fn move_account(&self, account: &AccountId, to: &OuId) {
        self.change_account(account, |account| account.parent = to.clone());
    }

    /// Leaves an account out of every listing, as if it had left the organization.
    pub fn hide_account(&self, account: &AccountId) {
        self.desk.borrow_mut().hidden.insert(account.clone());
    }

    /// Renames an OU, or moves it with all that is in it. What auto-deployment makes of that, AWS does not
    /// say, so it does nothing here.
    pub fn change_unit(&self, unit: Unit) {
        let world = &mut *self.world_now();
        let before = &world.organization;
        let id = unit.id.clone();
        let others = before.units().filter(|other| other.id != id).cloned();
        let after = Organization::new(
            before.id().clone(),
            before.management_account().clone(),
            others.chain([unit]),
            before.accounts().cloned(),
        );
        world.organization = after.expect("the OU's new parent is not below it");
    }

    /// Suspends an account. Its stacks stay, and nothing can be done in it.
    pub fn suspend_account(&self, account: &AccountId) {
        self.change_account(account, |account| account.state = AccountState::Suspended);
    }

    /// Adds an account, or puts another one in its place.
    pub fn add_account(&self, account: Account) {
        self.world_now().put_account(account);
    }

    fn change_account(&self, id: &AccountId, change: impl FnOnce(&mut Account)) {
        let mut world = self.world_now();
        let mut account = world.organization.account(id).expect("the account exists").clone();
        change(&mut account);
        world.put_account(account);
    }

    /// Puts an empty stack set there that somebody else made.
    pub fn put_stack_set(&self, spec: &StackSetSpec, managed_execution: Switch) {
        let template = spec.template.body().into();
        self.world_now().put_stack_set(spec, template, "put", managed_execution);
    }

    /// Puts a stack into the owner account that somebody else made, with its buckets.
    pub fn put_stack(&self, spec: &StackSpec, status: StackStatus) {
        self.world_now().put_stack(spec, status);
    }

    /// Puts a baseline into the owner account, or changes one.
    pub fn put_baseline(&self, baseline: BaselineSeen) {
        let mut world = self.world_now();
        world.delete_baseline(&baseline.id);
        world.own_baselines.push(OwnBaseline::put(baseline));
    }

    /// Puts patching into an account that somebody set up there.
    pub fn put_foreign_patching(
        &self,
        account: &AccountId,
        region: &Region,
        patching: ForeignPatching,
    ) {
        let place = (account.clone(), region.clone());
        self.world_now().foreign.entry(place).or_default().push(patching);
    }

    /// Stops an operation, as somebody can in the console. One that still waits never begins.
    pub fn stop_operation(&self, name: &StackSetName, id: &OperationId) {
        let mut world = self.world_now();
        let now = world.now;
        let Some(set) = world.stack_sets.get_mut(name) else { return };
        let waiting = set.queue.iter().position(|index| set.operations[*index].id == *id);
        let Some(position) = waiting else { return };
        let operation = &mut set.operations[set.queue[position]];
        operation.stop(now);
        if position > 0 {
            operation.ended = true;
            set.queue.remove(position);
        }
    }

    /// The time since the simulation began, which only pauses move.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// How often each call was made, by the name that IAM has for it; listings count each page.
    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.desk.borrow().calls.clone()
    }

    /// How many calls were made that change something.
    pub fn writes(&self) -> u64 {
        self.desk.borrow().faults.changes.len() as u64
    }

    /// How many requests were refused for coming too fast. The client tries those again.
    pub fn throttled(&self) -> u64 {
        self.desk.borrow().gate.throttled
    }

    /// The world as it is by now.
    pub(super) fn world_now(&self) -> RefMut<'_, World> {
        let mut world = self.world.borrow_mut();
        world.advance(self.clock.now());
        world
    }

    /// Answers a call that changes nothing.
    pub(super) async fn look<T>(
        &self,
        call: Call,
        answer: impl FnOnce(&mut World) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        self.look_in(&self.home_region, call, answer).await
    }

    /// The same in another Region than the home Region.
    pub(super) async fn look_in<T>(
        &self,
        region: &Region,
        call: Call,
        answer: impl FnOnce(&mut World) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        let fault = self.request(call);
        self.pass(call, region).await?;
        self.be_overtaken().await;
        self.check_allowed(call)?;
        match self.strike(call, fault) {
            Some((_, error)) => Err(error),
            None => answer(&mut self.world_now()),
        }
    }

    /// Answers a call that changes something.
    ///
    pub(super) async fn change<T>(
        &self,
        call: Call,
        effect: impl FnOnce(&mut World) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        self.change_in(&self.home_region, call, effect).await
    }

    /// The same in another Region than the home Region.
    pub(super) async fn change_in<T>(
        &self,
        region: &Region,
        call: Call,
        effect: impl FnOnce(&mut World) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        let fault = self.request_change(call);
        self.pass(call, region).await?;
        self.be_overtaken().await;
        self.check_allowed(call)?;
        match self.strike(call, fault) {
            Some((When::Before, error)) => Err(error),
            Some((When::After, error)) => {
                // Nobody hears what came of it.
                let _ = effect(&mut self.world_now());
                Err(error)
            }
            None => effect(&mut self.world_now()),
        }
    }

    /// Counts calls.
    pub(super) fn count(&self, call: Call, times: usize) {
        *self.desk.borrow_mut().calls.entry(call).or_default() += times as u64;
    }

    /// Lets calls that were made later land first, sometimes.
    async fn be_overtaken(&self) {
        let times = self.desk.borrow_mut().random.below(OVERTAKEN + 1);
        for _ in 0..times {
            self.clock.step_back().await;
        }
        self.clock.touch();
    }

    fn check_allowed(&self, call: Call) -> Result<(), CloudError> {
        if self.desk.borrow().denied.contains(&call) {
            let message = format!("User is not authorized to perform: {call} (injected)");
            return Err(failed(call, CloudErrorKind::Denied, "AccessDenied", message));
        }
        Ok(())
    }
}
