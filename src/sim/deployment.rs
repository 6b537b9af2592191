//! What an operation does, decided when its turn comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    ids::{AccountId, OuId, Region},
    sim::{
        operation::{Targets, Task, Work},
        schedule::{AT_ONCE, Attempt, Ending, Planned, Schedule},
        stack_set::{Instance, Place, StackSet},
        world::World,
    },
    state::{AccountState, InstanceStatus, RegionStatus, Retain},
};

/// The instances that an operation is about.
#[derive(Default)]
struct Chosen {
    work: BTreeMap<Region, Vec<AccountId>>,
    /// In accounts that are not active.
    skipped: Vec<Place>,
}

impl Chosen {
    fn add(&mut self, (account, region): Place, active: bool) {
        if active {
            self.work.entry(region).or_default().push(account);
        } else {
            self.skipped.push((account, region));
        }
    }

    /// Whether an instance is among them. The accounts must have been added in their order.
    fn has(&self, account: &AccountId, region: &Region) -> bool {
        self.work.get(region).is_some_and(|accounts| accounts.binary_search(account).is_ok())
    }
}

/// Another stack set whose stacks have the same names.
struct Rival<'a> {
    set: &'a StackSet,
    /// What becomes of the stacks that its running operation is about: when each is gone, if it goes.
    fates: BTreeMap<&'a Place, Option<Duration>>,
}

impl<'a> Rival<'a> {
    fn new(set: &'a StackSet) -> Self {
        let running = set.running();
        let goes = running.is_some_and(|running| running.task == Task::Delete(Retain::Delete));
        let fates = running
            .into_iter()
            .flat_map(|running| &running.schedule.planned)
            .filter(|planned| planned.ending == Ending::Succeeded)
            .map(|planned| (&planned.place, goes.then_some(planned.ends)))
            .collect();
        Self { set, fates }
    }

    /// Whether it has a stack in a place at that time, or will make one there.
    fn has_stack(&self, place: &Place, at: Duration) -> bool {
        match self.fates.get(place) {
            Some(gone) => gone.is_none_or(|gone| gone > at),
            None => self.set.instances.get(place).is_some_and(|instance| instance.stack),
        }
    }
}

impl World {
    /// Whether an account of the organization is active.
    pub(super) fn is_active(&self, account: &AccountId) -> bool {
        self.organization
            .account(account)
            .is_some_and(|account| account.state == AccountState::Active)
    }

    /// Begins the work of an operation of a stack set that has been taken out of the world.
    pub(super) fn set_to_work(
        &self,
        set: &mut StackSet,
        index: usize,
        begins: Duration,
    ) -> Schedule {
        let operation = &set.operations[index];
        let (work, task, preferences) =
            (operation.work.clone(), operation.task, operation.preferences);
        let chosen = match work {
            Work::Settings => Chosen::default(),
            Work::Update(content) => {
                set.content = content;
                self.choose_all(set)
            }
            Work::Create(targets) => {
                for ou in &targets.ous {
                    set.targets.entry(ou.clone()).or_default().extend(targets.regions.clone());
                }
                self.choose_missing(set, &self.places(&targets))
            }
            Work::Join(account, regions) => {
                let places =
                    regions.into_iter().map(|(region, ou)| ((account.clone(), region), ou));
                self.choose_missing(set, &places.collect())
            }
            Work::Delete(targets, _) => {
                let chosen = self.choose_existing(set, &targets);
                self.forget_targets(set, &targets, &chosen);
                chosen
            }
            Work::Leave(account, regions) => {
                let work = regions
                    .into_iter()
                    .filter(|region| set.instances.contains_key(&(account.clone(), region.clone())))
                    .map(|region| (region, vec![account.clone()]))
                    .collect();
                Chosen { work, skipped: Vec::new() }
            }
        };

        let rivals = self.rivals(set);
        let running: Vec<usize> = self
            .stack_sets
            .values()
            .filter_map(|other| Some(other.running()?.schedule.width))
            .collect();
        // What those that run leave, and an even share at the least (AWS does not say).
        let left = AT_ONCE.saturating_sub(running.iter().sum());
        let quota = left.max(AT_ONCE / (running.len() + 1));
        let mut schedule =
            Schedule::work_out(chosen.work, preferences, quota, begins, |place, at| match task {
                Task::Make => self.make(set, &rivals, place, at),
                Task::Delete(retain) => self.delete(set, place, retain),
            });
        let skipped = chosen.skipped.into_iter().map(|place| Planned {
            place,
            begins,
            ends: begins,
            ending: Ending::Skipped,
        });
        schedule.planned.splice(0..0, skipped);
        schedule
    }

    /// The places that targets reach, each with the OU that brings it.
    ///
    /// An OU reaches all accounts in its subtree but the management account. Where two OUs of one call
    /// reach the same account, the first one counts (AWS does not say which).
    pub(super) fn places(&self, targets: &Targets) -> BTreeMap<Place, OuId> {
        let mut places = BTreeMap::new();
        for ou in &targets.ous {
            let subtree = self.organization.subtree(ou);
            let accounts = subtree.iter().flat_map(|unit| self.organization.members(unit));
            let reached = accounts.filter(|account| {
                account.id != *self.organization.management_account() && targets.names(&account.id)
            });
            for account in reached {
                for region in &targets.regions {
                    let place = (account.id.clone(), region.clone());
                    places.entry(place).or_insert_with(|| ou.clone());
                }
            }
        }
        places
    }

    /// All instances but the inoperable, which are outdated from now on.
    fn choose_all(&self, set: &mut StackSet) -> Chosen {
        let mut chosen = Chosen::default();
        let outdated: Vec<(Place, Instance)> = set
            .instances
            .iter()
            .filter(|(_, instance)| instance.status != InstanceStatus::Inoperable)
            .map(|(place, instance)| {
                let status = InstanceStatus::Outdated;
                (place.clone(), Instance { status, reason: None, ..instance.clone() })
            })
            .collect();
        for (place, instance) in outdated {
            chosen.add(place.clone(), self.is_active(&place.0));
            set.put(place, Some(instance), self.now);
        }
        chosen
    }

    /// The places without an instance, which get one, and those whose instance is still outdated.
    ///
    /// A repeat under a new operation ID retries the outdated ones (API reference of
    /// `CreateStackInstances`); whatever else exists stays as it is.
    fn choose_missing(&self, set: &mut StackSet, places: &BTreeMap<Place, OuId>) -> Chosen {
        let mut chosen = Chosen::default();
        for (place, ou) in places {
            match set.instances.get(place).map(|instance| instance.status) {
                Some(InstanceStatus::Current | InstanceStatus::Inoperable) => continue,
                Some(InstanceStatus::Outdated | InstanceStatus::SkippedSuspended) => {}
                None => {
                    let status = InstanceStatus::Outdated;
                    let instance = Instance { ou: ou.clone(), status, reason: None, stack: false };
                    set.put(place.clone(), Some(instance), self.now);
                }
            }
            chosen.add(place.clone(), self.is_active(&place.0));
        }
        chosen
    }

    /// The instances that were made by one of these OUs, or by one below it.
    ///
    /// What counts is the OU that the instance was made by. Whether AWS looks at where its account is
    /// now is not documented.
    fn choose_existing(&self, set: &StackSet, targets: &Targets) -> Chosen {
        let named: BTreeSet<&OuId> =
            targets.ous.iter().flat_map(|ou| self.organization.subtree(ou)).collect();
        let mut chosen = Chosen::default();
        for ((account, region), instance) in &set.instances {
            let meant = named.contains(&instance.ou)
                && targets.regions.contains(region)
                && targets.names(account);
            if meant {
                chosen.add((account.clone(), region.clone()), true);
            }
        }
        chosen
    }

    /// Auto-deployment no longer follows whole OUs from which the instances are deleted.
    ///
    /// Where only some accounts are named, it follows an OU as long as there is an instance left that
    /// was made by it (AWS does not say).
    fn forget_targets(&self, set: &mut StackSet, targets: &Targets, chosen: &Chosen) {
        let left: BTreeSet<(&OuId, &Region)> = set
            .instances
            .iter()
            .filter(|((account, region), _)| !chosen.has(account, region))
            .map(|((_, region), instance)| (&instance.ou, region))
            .collect();
        let named: BTreeSet<&OuId> =
            targets.ous.iter().flat_map(|ou| self.organization.subtree(ou)).collect();
        for (ou, regions) in set.targets.iter_mut().filter(|(ou, _)| named.contains(ou)) {
            regions.retain(|region| {
                let kept = targets.accounts.is_some() && left.contains(&(ou, region));
                kept || !targets.regions.contains(region)
            });
        }
        set.targets.retain(|_, regions| !regions.is_empty());
    }

    /// The other stack sets that use the names of this one.
    fn rivals(&self, set: &StackSet) -> Vec<Rival<'_>> {
        self.stack_sets
            .values()
            .filter(|other| set.ring().is_some() && other.ring() == set.ring())
            .map(Rival::new)
            .collect()
    }

    /// An attempt to make or update a stack.
    fn make(&self, set: &StackSet, rivals: &[Rival<'_>], place: &Place, at: Duration) -> Attempt {
        let (account, region) = place;
        let has_stack = set.instances.get(place).is_some_and(|instance| instance.stack);
        let outcome = if let Some(reason) = self.failing.get(account) {
            Err(reason.clone())
        } else if self.regions.get(region) != Some(&RegionStatus::Enabled) {
            Err(format!("Region {region} is not enabled in account {account}"))
        } else if !has_stack && self.is_taken(set.ring(), rivals, place, at) {
            let ring = set.ring().unwrap_or_default();
            Err(format!(
                "Resource of type AWS::IAM::Role with identifier AWS-QuickSetup-AutomationRole-V2-{region}-{ring} already exists"
            ))
        } else {
            Ok(())
        };
        Attempt { length: self.pace.make(account.as_str(), region), outcome }
    }

    /// Whether a stack with the same names stands in a place at that time.
    ///
    /// What an operation of another stack set will do that has not begun is not foreseen.
    fn is_taken(
        &self,
        ring: Option<&str>,
        rivals: &[Rival<'_>],
        place: &Place,
        at: Duration,
    ) -> bool {
        let Some(ring) = ring else { return false };
        let retained = self.retained.get(place).into_iter().flatten();
        if retained.into_iter().any(|(_, other)| other.as_deref() == Some(ring)) {
            return true;
        }
        rivals.iter().any(|rival| rival.has_stack(place, at))
    }

    /// An attempt to delete an instance.
    fn delete(&self, set: &StackSet, place: &Place, retain: Retain) -> Attempt {
        let (account, region) = place;
        let length = self.pace.delete(account.as_str(), region, retain);
        let inoperable = set
            .instances
            .get(place)
            .is_some_and(|instance| instance.status == InstanceStatus::Inoperable);
        let outcome = match retain {
            Retain::Delete if !self.is_active(account) => {
                Err(format!("Account {account} is not active, so its stack can't be deleted"))
            }
            Retain::Delete if inoperable => {
                Err("The stack instance is INOPERABLE and must be detached".to_owned())
            }
            Retain::Delete | Retain::Keep => Ok(()),
        };
        Attempt { length, outcome }
    }
}
