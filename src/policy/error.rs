//! What is wrong with a policy file, where, and what to write instead.

use std::{fmt, ops::Range, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// The bytes that are meant, as far as they are known.
    pub(super) bytes: Option<(usize, usize)>,
}

impl Place {
    fn range(&self) -> Option<Range<usize>> {
        self.bytes.map(|(start, end)| start..end)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where; none where the file as a whole is meant.
    pub place: Option<Place>,
    /// What, as a lower-case fragment.
    pub message: String,
    /// What to do, as a sentence.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn at(place: &Place, message: impl Into<String>) -> Self {
        Self { place: Some(place.clone()), message: message.into(), help: None }
    }

    /// A problem of the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "Did you mean `…`?" where something is near.
    #[must_use]
    pub fn or_nearest<'a>(self, wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(wrong, right) {
            Some(near) => self.help(format!("Did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The text that is nearest to a wrong one, if any is near enough to be meant.
pub(super) fn nearest<'a>(
    wrong: &str,
    right: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    right
        .into_iter()
        .map(|text| (strsim::jaro_winkler(&lower, &text.to_lowercase()), text))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, text)| text)
}

/// Everything that is wrong with one file, in the order of the places.
///
/// Displayed, each problem is one line `error: …`, the place as `file:line:column`, the line of the
/// file with the part marked, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    file: Arc<str>,
    text: Arc<str>,
    list: Vec<Problem>,
}

impl Problems {
    /// Puts problems in order. There must be one at least.
    pub(super) fn new(file: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (&a.place, &a.message).cmp(&(&b.place, &b.message)));
        problems.dedup();
        Self { file: file.into(), text: text.into(), list: problems }
    }

    /// The problems, in the order of their places.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            let Some(bytes) = problem.place.as_ref().and_then(Place::range) else {
                // There is no line to show.
                writeln!(f, "error: {}\n --> {}", problem.message, self.file)?;
                if let Some(help) = &problem.help {
                    writeln!(f, "help: {help}")?;
                }
                writeln!(f)?;
                continue;
            };
            let snippet = Snippet::source(self.text.as_ref())
                .path(self.file.as_ref())
                .annotation(AnnotationKind::Primary.span(bytes));
            let title = Level::ERROR.primary_title(problem.message.as_str()).element(snippet);
            let mut groups: Vec<Group<'_>> = vec![title];
            if let Some(help) = &problem.help {
                groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
            }
            writeln!(f, "{}\n", Renderer::plain().render(&groups))?;
        }
        match self.list.len() {
            1 => write!(f, "1 error in {}; nothing was done", self.file),
            count => write!(f, "{count} errors in {}; nothing was done", self.file),
        }
    }
}
