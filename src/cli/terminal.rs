//! Standard streams: what is printed where, and what is asked.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{BufRead as _, IsTerminal as _, Write as _},
    time::Duration,
};

use anstream::ColorChoice;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    apply::{Event, EventKind, WaitingFor},
    cli::{
        args::{Color, ProgressForm},
        failure::Failure,
    },
    plan::StepId,
    report::{Progress, event_json, said_json, step_words},
};

/// The standard streams.
#[derive(Debug)]
pub(super) struct Terminal;

impl Terminal {
    pub(super) fn new(color: Color) -> Self {
        match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        Self
    }

    /// Prints a result. A reader that has gone away is no failure of ours.
    #[expect(clippy::unused_self, reason = "who holds the terminal may print")]
    pub(super) fn out(&self, text: &str) {
        let mut stream = anstream::stdout().lock();
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.flush();
    }

    /// Prints anything but a result.
    #[expect(clippy::unused_self, reason = "who holds the terminal may print")]
    pub(super) fn say(&self, text: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// Prints why a command failed.
    pub(super) fn failure(&self, failure: &Failure) {
        self.say(&failure.text());
    }

    /// Whether there is somebody to ask.
    #[expect(clippy::unused_self, reason = "who holds the terminal may ask")]
    pub(super) fn is_interactive(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks, and returns the answer; nothing at the end of the input. Whoever waits for it may stop waiting.
    pub(super) async fn ask(&self, question: &str) -> Option<String> {
        {
            let mut stream = anstream::stderr().lock();
            let _ = write!(stream, "{question} ");
            let _ = stream.flush();
        }
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            match std::io::stdin().lock().read_line(&mut answer) {
                Ok(0) | Err(_) => None,
                Ok(_) => Some(answer.trim().to_owned()),
            }
        });
        answer.await.ok().flatten()
    }

    /// What shows a running apply of so many steps.
    #[expect(clippy::unused_self, reason = "who holds the terminal may draw")]
    pub(super) fn progress(&self, form: ProgressForm, steps: usize) -> Box<dyn ShowProgress> {
        match form {
            ProgressForm::Json => Box::new(JsonLines),
            ProgressForm::Auto if std::io::stderr().is_terminal() => Box::new(Live::new(steps)),
            ProgressForm::Auto | ProgressForm::Plain => {
                Box::new(PlainLines(RefCell::new(Progress::new(steps))))
            }
        }
    }
}

/// Shows events as they come.
pub(super) trait ShowProgress {
    /// Shows one event, with a clock reading before it where time is virtual.
    fn show(&self, event: &Event<'_>, clock: Option<Duration>);

    /// Says something that is no event.
    fn say(&self, text: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}

fn clock_text(clock: Option<Duration>) -> String {
    clock.map_or_else(String::new, |clock| {
        let seconds = clock.as_secs();
        format!("{:>3}m{:02}s ", seconds / 60, seconds % 60)
    })
}

struct JsonLines;

impl ShowProgress for JsonLines {
    fn say(&self, text: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{}", said_json(text));
    }

    fn show(&self, event: &Event<'_>, clock: Option<Duration>) {
        let mut line = event_json(event);
        if let Some(clock) = clock {
            line["clock_seconds"] = clock.as_secs().into();
        }
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    }
}

struct PlainLines(RefCell<Progress>);

impl ShowProgress for PlainLines {
    fn show(&self, event: &Event<'_>, clock: Option<Duration>) {
        if let Some(line) = self.0.borrow_mut().line(event) {
            let _ = writeln!(anstream::stderr().lock(), "{}{line}", clock_text(clock));
        }
    }
}

/// A bar for each running step, below the lines of those that have ended.
struct Live {
    bars: MultiProgress,
    running: RefCell<BTreeMap<StepId, ProgressBar>>,
    progress: RefCell<Progress>,
}

impl Live {
    fn new(steps: usize) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { bars, running: RefCell::default(), progress: RefCell::new(Progress::new(steps)) }
    }

    fn bar(&self, event: &Event<'_>) {
        let bar = ProgressBar::new(0)
            .with_style(style("  {spinner} {msg} {elapsed}"))
            .with_message(step_words(event.step));
        let bar = self.bars.add(bar);
        bar.enable_steady_tick(Duration::from_millis(200));
        self.running.borrow_mut().insert(event.step.id.clone(), bar);
    }
}

/// A style. The templates are fixed, so they are right.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl ShowProgress for Live {
    fn say(&self, text: &str) {
        let _ = self.bars.println(text);
    }

    fn show(&self, event: &Event<'_>, clock: Option<Duration>) {
        let line = self.progress.borrow_mut().line(event);
        match &event.kind {
            EventKind::Started => self.bar(event),
            EventKind::Progress { done, failed: _, total } if *total > 0 => {
                if let Some(bar) = self.running.borrow().get(&event.step.id) {
                    bar.set_style(style("  {spinner} {msg} {wide_bar} {pos}/{len} {elapsed}"));
                    bar.set_length(u64::try_from(*total).unwrap_or(u64::MAX));
                    bar.set_position(u64::try_from(done.unwrap_or(0)).unwrap_or(u64::MAX));
                }
            }
            EventKind::Waiting(WaitingFor::Answer(_)) => {
                let line = line.unwrap_or_default();
                let _ = self.bars.println(format!("{}{line}", clock_text(clock)));
            }
            EventKind::Progress { .. }
            | EventKind::Waiting(WaitingFor::OtherOperation)
            | EventKind::Operation(_) => {}
            EventKind::Ended(_) => {
                if let Some(bar) = self.running.borrow_mut().remove(&event.step.id) {
                    bar.finish_and_clear();
                }
                let line = line.unwrap_or_default();
                let _ = self.bars.println(format!("{}{line}", clock_text(clock)));
            }
        }
    }
}
