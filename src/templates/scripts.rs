//! The documents' Python, compiled in.

/// The files of `templates/scripts/`, by the name under which Python imports them.
const FILES: [(&str, &str); 11] = [
    ("add_remove_tag", include_str!("../../templates/scripts/add_remove_tag.py")),
    ("attach_ec2", include_str!("../../templates/scripts/attach_ec2.py")),
    ("attach_hybrid", include_str!("../../templates/scripts/attach_hybrid.py")),
    ("document", include_str!("../../templates/scripts/document.py")),
    ("node_tags", include_str!("../../templates/scripts/node_tags.py")),
    ("policies", include_str!("../../templates/scripts/policies.py")),
    ("remediate_name_tags", include_str!("../../templates/scripts/remediate_name_tags.py")),
    ("role", include_str!("../../templates/scripts/role.py")),
    ("run", include_str!("../../templates/scripts/run.py")),
    ("sync_baselines", include_str!("../../templates/scripts/sync_baselines.py")),
    ("take_back", include_str!("../../templates/scripts/take_back.py")),
];

/// The script that a template includes as `file:scripts/NAME.py`; none where the text is no such reference.
///
/// A document has one text and no folder, so what the script imports from beside it stands before it,
/// each module once.
pub(super) fn included(reference: &str) -> Option<String> {
    let name = reference.strip_prefix("file:scripts/")?.strip_suffix(".py")?;
    let mut text = String::new();
    put(&mut text, &mut Vec::new(), name, file(name)?);
    Some(text)
}

fn file(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(file, _)| *file == name).map(|(_, text)| *text)
}

/// Puts a module's imports from beside it, and then the module without those lines.
fn put(text: &mut String, there: &mut Vec<&'static str>, name: &str, module: &'static str) {
    let beside = |line: &'static str| {
        let imported = line.strip_prefix("from ")?.split(" import ").next()?;
        FILES.iter().find(|(file, _)| *file == imported)
    };
    for (imported, module) in module.lines().filter_map(beside) {
        if !there.contains(imported) && *imported != name {
            there.push(*imported);
            put(text, there, imported, module);
        }
    }
    for line in module.split_inclusive('\n').filter(|line| beside(line).is_none()) {
        text.push_str(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_stands_on_its_own() {
        for (name, _) in FILES {
            let text = included(&format!("file:scripts/{name}.py")).unwrap();

            for (other, _) in FILES {
                assert!(!text.contains(&format!("from {other} import")), "{name} imports {other}");
                assert!(!text.contains(&format!("\nimport {other}")), "{name} imports {other}");
            }
        }
    }

    #[test]
    fn a_module_stands_once_and_before_what_imports_it() {
        let text = included("file:scripts/take_back.py").unwrap();

        assert_eq!(text.matches("def given(").count(), 1);
        assert_eq!(text.matches("class Run:").count(), 1);
        let place = |part: &str| text.find(part).unwrap();
        assert!(place("def code(") < place("class Run:"));
        assert!(place("class Run:") < place("def handler("));
    }
}
