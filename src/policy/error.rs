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

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// The policy is taken all the same: it may be right, and orgpatch can't tell.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where; none where the file as a whole is meant.
    pub place: Option<Place>,
    /// What, as a lower-case fragment.
    pub message: String,
    /// What to do, as a sentence.
    pub help: Option<String>,
}

impl Problem {
    /// An error, at a place where there is one.
    pub(super) fn new(place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place, message: message.into(), help: None }
    }

    /// An error at a place.
    pub fn at(place: &Place, message: impl Into<String>) -> Self {
        Self::new(Some(place.clone()), message)
    }

    /// An error of the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self::new(None, message)
    }

    /// What may be wrong at a place, and is taken all the same.
    pub fn warning(place: &Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::at(place, message) }
    }

    /// Whether the policy is taken all the same.
    pub fn is_warning(&self) -> bool {
        self.severity == Severity::Warning
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

/// How many of the problems are errors. Whoever asks whether something could be read asks this, since a
/// warning leaves it as it is.
pub(super) fn errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| !problem.is_warning()).count()
}

/// The problems in the order of their places, each once.
pub(super) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| (&a.place, &a.message).cmp(&(&b.place, &b.message)));
    problems.dedup();
    problems
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
/// Displayed, each problem is one line `error: …` or `warning: …`, the place as `file:line:column`, the
/// line of the file with the part marked, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    file: Arc<str>,
    text: Arc<str>,
    list: Vec<Problem>,
}

impl Problems {
    /// Puts problems in order. There must be one error at least.
    pub(super) fn new(file: &str, text: &str, problems: Vec<Problem>) -> Self {
        Self { file: file.into(), text: text.into(), list: in_order(problems) }
    }

    /// The problems, in the order of their places.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.file, &self.text, &self.list)?;
        write!(f, "{} in {}; nothing was done", counted(&self.list), self.file)
    }
}

/// What may be wrong with a file that is taken all the same. Displayed as [`Problems`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warned<'a> {
    file: &'a str,
    text: &'a str,
    list: &'a [Problem],
}

impl<'a> Warned<'a> {
    /// The warnings of a file, which must be in order.
    pub(super) fn new(file: &'a str, text: &'a str, list: &'a [Problem]) -> Self {
        Self { file, text, list }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The warnings, in the order of their places.
    pub fn list(&self) -> &'a [Problem] {
        self.list
    }
}

impl fmt::Display for Warned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.file, self.text, self.list)?;
        write!(f, "{} in {}", counted(self.list), self.file)
    }
}

/// Writes each problem and an empty line behind it.
fn show(f: &mut fmt::Formatter<'_>, file: &str, text: &str, list: &[Problem]) -> fmt::Result {
    for problem in list {
        let (level, word) = match problem.severity {
            Severity::Error => (Level::ERROR, "error"),
            Severity::Warning => (Level::WARNING, "warning"),
        };
        let Some(bytes) = problem.place.as_ref().and_then(Place::range) else {
            // There is no line to show.
            writeln!(f, "{word}: {}\n --> {file}", problem.message)?;
            if let Some(help) = &problem.help {
                writeln!(f, "help: {help}")?;
            }
            writeln!(f)?;
            continue;
        };
        let snippet =
            Snippet::source(text).path(file).annotation(AnnotationKind::Primary.span(bytes));
        let title = level.primary_title(problem.message.as_str()).element(snippet);
        let mut groups: Vec<Group<'_>> = vec![title];
        if let Some(help) = &problem.help {
            groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
        }
        writeln!(f, "{}\n", Renderer::plain().render(&groups))?;
    }
    Ok(())
}

/// `2 errors and 1 warning`.
fn counted(list: &[Problem]) -> String {
    let several = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    let errors = errors(list);
    match (errors, list.len() - errors) {
        (errors, 0) => several(errors, "error"),
        (0, warnings) => several(warnings, "warning"),
        (errors, warnings) => {
            format!("{} and {}", several(errors, "error"), several(warnings, "warning"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name: weekly\nowner: nobody\n";

    fn place(line: u64, column: u64, bytes: (usize, usize)) -> Place {
        Place { line, column, bytes: Some(bytes) }
    }

    #[test]
    fn errors_and_warnings_are_shown_by_place_and_counted_apart() {
        let warning = Problem::warning(&place(2, 8, (20, 26)), "nobody answers").help("Name one.");
        let error = Problem::at(&place(1, 7, (6, 12)), "too often");

        let problems = Problems::new("x.yaml", TEXT, vec![warning, error]);

        assert_eq!(
            problems.to_string(),
            "\
error: too often
 --> x.yaml:1:7
  |
1 | name: weekly
  |       ^^^^^^

warning: nobody answers
 --> x.yaml:2:8
  |
2 | owner: nobody
  |        ^^^^^^
  |
help: Name one.

1 error and 1 warning in x.yaml; nothing was done"
        );
    }

    #[test]
    fn warnings_alone_say_nothing_of_a_refusal() {
        let list = [Problem::warning(&place(2, 8, (20, 26)), "nobody answers")];

        let warned = Warned::new("x.yaml", TEXT, &list);

        assert!(!warned.is_empty());
        assert!(warned.to_string().ends_with("  |        ^^^^^^\n\n1 warning in x.yaml"));
    }

    #[test]
    fn a_problem_without_a_place_is_worded_too() {
        let list = vec![Problem::of_file("the file is empty").help("Write something.")];

        assert_eq!(
            Problems::new("x.yaml", "", list).to_string(),
            "error: the file is empty\n --> x.yaml\nhelp: Write something.\n\n1 error in x.yaml; nothing was done"
        );
    }

    #[test]
    fn a_warning_is_no_error_and_the_same_problem_counts_once() {
        let warning = Problem::warning(&place(2, 8, (20, 26)), "nobody answers");
        let error = Problem::at(&place(1, 7, (6, 12)), "too often");

        assert_eq!(errors(std::slice::from_ref(&warning)), 0);
        assert_eq!(
            in_order(vec![warning.clone(), error.clone(), warning.clone()]),
            [error, warning]
        );
    }
}
