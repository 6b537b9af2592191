//! The command line.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::{
    cli::selection::SelectionArgs,
    cloud::MaxRate,
    ids::{PolicyName, Region, RingName, RoleName},
    rehearsal::FaultKind,
    report::Detail,
    sim::{Assumptions, Span},
};

/// Rolls one AWS patch policy out over a whole AWS Organization.
///
/// Exit codes: 0 done; 1 failed; 2 plan with --detailed-exitcode: changes; 3 applied in part;
/// 4 refused before any change; 130 interrupted; 252 usage, or a policy that can't be read;
/// 253 no credentials, or not allowed.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) aws: AwsArgs,

    /// When to use colour; `NO_COLOR` is honoured too.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,

    #[command(subcommand)]
    pub(super) command: Command,
}

/// Where AWS is reached.
#[derive(Clone, Debug, Args)]
pub(super) struct AwsArgs {
    /// The profile of ~/.aws/config to use; it wins over credentials in the environment.
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// The most calls a second to any of AWS's APIs, for organizations that other tools read too.
    /// Without it, as many as AWS publishes.
    #[arg(long, global = true, value_name = "N", value_parser = max_rate)]
    pub(super) max_rate: Option<MaxRate>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a policy file by itself: no credentials, no network.
    Validate(ValidateArgs),
    /// Show what apply would change, and change nothing.
    Plan(PlanArgs),
    /// Find what else patches the same nodes: stack sets, other policies, and with --deep what was set up in
    /// the accounts.
    Conflicts(ConflictsArgs),
    /// Give a ring the approvals of an earlier one: edit the policy file, show the plan.
    ///
    /// The edit leaves everything else in the file as it is, comments too. It is written before the plan is
    /// made, so it stays where there are no credentials for a plan. With --dry-run nothing is written.
    Promote(PromoteArgs),
    /// Say why an account or an OU is in or out, with the lines of the policy.
    Why(WhyArgs),
    /// Make the organization match the policy.
    Apply(ApplyArgs),
    /// Take away all that a policy has made.
    Destroy(DestroyArgs),
    /// Show how a policy stands: accounts × Regions current, outdated, failed, missing.
    Status(StatusArgs),
    /// Show when each ring will scan and install, in UTC and local time: no credentials, no network.
    NextRuns(NextRunsArgs),
    /// Show who applied a policy when, and what came of it.
    History(HistoryArgs),
    /// Write the templates and parameters as they would be sent.
    Render(RenderArgs),
    /// Record the organization, for plans and rehearsals without credentials.
    Snapshot(SnapshotArgs),
    /// Carry a policy out on a simulated AWS, on this machine, without credentials.
    Rehearse(RehearseArgs),
    /// Print the least IAM policy for whoever runs orgpatch.
    IamPolicy(IamPolicyArgs),
    /// Print the JSON Schema of the policy file, for editors.
    ///
    /// Write it beside your policies, with `orgpatch schema > orgpatch.schema.json`, and begin each of them with
    /// `# yaml-language-server: $schema=orgpatch.schema.json`. Editors that have the YAML language server then
    /// complete keys and values, say what they mean, and mark what is wrong while you write. `orgpatch validate`
    /// sees more: what depends on other keys, and on the day.
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// Ask AWS which products, classifications and severities there are, beside the list in this program.
    /// Needs credentials.
    #[arg(long)]
    pub(super) online: bool,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanOutput {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Show {
    /// What changes, by OU; long lists are cut.
    Changes,
    /// Every account and every difference.
    All,
}

impl From<Show> for Detail {
    fn from(arg: Show) -> Self {
        match arg {
            Show::Changes => Self::Folded,
            Show::All => Self::Everything,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Policy files, and folders with policy files (*.yaml, *.yml). Several are planned one by one, and then
    /// held against each other.
    #[arg(value_name = "PATH", required = true)]
    pub(super) policies: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    /// The form of the plan.
    #[arg(short, long, value_enum, default_value_t = PlanOutput::Text)]
    pub(super) output: PlanOutput,

    /// Exit with 2 where there are changes.
    #[arg(long)]
    pub(super) detailed_exitcode: bool,

    /// How much is shown as text.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Show::Changes)]
    pub(super) show: Show,

    /// Plan offline, over a recorded organization in which nothing is deployed.
    #[arg(long, value_name = "SNAPSHOT")]
    pub(super) org: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PromoteArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// The ring that has the approvals.
    #[arg(long, value_name = "RING")]
    pub(super) from: RingName,

    /// The ring that is given them; it comes behind the other one in the file.
    #[arg(long, value_name = "RING")]
    pub(super) to: RingName,

    /// Give it the patches released up to this day, in UTC, and not all that the other ring has today.
    #[arg(long, value_name = "DATE", value_parser = date, conflicts_with = "only")]
    pub(super) until: Option<Date>,

    /// Give it these patches, and no other.
    #[arg(long, value_name = "PATCH", num_args = 1.., value_delimiter = ',')]
    pub(super) only: Vec<String>,

    /// Show the edit and the plan, and write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Plan offline, over a recorded organization in which nothing is deployed.
    #[arg(long, value_name = "SNAPSHOT")]
    pub(super) org: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// An account, by ID or name, or an OU, by path, name or ID.
    #[arg(value_name = "ACCOUNT|OU")]
    pub(super) subject: String,

    /// A Region: whether it is among the ring's, and what happens in it.
    #[arg(value_name = "REGION")]
    pub(super) in_region: Option<Region>,

    /// Look it up offline, in a recorded organization.
    #[arg(long, value_name = "SNAPSHOT")]
    pub(super) org: Option<PathBuf>,

    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct ConflictsArgs {
    /// Policy files, and folders with policy files (*.yaml, *.yml).
    #[arg(value_name = "PATH", required = true)]
    pub(super) policies: Vec<PathBuf>,

    /// Look into every account and Region of the policies for associations, maintenance windows and patch groups.
    #[arg(long, conflicts_with = "org")]
    pub(super) deep: bool,

    /// The role that accounts are entered with.
    #[arg(long, value_name = "NAME", default_value_t = RoleName::of_organizations())]
    pub(super) role_name: RoleName,

    /// The form of the result.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,

    /// Hold the policies against each other offline, over a recorded organization in which nothing is deployed.
    #[arg(long, value_name = "SNAPSHOT")]
    pub(super) org: Option<PathBuf>,
}

/// How a running apply is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressForm {
    /// Live on a terminal, plain elsewhere.
    Auto,
    /// A line for each event.
    Plain,
    /// A line of JSON for each event.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    /// How much of the plan is shown.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Show::Changes)]
    pub(super) show: Show,

    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,

    /// Refuse unless the plan has this digest (its first 6 characters or more).
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(super) expect: Option<String>,

    /// Let the plan take something away from so many accounts.
    #[arg(long, value_name = "N")]
    pub(super) allow_removals: Option<usize>,

    /// Try again the instances of stack sets that failed, with what the sets have now, and do nothing else.
    #[arg(long)]
    pub(super) retry_failed: bool,

    /// Take the lock although another run holds it. Only for a run that is known to be dead.
    #[arg(long)]
    pub(super) break_lock: bool,

    /// How progress is shown.
    #[arg(long, value_enum, default_value_t = ProgressForm::Auto)]
    pub(super) progress: ProgressForm,
}

#[derive(Debug, Args)]
pub(super) struct DestroyArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// Do not ask; the policy's name has to be given as proof.
    #[arg(long, value_name = "NAME")]
    pub(super) yes: Option<PolicyName>,

    /// Leave node tags, role tags and attached policies where they are.
    #[arg(long)]
    pub(super) keep_roles: bool,

    /// Leave the bucket with the log of who read the overrides.
    #[arg(long)]
    pub(super) keep_logs: bool,

    /// Take the lock although another run holds it. Only for a run that is known to be dead.
    #[arg(long)]
    pub(super) break_lock: bool,

    /// How progress is shown.
    #[arg(long, value_enum, default_value_t = ProgressForm::Auto)]
    pub(super) progress: ProgressForm,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    /// The form of the result.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

/// The form of the next runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunsOutput {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For calendars: iCalendar, an event for each run.
    Ics,
}

#[derive(Debug, Args)]
pub(super) struct NextRunsArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// How many days to look ahead, at most 366.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(super) days: u16,

    /// The form of the result.
    #[arg(short, long, value_enum, default_value_t = RunsOutput::Text)]
    pub(super) output: RunsOutput,

    /// Keep to these rings, with commas between.
    #[arg(long, value_name = "RING", value_delimiter = ',')]
    pub(super) ring: Vec<RingName>,

    /// Keep to these Regions.
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub(super) region: Vec<Region>,

    /// Show every run, and not the next three of each schedule. JSON and iCalendar always have all.
    #[arg(long)]
    pub(super) all: bool,

    /// Ask each Change Calendar whether it is open then, and mark the installations that it holds back.
    #[arg(long)]
    pub(super) online: bool,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// How many runs to show, the newest first.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(super) limit: usize,

    /// The form of the result.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// The folder to write to; it is made if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,

    /// Render offline, over a recorded organization.
    #[arg(long, value_name = "SNAPSHOT")]
    pub(super) org: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,

    /// The Region that is spoken to, whose baselines are recorded; without it, that of the profile or the
    /// environment.
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<Region>,
}

#[derive(Debug, Args)]
pub(super) struct RehearseArgs {
    /// The policy file.
    #[arg(value_name = "FILE")]
    pub(super) policy: PathBuf,

    /// A recorded organization; without it, an example one.
    #[arg(long, value_name = "SNAPSHOT")]
    pub(super) org: Option<PathBuf>,

    /// Let something go wrong, and then run the same command again.
    #[arg(long, value_enum, value_name = "KIND")]
    pub(super) fault: Option<FaultArg>,

    /// What decides where it goes wrong and which account fails. (What `throttling` and `stopped-operation` do is
    /// the same for each.)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,

    /// How long something is assumed to take, in seconds: `make=60` or `make=40..90`. May be given several
    /// times; the rehearsal prints all names at its end.
    #[arg(long, value_name = "NAME=SECONDS", value_parser = assumption)]
    pub(super) assume: Vec<(String, Span)>,

    /// The form of the result.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,

    /// How progress is shown.
    #[arg(long, value_enum, default_value_t = ProgressForm::Auto)]
    pub(super) progress: ProgressForm,
}

/// What goes wrong in a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FaultArg {
    /// Nothing can be made in one account.
    Account,
    /// The reply to a call that changes something is lost.
    Reply,
    /// There is no network for ten minutes.
    Network,
    /// Others use up nine tenths of every rate of calls.
    Throttling,
    /// Somebody stops an operation in the console.
    StoppedOperation,
    /// The process is killed.
    Kill,
}

impl From<FaultArg> for FaultKind {
    fn from(arg: FaultArg) -> Self {
        match arg {
            FaultArg::Account => Self::Account,
            FaultArg::Reply => Self::Reply,
            FaultArg::Network => Self::Network,
            FaultArg::Throttling => Self::Throttling,
            FaultArg::StoppedOperation => Self::StoppedOperation,
            FaultArg::Kill => Self::Kill,
        }
    }
}

/// Who runs orgpatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunnerArg {
    /// Whoever runs `plan`, `status`, `render`, `snapshot` and `next-runs --online`.
    Plan,
    /// Whoever runs `apply` and `destroy` too.
    Operator,
    /// Whoever runs `conflicts --deep`.
    Deep,
    /// The role in member accounts that `conflicts --deep` enters with.
    Member,
}

#[derive(Debug, Args)]
pub(super) struct IamPolicyArgs {
    /// For whom.
    #[arg(long = "for", value_enum, value_name = "WHO")]
    pub(super) runner: RunnerArg,

    /// A Region of the partition whose ARNs are meant; without it, `aws`.
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<Region>,

    /// The role in member accounts, for `deep`.
    #[arg(long, value_name = "NAME", default_value_t = RoleName::of_organizations())]
    pub(super) role_name: RoleName,
}

/// An empty one would otherwise be taken for a plan that has changed.
fn digest(text: &str) -> Result<String, String> {
    let is_digest = text.len() >= 6 && text.chars().all(|c| c.is_ascii_hexdigit());
    is_digest.then(|| text.to_owned()).ok_or_else(|| {
        "a digest is 6 or more of 0-9 and a-f, as `orgpatch plan` prints them".to_owned()
    })
}

fn max_rate(text: &str) -> Result<MaxRate, String> {
    let rate = text.parse::<NonZeroU32>().map(MaxRate);
    rate.map_err(|_| "a rate is a whole number of calls a second, 1 or more".to_owned())
}

/// `make=60` or `make=40..90`, in seconds.
fn assumption(text: &str) -> Result<(String, Span), String> {
    let (name, seconds) = text
        .split_once('=')
        .ok_or_else(|| "write NAME=SECONDS, as in `make=60` or `make=40..90`".to_owned())?;
    let (from, to) = seconds.split_once("..").unwrap_or((seconds, seconds));
    let time = |text: &str| {
        // A day is longer than anything of this kind takes.
        let seconds = text.trim().parse::<f64>().ok().filter(|s| (0.0..=86_400.0).contains(s));
        seconds
            .map(Duration::from_secs_f64)
            .ok_or_else(|| format!("`{text}` is not a number of seconds, from 0 to 86400"))
    };
    let (from, to) = (time(from)?, time(to)?);
    if from > to {
        return Err("the first number must not be larger than the second".to_owned());
    }
    let mut known = Assumptions::default();
    if known.set(name, from..=to).is_ok() {
        return Ok((name.to_owned(), from..=to));
    }
    let names = known.named().map(|(name, _, _)| name).join(", ");
    Err(format!("nothing is called `{name}`; there are {names}"))
}

/// A day, in the one form that a policy has.
fn date(text: &str) -> Result<Date, String> {
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| "write year, month and day: `2027-01-31`".to_owned())
}
