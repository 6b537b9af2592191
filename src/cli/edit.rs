//! Writing an edited file.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use crate::cli::clock;

/// Puts another text into a file, all at once: whoever reads it meanwhile sees the one or the other. Its
/// permissions stay, and what a link leads to is written, not the link.
///
/// # Errors
///
/// Where the file or its folder can't be written. Then it is as it was.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let permissions = fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = folder.join(format!(".orgpatch-{}", clock::run()));
    let written = write(&beside, text)
        .and_then(|()| fs::set_permissions(&beside, permissions))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What is left of it is of no use, and nothing more can be done.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Writes a new file, to the disk.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
