//! `render`: write templates and parameters as they would be sent.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    cli::{
        args::RenderArgs,
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, Look, Wish, World},
    },
    cloud::CloudRead,
    discover,
    plan::{Home, home_stack, override_body},
    policy::Policy,
    sim::SimulatedAws,
    state::{Deployment, OVERRIDE_KEY, Observed, StackSpec, Template},
};

const KEY_STATEMENT: &str = "key-policy-statement.json";

/// Files that have the same name in every ring.
const NAMED_ALIKE: [&str; 2] = [OVERRIDE_KEY, KEY_STATEMENT];

pub(super) async fn run(
    args: &RenderArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    if let Some(path) = &args.org {
        let snapshot = world::snapshot(path)?;
        world::warn_of_other_region(&policy, &snapshot, terminal);
        return render(args, &policy, &SimulatedAws::new(snapshot), terminal).await;
    }
    let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
    render(args, &policy, &aws, terminal).await
}

async fn render(
    args: &RenderArgs,
    policy: &Policy,
    cloud: &impl CloudRead,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let standing = discover::standing(cloud).await?;
    let found = world::find(policy, &standing, cloud).await;
    let look = world::look(policy, Wish::Kept, &standing, found, cloud);
    let Look { desired, observed, .. } = look.await?;
    for ring in &desired.rings {
        if let Some(deployment) = ring.deployment() {
            for (name, text) in files(deployment, &observed)? {
                // What each ring's bucket has under the same name gets a folder for each ring.
                let is_shared = NAMED_ALIKE.contains(&name.as_str()) && policy.rings.len() > 1;
                let path = if is_shared {
                    args.out.join(ring.name.as_str()).join(name)
                } else {
                    args.out.join(name)
                };
                write(&path, &text)?;
                terminal.out(&format!("{}\n", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}

fn files(deployment: &Deployment, observed: &Observed) -> Result<Vec<(String, String)>, Failure> {
    let Home { spec: home, content: baselines, made, .. } = home_stack(deployment, observed)
        .map_err(|blocked| {
            let reasons: Vec<String> = blocked
                .iter()
                .map(|blocked| format!("{}: {}", blocked.subject, blocked.because))
                .collect();
            let help = blocked.first().map_or("", |blocked| blocked.because.help());
            Failure::new(Exit::Failed, reasons.join("; ")).help(help)
        })?;
    let mut files = vec![(
        OVERRIDE_KEY.to_owned(),
        String::from_utf8_lossy(&override_body(&baselines)).into_owned(),
    )];
    if let Some(statement) = &deployment.key_statement {
        files.push((KEY_STATEMENT.to_owned(), statement.clone()));
    }
    for spec in &made {
        files.push((format!("{}.json", spec.name), format!("{:#}\n", json!(spec))));
    }
    let mut add = |name: &str, template: &Template, sent: Value| {
        files.push((format!("{name}.template.json"), template.body().to_owned()));
        files.push((format!("{name}.json"), format!("{sent:#}\n")));
    };
    add(home.name.as_str(), &home.template, stack(&home));
    for spec in deployment.own_stacks.values() {
        add(spec.name.as_str(), &spec.template, stack(spec));
    }
    for set in deployment.stack_sets.values() {
        let sent = json!({
            "stack_set": set.name,
            "description": set.description,
            "parameters": set.parameters,
            "tags": set.tags,
            "auto_deployment": set.auto_deployment,
            "targets": set.targets,
            "regions": set.regions,
            "preferences": set.preferences,
        });
        add(set.name.as_str(), &set.template, sent);
    }
    Ok(files)
}

fn stack(spec: &StackSpec) -> Value {
    json!({ "stack": spec.name, "region": spec.region, "parameters": spec.parameters, "tags": spec.tags })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text)).map_err(|error| {
        Failure::new(Exit::Failed, format!("`{}` can't be written: {error}", path.display()))
    })
}
