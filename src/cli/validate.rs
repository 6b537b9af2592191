//! `validate`: check a policy file by itself, or beside what AWS knows of patches.

use crate::{
    cli::{
        args::ValidateArgs,
        clock,
        failure::{Exit, Failure},
        terminal::Terminal,
        world::{self, World},
    },
    discover,
    report::count,
    state::Seen,
};

/// Reads the file; what is wrong with it is the failure.
pub(super) async fn run(
    args: &ValidateArgs,
    world: &World,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let policy = world::policy(&args.policy)?;
    let warnings =
        policy.on(clock::today()).map_err(|problems| Failure::policy(Exit::Usage, &problems))?;
    let warned = policy.warned(&warnings);
    if !warned.is_empty() {
        terminal.say(&format!("{warned}\n"));
    }
    let mut asked = String::new();
    if args.online {
        let aws = world.connect(Some(&policy.home_region.value), terminal).await?;
        let known = discover::known_values(&aws, policy.properties_named()).await;
        policy.held_against(&known).map_err(|problems| Failure::policy(Exit::Usage, &problems))?;
        let mut unread = None;
        for ((system, property), values) in &known {
            if let Seen::Unknown(because) = values {
                let key = property.aws_name().to_lowercase();
                terminal
                    .say(&format!("the values of {key} for {system} could not be read: {because}"));
                unread = Some(because);
            }
        }
        if let Some(because) = unread {
            let message = format!("not all values could be asked for: {because}");
            return Err(Failure::new(Exit::Failed, message)
                .help("The file by itself is valid; without `--online` nothing is asked."));
        }
        asked = format!(" ({} asked of AWS)", count(known.len(), "list"));
    }
    terminal.out(&format!(
        "{}: the policy `{}` is valid{asked}\n",
        args.policy.display(),
        policy.name
    ));
    Ok(Exit::Done)
}
