//! Several policies: files, and folders of them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, Cloud, World},
    },
    ids::Region,
    policy::Policy,
};

/// A policy with its file.
pub(super) struct Given {
    pub(super) file: PathBuf,
    pub(super) policy: Policy,
}

/// Whether one file was given, and no folder.
pub(super) fn is_one_file(paths: &[PathBuf]) -> bool {
    matches!(paths, [path] if !path.is_dir())
}

/// Reads them, those of a folder in the order of their names. What is wrong with any of them is told at once.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Given>, Failure> {
    let mut failures = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let found = if path.is_dir() { in_folder(path) } else { Ok(vec![path.clone()]) };
        match found {
            // A file may be given by itself and with its folder.
            Ok(found) => {
                let new: Vec<PathBuf> =
                    found.into_iter().filter(|file| !files.contains(file)).collect();
                files.extend(new);
            }
            Err(failure) => failures.push(failure),
        }
    }
    let mut given: Vec<Given> = Vec::new();
    for file in files {
        match world::policy(&file) {
            Ok(policy) => given.push(Given { file, policy }),
            Err(failure) => failures.push(failure),
        }
    }
    failures.extend(same_names(&given));
    match Failure::together(failures) {
        Some(failure) => Err(failure),
        None => Ok(given),
    }
}

/// The policy files of a folder, those below it left out.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = folder.display();
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("the folder `{name}` can't be read: {error}"))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_policy =
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_policy && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("the folder `{name}` has no policy files"))
            .help("Policy files end with .yaml or .yml. Folders below it are not looked into."));
    }
    Ok(files)
}

/// Two policies of one name would be one to AWS.
fn same_names(given: &[Given]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (number, second) in given.iter().enumerate() {
        let first = given[..number].iter().find(|first| first.policy.name == second.policy.name);
        let Some(first) = first else { continue };
        let message = format!(
            "`{}` and `{}` both have the name `{}`",
            first.file.display(),
            second.file.display(),
            second.policy.name
        );
        failures.push(Failure::new(Exit::Usage, message).help(
            "What a policy makes is called by its name and found by it, so no two can share one. Rename one of them.",
        ));
    }
    failures
}

/// Connects to each of their home Regions.
pub(super) async fn connect(
    given: &[Given],
    world: &World,
    terminal: &Terminal,
) -> Result<BTreeMap<Region, Cloud>, Failure> {
    let mut connected = BTreeMap::new();
    for Given { policy, .. } in given {
        let home = &policy.home_region.value;
        if !connected.contains_key(home) {
            connected.insert(home.clone(), world.connect(Some(home), terminal).await?);
        }
    }
    Ok(connected)
}
