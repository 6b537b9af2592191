//! Figures, and the table that they make.

use std::{fmt::Write as _, io::Write as _, path::Path};

/// What was measured, and the goal beside it.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 3]>,
}

impl Table {
    /// Adds one figure.
    pub(crate) fn add(&mut self, what: &str, measured: String, goal: &str) {
        let _ = writeln!(std::io::stderr(), "{what}: {measured}");
        self.rows.push([what.to_owned(), measured, goal.to_owned()]);
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        let width = self.rows.iter().map(|[what, ..]| what.chars().count()).max().unwrap_or(0);
        let mut out = std::io::stdout().lock();
        for [what, measured, goal] in &self.rows {
            let _ = writeln!(out, "{what:<width$}  {measured:>22}  {goal}");
        }
    }

    /// Writes it as Markdown.
    pub(crate) fn write(&self, file: &Path) {
        let mut text = "| what | measured | goal |\n| --- | --- | --- |\n".to_owned();
        for [what, measured, goal] in &self.rows {
            let _ = writeln!(text, "| {what} | {measured} | {goal} |");
        }
        std::fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// The middle one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The most memory that this process has used, where the system tells (Linux).
pub(crate) mod memory {
    /// Begins to count anew.
    pub(crate) fn forget() {
        // Writing 5 resets the peak (proc_pid_clear_refs(5)). Where that is not possible, the peak stays that
        // of the whole benchmark, which is more.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
    }

    /// The peak since then.
    pub(crate) fn peak() -> String {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kilobytes.map_or("unknown here".to_owned(), |kilobytes| {
            format!("{:.0} MB", kilobytes * 1.024 / 1e3)
        })
    }
}
