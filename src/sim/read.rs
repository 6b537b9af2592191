//! The port for looking.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{
        Call, Caller, CloudError, CloudErrorKind, CloudRead, FeatureSet, ListedAccount, ListedUnit,
        Object, OrganizationFacts, Page, StackSetDescription, TrustedAccess,
    },
    ids::{
        AccountId, BaselineId, BaselineName, BucketName, CallAs, OperatingSystem, OuId, Region,
        RoleName, StackName, StackSetName,
    },
    sim::{
        failure::{failed, not_found, refused},
        random,
        simulated::{Pages, Paths, SimulatedAws},
        world::World,
    },
    state::{
        Account, AccountState, BaselineSeen, ForeignPatching, InstanceSeen, OperationSeen,
        OwnBaselines, PatchProperty, RegionStatus, StackSeen, Unit,
    },
};

/// The most that Organizations puts on a page.
const PAGE: usize = 20;

/// The most that CloudFormation puts on a page.
pub(super) const STACK_SETS_PAGE: usize = 100;

impl SimulatedAws {
    /// One page of a listing. The mark of an empty page is a `+` in the token of the next one.
    fn page<T, U>(
        &self,
        call: Call,
        listing: &str,
        items: impl Iterator<Item = T>,
        listed: impl Fn(T) -> U,
        token: Option<&str>,
    ) -> Result<Page<U>, CloudError> {
        let token = token.unwrap_or("0");
        let (number, after_empty) = match token.strip_suffix('+') {
            Some(number) => (number, true),
            None => (token, false),
        };
        let first: usize = number
            .parse()
            .map_err(|_| refused(call, "You provided an invalid value for NextToken"))?;
        let empty_at = if random::fixed(&[listing]).is_multiple_of(3) { 0 } else { PAGE };
        let mut items = items.skip(first).peekable();
        let some_empty = self.desk.borrow().pages == Pages::SomeEmpty;
        if some_empty && !after_empty && first == empty_at && items.peek().is_some() {
            return Ok(Page { items: Vec::new(), next: Some(format!("{first}+")) });
        }
        let on_it = items.by_ref().take(PAGE).map(listed).collect();
        let next = items.peek().map(|_| (first + PAGE).to_string());
        Ok(Page { items: on_it, next })
    }

    /// Those that listings show.
    fn listable<'a>(
        &self,
        accounts: impl Iterator<Item = &'a Account>,
    ) -> impl Iterator<Item = &'a Account> {
        let hidden = self.desk.borrow().hidden.clone();
        accounts.filter(move |account| !hidden.contains(&account.id))
    }

    fn listed(&self, world: &World, account: &Account) -> ListedAccount {
        let chain = (self.desk.borrow().paths == Paths::Answered).then(|| {
            let mut chain: Vec<OuId> =
                world.organization.ancestors(&account.parent).cloned().collect();
            chain.reverse();
            chain
        });
        let Account { id, name, parent: _, state } = account.clone();
        ListedAccount { id, name, state, chain }
    }
}

fn listed_unit(unit: &Unit) -> ListedUnit {
    ListedUnit { id: unit.id.clone(), name: unit.name.clone() }
}

fn check_parent(call: Call, world: &World, parent: &OuId) -> Result<(), CloudError> {
    if world.organization.unit(parent).is_some() {
        return Ok(());
    }
    Err(not_found(call, "ParentNotFoundException", format!("There is no root or OU {parent}")))
}

impl CloudRead for SimulatedAws {
    fn home_region(&self) -> &Region {
        &self.home_region
    }

    async fn caller(&self) -> Result<Caller, CloudError> {
        self.look(Call::GetCallerIdentity, |world| {
            let (account, partition) = (world.account.clone(), self.home_region.partition());
            let arn = format!("arn:{partition}:iam::{account}:user/rehearsal");
            Ok(Caller { account, arn })
        })
        .await
    }

    async fn describe_organization(&self) -> Result<OrganizationFacts, CloudError> {
        self.look(Call::DescribeOrganization, |world| {
            Ok(OrganizationFacts {
                id: world.organization.id().clone(),
                management_account: world.organization.management_account().clone(),
                features: FeatureSet::All,
            })
        })
        .await
    }

    async fn trusted_access(&self, call_as: CallAs) -> Result<TrustedAccess, CloudError> {
        self.look(Call::DescribeOrganizationsAccess, |world| {
            let speaks = world.speaks_as(call_as);
            Ok(if speaks { world.trusted_access } else { TrustedAccess::NotDelegated })
        })
        .await
    }

    async fn accounts(&self, page: Option<String>) -> Result<Page<ListedAccount>, CloudError> {
        let call = Call::ListAccounts;
        self.look(call, |world| {
            let listed = |account: &Account| self.listed(world, account);
            let accounts = self.listable(world.organization.accounts());
            self.page(call, call.name(), accounts, listed, page.as_deref())
        })
        .await
    }

    async fn roots(&self) -> Result<Vec<ListedUnit>, CloudError> {
        self.look(Call::ListRoots, |world| {
            let root = world.organization.unit(world.organization.root());
            Ok(root.map(listed_unit))
        })
        .await
        .map(|root| root.into_iter().collect())
    }

    async fn units_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedUnit>, CloudError> {
        let call = Call::ListOrganizationalUnitsForParent;
        self.look(call, |world| {
            check_parent(call, world, parent)?;
            let children = world.organization.children(parent).iter();
            let units = children.filter_map(|id| world.organization.unit(id));
            self.page(call, parent.as_str(), units, listed_unit, page.as_deref())
        })
        .await
    }

    async fn accounts_of(
        &self,
        parent: &OuId,
        page: Option<String>,
    ) -> Result<Page<ListedAccount>, CloudError> {
        let call = Call::ListAccountsForParent;
        self.look(call, |world| {
            check_parent(call, world, parent)?;
            let accounts = self.listable(world.organization.members(parent));
            let listed = |account: &Account| self.listed(world, account);
            self.page(call, parent.as_str(), accounts, listed, page.as_deref())
        })
        .await
    }

    async fn regions(&self) -> Result<BTreeMap<Region, RegionStatus>, CloudError> {
        self.look(Call::ListRegions, |world| Ok(world.regions.clone())).await
    }

    async fn stack_set_names(&self, call_as: CallAs) -> Result<Vec<StackSetName>, CloudError> {
        let call = Call::ListStackSets;
        let names: Vec<StackSetName> = self
            .look(call, |world| {
                world.check_caller(call, call_as)?;
                Ok(world.stack_sets.keys().cloned().collect())
            })
            .await?;
        self.further_pages(call, names.len().saturating_sub(1) / STACK_SETS_PAGE).await?;
        Ok(names)
    }

    async fn stack_set(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<Option<StackSetDescription>, CloudError> {
        let call = Call::DescribeStackSet;
        self.look(call, |world| {
            world.check_caller(call, call_as)?;
            Ok(world.stack_sets.get(name).map(|set| StackSetDescription {
                template: set.content.template.as_ref().to_owned(),
                parameters: set.content.parameters.clone(),
                tags: set.content.tags.clone(),
                auto_deployment: set.content.auto_deployment,
                managed_execution: set.managed_execution,
            }))
        })
        .await
    }

    async fn instances(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<BTreeMap<(AccountId, Region), InstanceSeen>, CloudError> {
        let call = Call::ListStackInstances;
        let listed = self
            .look(call, |world| {
                world.check_caller(call, call_as)?;
                let now = world.now;
                Ok(world.stack_set(call, name)?.listed(now))
            })
            .await?;
        self.further_pages(call, listed.len().saturating_sub(1) / STACK_SETS_PAGE).await?;
        Ok(listed)
    }

    async fn auto_deployment_targets(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<BTreeMap<OuId, BTreeSet<Region>>, CloudError> {
        let call = Call::ListStackSetAutoDeploymentTargets;
        self.look(call, |world| {
            world.check_caller(call, call_as)?;
            Ok(world.stack_set(call, name)?.targets.clone())
        })
        .await
    }

    async fn running_operations(
        &self,
        call_as: CallAs,
        name: &StackSetName,
    ) -> Result<Vec<OperationSeen>, CloudError> {
        let call = Call::ListStackSetOperations;
        self.look(call, |world| {
            world.check_caller(call, call_as)?;
            let (now, lag) = (world.now, world.lag);
            let set = world.stack_set(call, name)?;
            let listed = set.operations.iter().filter(|operation| operation.requested + lag <= now);
            let running = listed.filter(|operation| !operation.ended).map(|operation| {
                OperationSeen { id: operation.id.clone(), action: operation.action.to_owned() }
            });
            Ok(running.collect())
        })
        .await
    }

    async fn stack_names(
        &self,
        region: &Region,
        prefix: &str,
    ) -> Result<Vec<StackName>, CloudError> {
        self.look_in(region, Call::ListStacks, |world| {
            let here = world.stacks.keys().filter(|(of, _)| of == region).map(|(_, name)| name);
            Ok(here.filter(|name| name.as_str().starts_with(prefix)).cloned().collect())
        })
        .await
    }

    async fn stack(
        &self,
        region: &Region,
        name: &StackName,
    ) -> Result<Option<StackSeen>, CloudError> {
        let place = (region.clone(), name.clone());
        let find = |world: &mut World| Ok(world.stacks.get(&place).map(super::stack::Stack::seen));
        let Some(_) = self.look_in(region, Call::DescribeStacks, find).await? else {
            return Ok(None);
        };
        self.look_in(region, Call::GetTemplate, find).await
    }

    async fn check_template(&self, body: &str) -> Result<(), CloudError> {
        const CALL: Call = Call::ValidateTemplate;
        let is_template = serde_json::from_str::<serde_json::Value>(body)
            .is_ok_and(|template| template["Resources"].is_object());
        self.look(CALL, |_| {
            if is_template {
                Ok(())
            } else {
                Err(refused(CALL, "Template format error: it has no Resources"))
            }
        })
        .await
    }

    async fn aws_baselines(&self) -> Result<BTreeMap<OperatingSystem, BaselineId>, CloudError> {
        self.look(Call::DescribePatchBaselines, |world| {
            let baselines = world.aws_baselines.iter();
            Ok(baselines.map(|(system, baseline)| (*system, baseline.id.clone())).collect())
        })
        .await
    }

    async fn own_baselines(&self) -> Result<Vec<BaselineId>, CloudError> {
        self.look(Call::DescribePatchBaselines, |world| {
            Ok(world.own_baselines.iter().map(|baseline| baseline.seen.id.clone()).collect())
        })
        .await
    }

    async fn baselines_named(&self, name: &BaselineName) -> Result<Vec<BaselineId>, CloudError> {
        self.look(Call::DescribePatchBaselines, |world| {
            let named = world.all_baselines().filter(|seen| seen.name == name.as_str());
            Ok(named.map(|seen| seen.id.clone()).collect())
        })
        .await
    }

    async fn patch_properties(
        &self,
        system: OperatingSystem,
        property: PatchProperty,
    ) -> Result<BTreeSet<String>, CloudError> {
        self.look(Call::DescribePatchProperties, |world| {
            Ok(world.patch_properties(system, property))
        })
        .await
    }

    async fn own_baselines_named(&self, prefix: &str) -> Result<OwnBaselines, CloudError> {
        let listed = self
            .look(Call::DescribePatchBaselines, |world| Ok(world.own_baselines_named(prefix)))
            .await?;
        let mut own = OwnBaselines { count: listed.count, named: Vec::new() };
        for made in listed.named {
            let seen = self.look(Call::GetPatchBaseline, |world| Ok(world.own(&made.id))).await?;
            let tagged =
                self.look(Call::ListTagsForResource, |world| Ok(world.own(&made.id))).await?;
            own.named.extend(seen.and(tagged));
        }
        Ok(own)
    }

    async fn baseline(&self, id: &BaselineId) -> Result<Option<BaselineSeen>, CloudError> {
        self.look(Call::GetPatchBaseline, |world| {
            Ok(world.all_baselines().find(|baseline| baseline.id == *id).cloned())
        })
        .await
    }

    async fn object(&self, bucket: &BucketName, key: &str) -> Result<Option<Object>, CloudError> {
        self.look(Call::GetObject, |world| {
            Ok(world.buckets.get(bucket).and_then(|bucket| bucket.object(key)))
        })
        .await
    }

    async fn keys(
        &self,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Option<Vec<String>>, CloudError> {
        self.look(Call::ListObjects, |world| {
            Ok(world.buckets.get(bucket).map(|bucket| {
                bucket.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
            }))
        })
        .await
    }

    async fn patching_in(
        &self,
        account: &AccountId,
        region: &Region,
        role: &RoleName,
    ) -> Result<Vec<ForeignPatching>, CloudError> {
        let is_own = self.world_now().account == *account;
        if !is_own {
            self.look(Call::AssumeRole, |world| enter(world, account, role)).await?;
        }
        let place = (account.clone(), region.clone());
        let all = |world: &mut World| Ok(world.foreign.get(&place).cloned().unwrap_or_default());
        let found = self.look_in(region, Call::ListAssociations, all).await?;
        self.look_in(region, Call::DescribeMaintenanceWindows, |_| Ok(())).await?;
        for thing in &found {
            // Each thing costs what the adapters need for it.
            let calls: &[Call] = match thing {
                ForeignPatching::Association(_) => &[Call::DescribeAssociation],
                ForeignPatching::Window(_) => &[
                    Call::DescribeMaintenanceWindowTasks,
                    Call::DescribeMaintenanceWindowTargets,
                    Call::GetMaintenanceWindowTask,
                ],
                ForeignPatching::Group(_) => &[],
            };
            for call in calls {
                self.look_in(region, *call, |_| Ok(())).await?;
            }
        }
        self.look_in(region, Call::DescribePatchGroups, |_| Ok(())).await?;
        Ok(found)
    }
}

/// Lets somebody into an account of the organization that can be used.
fn enter(world: &World, account: &AccountId, role: &RoleName) -> Result<(), CloudError> {
    let known = world.organization.account(account);
    if known.is_some_and(|known| known.state == AccountState::Active) {
        return Ok(());
    }
    let message =
        format!("User is not authorized to perform: sts:AssumeRole on {role} of {account}");
    Err(failed(Call::AssumeRole, CloudErrorKind::Denied, "AccessDenied", message))
}
