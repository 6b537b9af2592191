//! What was found in the accounts themselves: associations, maintenance windows and patch groups.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    ids::{AccountId, PolicyName, Region, RingId, RingName},
    plan::conflict::{
        BOTH_UPLOAD, Conflict, Findings, INSTALLS, Places, Unread, With,
        nodes::Nodes,
        places::{Wanted, extent},
        times::{Near, Running, Timetable},
    },
    state::{
        ASSOCIATION_DOCUMENT, ConflictCheck, Desired, ForeignPatching, HOST_MANAGEMENT_SETS,
        Observed, PATCH_POLICY_SETS, POLICY_TAG, PatchAssociation, PatchGroup, PatchOperation,
        PatchWindow, RING_TAG, Seen, StackSetSeen, Switch,
    },
};

/// What was found, account by account and Region by Region.
pub type Deep = BTreeMap<(AccountId, Region), Seen<Vec<ForeignPatching>>>;

/// Where to look on behalf of these policies: where their rings will be.
pub fn deep_places(policies: &[(&Desired, &Observed)]) -> BTreeSet<(AccountId, Region)> {
    let mut places = BTreeSet::new();
    for (desired, _) in policies {
        if desired.conflict_check == ConflictCheck::Off {
            continue;
        }
        for wanted in Wanted::all(desired) {
            let all = wanted.places().map(|(account, region)| (account.clone(), region.clone()));
            places.extend(all);
        }
    }
    places
}

/// What the policies meet in the accounts: what patches the same nodes, and what runs within half an hour of
/// them on others. What comes from the policies themselves, or from a stack set that was seen, is left
/// out. Runs of the 35 days after `now` are looked at.
pub fn deep_conflicts(
    policies: &[(&Desired, &Observed)],
    found: &Deep,
    now: Timestamp,
) -> Findings {
    let known = known_ids(policies);
    let mut timetable = Timetable::ahead_of(now);
    let mut unread: BTreeMap<(&AccountId, &Region), &str> = BTreeMap::new();
    let mut findings = Findings::default();
    for (desired, _) in policies {
        if desired.conflict_check == ConflictCheck::Off {
            continue;
        }
        let mut meetings: BTreeMap<(With, How), Meeting> = BTreeMap::new();
        for wanted in Wanted::all(desired) {
            let Some(deployment) = wanted.ring.deployment() else { continue };
            let schedule = deployment.schedule.as_slice();
            for place @ (account, region) in wanted.places() {
                let here = match found.get(&(account.clone(), region.clone())) {
                    Some(Seen::Present(here)) => here,
                    Some(Seen::Unknown(because)) => {
                        unread.insert(place, because);
                        continue;
                    }
                    None => {
                        unread.insert(place, "nobody looked there");
                        continue;
                    }
                    Some(Seen::Absent) => continue,
                };
                for other in here.iter().flat_map(|thing| others(thing, &known)) {
                    let near = other.running.and_then(|running| {
                        timetable.nearest((&wanted.ring.name, region), schedule, running)
                    });
                    let Some(how) = other.meets(&wanted.nodes, near.as_ref()) else { continue };
                    let meeting = meetings.entry((other.with, how)).or_default();
                    meeting.places.add(&wanted.ring.name, account, region);
                    meeting.nearest = [meeting.nearest.take(), near].into_iter().flatten().min();
                }
            }
        }
        let conflicts = meetings.into_iter();
        findings
            .conflicts
            .extend(conflicts.map(|((with, how), meeting)| meeting.conflict(desired, with, how)));
    }
    findings.unread = grouped(&unread);
    findings
}

/// How something meets a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// It may patch the same nodes.
    OnOurNodes,
    /// It gives the same nodes other rules, and runs nothing.
    OtherRules,
    /// It patches other nodes, at nearly the same time.
    AtOurTime,
}

/// Where something meets a policy, in all its accounts.
#[derive(Default)]
struct Meeting {
    places: Places,
    nearest: Option<Near>,
}

impl Meeting {
    fn conflict(self, desired: &Desired, with: With, how: How) -> Conflict {
        let Self { places, nearest } = self;
        let check = match how {
            How::OnOurNodes => desired.conflict_check,
            How::OtherRules | How::AtOurTime => ConflictCheck::Warn,
        };
        Conflict {
            policy: desired.policy.clone(),
            check,
            places,
            effect: effect(&with, how, nearest.as_ref()),
            help: help(&with, how).to_owned(),
            with,
        }
    }
}

fn effect(with: &With, how: How, nearest: Option<&Near>) -> String {
    let near = nearest.map(|near| format!("; it runs {}", near.words())).unwrap_or_default();
    let (document, operation) = match with {
        With::Association { document, operation, .. }
        | With::WindowTask { document, operation, .. } => (document.as_str(), *operation),
        With::Policy { .. } | With::StackSet { .. } | With::PatchGroup { .. } => {
            ("", PatchOperation::Scan)
        }
    };
    match how {
        How::OtherRules => "its nodes get their rules from its baselines wherever they are patched by hand or by a maintenance window, and from the ring's file where the policy runs; the upload of each replaces the other's".to_owned(),
        How::AtOurTime => format!(
            "its tags say that its nodes are others; it runs {}, so nodes of both may be restarted at once",
            nearest.map(Near::words).unwrap_or_default()
        ),
        How::OnOurNodes => {
            let uploads = if document == ASSOCIATION_DOCUMENT {
                "its results stand beside the policy's, so what compliance shows mixes the two, and of two runs at once on a node one exits with the lock"
            } else {
                BOTH_UPLOAD
            };
            match operation {
                PatchOperation::Scan => format!("{uploads}{near}"),
                PatchOperation::Install => format!("{uploads}; {INSTALLS}{near}"),
                PatchOperation::Unknown => {
                    format!("{uploads}; it does not say whether it installs{near}")
                }
            }
        }
    }
}

fn help(with: &With, how: How) -> &'static str {
    match (how, with) {
        (How::AtOurTime, _) => {
            "If nodes of both must not be restarted at once, move one of the two by more than half an hour."
        }
        (_, With::WindowTask { .. }) => {
            "Deregister the task from the maintenance window, give its targets tags that exclude the ring's, or set `checks.conflicts` to `warn`."
        }
        (_, With::PatchGroup { .. }) => {
            "Runs of the policy pass a patch group by, so nothing has to be done. Deregister it if nobody patches by it any more."
        }
        (_, With::Association { .. } | With::Policy { .. } | With::StackSet { .. }) => {
            "Delete the association (host management: clear “Scan instances for missing patches daily”), give it targets that exclude the ring's nodes, or set `checks.conflicts` to `warn`."
        }
    }
}

/// Something that may meet a ring.
struct Other<'a> {
    with: With,
    /// The nodes of any of these.
    nodes: Vec<Nodes>,
    /// When it runs; none where that is not known.
    running: Option<Running<'a>>,
}

impl Other<'_> {
    fn meets(&self, nodes: &Nodes, near: Option<&Near>) -> Option<How> {
        let is_same = self.nodes.iter().any(|other| !nodes.is_disjoint(other));
        match (is_same, &self.with) {
            (true, With::PatchGroup { .. }) => Some(How::OtherRules),
            (true, _) => Some(How::OnOurNodes),
            // Scans restart nothing.
            (false, with) => {
                near.filter(|near| near.what == "install" && !scans(with)).map(|_| How::AtOurTime)
            }
        }
    }
}

/// Whether it is known to do nothing but scan.
fn scans(with: &With) -> bool {
    matches!(
        with,
        With::Association { operation: PatchOperation::Scan, .. }
            | With::WindowTask { operation: PatchOperation::Scan, .. }
    )
}

fn others<'a>(thing: &'a ForeignPatching, known: &BTreeSet<String>) -> Vec<Other<'a>> {
    match thing {
        ForeignPatching::Association(association) if is_known(association, known) => Vec::new(),
        ForeignPatching::Association(association) => vec![of_association(association)],
        ForeignPatching::Window(window) if window.enabled == Switch::Off => Vec::new(),
        ForeignPatching::Window(window) => of_window(window),
        ForeignPatching::Group(PatchGroup { name, .. }) => vec![Other {
            with: With::PatchGroup { name: name.clone() },
            nodes: ["Patch Group", "PatchGroup"].map(|key| Nodes::tagged(key, name)).into(),
            running: None,
        }],
    }
}

fn of_association(association: &PatchAssociation) -> Other<'_> {
    let PatchAssociation { id, name, document, operation, targets, schedule, offset_days } =
        association;
    Other {
        with: With::Association {
            name: name.as_ref().unwrap_or(id).clone(),
            document: document.clone(),
            operation: *operation,
            schedule: schedule.clone(),
        },
        nodes: vec![Nodes::of_targets(targets)],
        running: schedule.as_deref().map(|expression| Running {
            expression,
            offset_days: *offset_days,
            timezone: None,
            hours: 0,
        }),
    }
}

fn of_window(window: &PatchWindow) -> Vec<Other<'_>> {
    let running = Running {
        expression: &window.schedule,
        offset_days: window.offset_days,
        timezone: window.timezone.as_deref(),
        hours: i64::from(window.duration_hours.saturating_sub(window.cutoff_hours)),
    };
    let zone = window.timezone.as_ref().map(|zone| format!(" {zone}")).unwrap_or_default();
    let tasks = window.tasks.iter().map(|task| Other {
        with: With::WindowTask {
            window: window.name.clone(),
            task: task.name.as_ref().unwrap_or(&task.id).clone(),
            document: task.document.clone(),
            operation: task.operation,
            schedule: format!("{}{zone}", window.schedule),
        },
        nodes: if task.targets.is_empty() {
            vec![Nodes::Any]
        } else {
            task.targets.iter().map(|targets| Nodes::of_targets(targets)).collect()
        },
        running: Some(running),
    });
    tasks.collect()
}

/// Whether an association belongs to one of the policies, or to a stack set that was seen: its name ends with
/// the ID of those.
fn is_known(association: &PatchAssociation, known: &BTreeSet<String>) -> bool {
    let Some(name) = &association.name else { return false };
    let is_ours = [PATCH_POLICY_SETS, HOST_MANAGEMENT_SETS].iter().any(|of| name.starts_with(of));
    is_ours && last_part(name).is_some_and(|id| known.contains(id))
}

fn last_part(name: &str) -> Option<&str> {
    name.rsplit_once('-').map(|(_, last)| last)
}

/// The five characters of every ring and every configuration of Quick Setup's of which something is known.
fn known_ids(policies: &[(&Desired, &Observed)]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for (desired, observed) in policies {
        known.extend(desired.rings.iter().map(|ring| ring.id.to_string()));
        for (name, set) in observed.stack_sets.present().into_iter().flatten() {
            let Seen::Present(set) = set else { continue };
            let is_quick_setups = [PATCH_POLICY_SETS, HOST_MANAGEMENT_SETS]
                .iter()
                .any(|of| name.as_str().starts_with(of));
            if is_quick_setups {
                known.extend(last_part(name.as_str()).map(str::to_owned));
            }
            known.extend(ring_of(desired, set).map(String::from));
        }
    }
    known
}

/// The ring that a stack set of orgpatch's is for, whichever policy's.
fn ring_of(desired: &Desired, set: &StackSetSeen) -> Option<RingId> {
    let policy: PolicyName = set.tags.get(POLICY_TAG)?.parse().ok()?;
    let ring: RingName = set.tags.get(RING_TAG)?.parse().ok()?;
    Some(RingId::derive(&desired.organization, &policy, &ring))
}

/// What could not be looked at, the same reason once: reasons differ by the account and the Region that
/// they name.
fn grouped(unread: &BTreeMap<(&AccountId, &Region), &str>) -> Vec<Unread> {
    type Group<'a> = (Vec<(&'a AccountId, &'a Region)>, &'a str);
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for (&(account, region), &because) in unread {
        let same = because.replace(account.as_str(), "…").replace(region.as_str(), "…");
        let (places, _) = groups.entry(same).or_insert_with(|| (Vec::new(), because));
        places.push((account, region));
    }
    groups
        .into_values()
        .map(|(places, because)| {
            let all = extent(places.iter().copied());
            let example = places.first();
            let example = example
                .map(|(account, region)| format!(", for example {account}, {region}"))
                .unwrap_or_default();
            Unread { subject: format!("{all}{example}"), because: because.to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{NodeTarget, PatchTask};

    fn targets(tag: &str, value: &str) -> Vec<NodeTarget> {
        vec![NodeTarget { key: format!("tag:{tag}"), values: vec![value.to_owned()] }]
    }

    fn association(name: &str) -> PatchAssociation {
        PatchAssociation {
            id: "0a1b".to_owned(),
            name: Some(name.to_owned()),
            document: "AWS-RunPatchBaseline".to_owned(),
            operation: PatchOperation::Install,
            targets: targets("Ring", "blue"),
            schedule: Some("cron(0 2 ? * SUN *)".to_owned()),
            offset_days: 0,
        }
    }

    fn window() -> PatchWindow {
        PatchWindow {
            id: "mw-1".to_owned(),
            name: "sundays".to_owned(),
            enabled: Switch::On,
            schedule: "cron(0 2 ? * SUN *)".to_owned(),
            timezone: Some("Asia/Tokyo".to_owned()),
            offset_days: 0,
            duration_hours: 4,
            cutoff_hours: 1,
            tasks: vec![PatchTask {
                id: "task-1".to_owned(),
                name: None,
                document: "AWS-RunPatchBaseline".to_owned(),
                operation: PatchOperation::Install,
                targets: vec![targets("Ring", "green"), targets("Ring", "blue")],
            }],
        }
    }

    fn how(thing: &ForeignPatching, ring: &Nodes) -> Vec<Option<How>> {
        let others = others(thing, &BTreeSet::new());
        others.iter().map(|other| other.meets(ring, None)).collect()
    }

    #[test]
    fn an_association_with_the_id_of_something_known_is_left_out() {
        let known = BTreeSet::from(["ab1cd".to_owned()]);

        for (name, expected) in [
            ("AWS-QuickSetup-PatchPolicy-ScanForPatches-ab1cd", true),
            ("AWS-QuickSetup-SSMHostMgmt-ScanForPatches-ab1cd", true),
            ("AWS-QuickSetup-PatchPolicy-ScanForPatches-zz9zz", false),
            ("weekly-ab1cd", false),
        ] {
            assert_eq!(is_known(&association(name), &known), expected, "{name}");
        }
        assert!(!is_known(&PatchAssociation { name: None, ..association("") }, &known));
    }

    #[test]
    fn a_task_is_on_the_nodes_of_any_of_its_targets() {
        let task = ForeignPatching::Window(window());

        assert_eq!(how(&task, &Nodes::tagged("Ring", "blue")), [Some(How::OnOurNodes)]);
        assert_eq!(how(&task, &Nodes::tagged("Ring", "red")), [None]);
    }

    #[test]
    fn a_window_that_never_opens_patches_nothing() {
        let closed = PatchWindow { enabled: Switch::Off, ..window() };

        assert_eq!(how(&ForeignPatching::Window(closed), &Nodes::Any), []);
    }

    #[test]
    fn a_window_lets_tasks_begin_until_its_cutoff() {
        let window = window();
        let others = of_window(&window);

        let running = others[0].running.unwrap();

        assert_eq!((running.hours, running.timezone), (3, Some("Asia/Tokyo")));
    }

    #[test]
    fn a_patch_group_is_the_nodes_with_either_spelling_of_its_tag() {
        let group =
            ForeignPatching::Group(PatchGroup { name: "web".to_owned(), baselines: [].into() });
        let tagged = |key, value| how(&group, &Nodes::tagged(key, value));

        assert_eq!(tagged("PatchGroup", "web"), [Some(How::OtherRules)]);
        // A node can have the other spelling.
        assert_eq!(tagged("PatchGroup", "db"), [Some(How::OtherRules)]);
        assert_eq!(how(&group, &Nodes::Any), [Some(How::OtherRules)]);
    }

    #[test]
    fn what_installs_says_so_and_so_does_what_does_not_say() {
        let words = |operation| {
            let with = With::Association {
                name: "x".to_owned(),
                document: "AWS-RunPatchBaseline".to_owned(),
                operation,
                schedule: None,
            };
            effect(&with, How::OnOurNodes, None)
        };

        assert!(words(PatchOperation::Install).contains("may not have approved"));
        assert!(!words(PatchOperation::Scan).contains("may not have approved"));
        assert!(words(PatchOperation::Unknown).contains("does not say"));
    }

    #[test]
    fn the_same_reason_is_told_once_with_an_example() {
        let accounts: [AccountId; 2] =
            ["111111111111", "222222222222"].map(|account| account.parse().unwrap());
        let region: Region = "eu-west-1".parse().unwrap();
        let reasons = accounts.clone().map(|account| format!("{account} said no in eu-west-1"));
        let other = "there is no network".to_owned();
        let far: Region = "us-east-1".parse().unwrap();
        let unread = BTreeMap::from([
            ((&accounts[0], &region), reasons[0].as_str()),
            ((&accounts[1], &region), reasons[1].as_str()),
            ((&accounts[1], &far), other.as_str()),
        ]);

        let grouped = grouped(&unread);

        let told: Vec<(&str, &str)> =
            grouped.iter().map(|one| (one.subject.as_str(), one.because.as_str())).collect();
        assert!(told.contains(&(
            "2 accounts × 1 Region, for example 111111111111, eu-west-1",
            "111111111111 said no in eu-west-1"
        )));
        assert!(told.contains(&(
            "1 account × 1 Region, for example 222222222222, us-east-1",
            "there is no network"
        )));
        assert_eq!(told.len(), 2);
    }
}
