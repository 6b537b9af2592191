//! The functions of templates, as far as names and outputs need them.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the functions of one template may refer to.
///
/// What can't be resolved is none, and whoever asked makes something up.
pub(super) struct Scope<'a> {
    template: &'a Value,
    /// Parameters, pseudo parameters and names of resources, by what `Ref` calls them.
    names: BTreeMap<String, String>,
    /// The logical IDs of buckets.
    buckets: Vec<String>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(template: &'a Value, names: BTreeMap<String, String>) -> Self {
        Self { template, names, buckets: Vec::new() }
    }

    /// Gives a bucket its name.
    pub(super) fn name_bucket(&mut self, logical: &str, name: &str) {
        self.names.insert(logical.to_owned(), name.to_owned());
        self.buckets.push(logical.to_owned());
    }

    /// Whether a condition of the template holds; one that can't be resolved does.
    pub(super) fn condition(&self, name: &str) -> bool {
        self.template.pointer(&format!("/Conditions/{name}")).is_none_or(|rule| self.holds(rule))
    }

    fn holds(&self, rule: &Value) -> bool {
        let Some((function, argument)) = only(rule) else { return true };
        let rules = argument.as_array().map_or(&[][..], Vec::as_slice);
        match function {
            "Fn::Equals" => match rules {
                [a, b] => self.text(a) == self.text(b),
                _ => true,
            },
            "Fn::Not" => !rules.iter().all(|rule| self.holds(rule)),
            "Fn::And" => rules.iter().all(|rule| self.holds(rule)),
            "Fn::Or" => rules.iter().any(|rule| self.holds(rule)),
            "Condition" => argument.as_str().is_none_or(|name| self.condition(name)),
            _ => true,
        }
    }

    /// The branch of an `Fn::If` that counts; any other value as it is.
    pub(super) fn chosen<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let Some(("Fn::If", argument)) = only(value) else { return Some(value) };
        let branch = if self.condition(argument.get(0)?.as_str()?) { 1 } else { 2 };
        self.chosen(argument.get(branch)?)
    }

    /// A value as text.
    pub(super) fn text(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => return Some(text.clone()),
            Value::Number(number) => return Some(number.to_string()),
            Value::Bool(flag) => return Some(flag.to_string()),
            Value::Null | Value::Array(_) => return None,
            Value::Object(_) => {}
        }
        let (function, argument) = only(value)?;
        let arguments = argument.as_array().map_or(&[][..], Vec::as_slice);
        match (function, arguments) {
            ("Ref", _) => self.names.get(argument.as_str()?).cloned(),
            ("Fn::Sub", []) => self.substitute(argument.as_str()?, &Value::Null),
            ("Fn::Sub", [text, more]) => self.substitute(text.as_str()?, more),
            ("Fn::GetAtt", []) => {
                let (logical, attribute) = argument.as_str()?.split_once('.')?;
                self.attribute(logical, attribute)
            }
            ("Fn::GetAtt", [logical, attribute]) => {
                self.attribute(logical.as_str()?, attribute.as_str()?)
            }
            ("Fn::Join", [separator, parts]) => Some(self.list(parts)?.join(separator.as_str()?)),
            ("Fn::Select", [index, list]) => {
                let index: usize = self.text(index)?.parse().ok()?;
                self.list(list)?.get(index).cloned()
            }
            ("Fn::If", [condition, yes, no]) => {
                self.text(if self.condition(condition.as_str()?) { yes } else { no })
            }
            ("Fn::FindInMap", [map, top, second]) => {
                let (map, top, second) = (self.text(map)?, self.text(top)?, self.text(second)?);
                let found = self.template.get("Mappings")?.get(map)?.get(top)?.get(second)?;
                self.text(found)
            }
            _ => None,
        }
    }

    fn list(&self, value: &Value) -> Option<Vec<String>> {
        if let Some(parts) = value.as_array() {
            return parts.iter().map(|part| self.text(part)).collect();
        }
        let Some(("Fn::Split", argument)) = only(value) else {
            return Some(self.text(value)?.split(',').map(str::to_owned).collect());
        };
        let separator = argument.get(0)?.as_str()?;
        Some(self.text(argument.get(1)?)?.split(separator).map(str::to_owned).collect())
    }

    fn substitute(&self, text: &str, more: &Value) -> Option<String> {
        let mut pieces = text.split("${");
        let mut whole = pieces.next()?.to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}')?;
            let value = match (name.strip_prefix('!'), more.get(name), name.split_once('.')) {
                (Some(literal), ..) => format!("${{{literal}}}"),
                (None, Some(value), _) => self.text(value)?,
                (None, None, Some((logical, attribute))) => self.attribute(logical, attribute)?,
                (None, None, None) => self.names.get(name)?.clone(),
            };
            whole += &value;
            whole += rest;
        }
        Some(whole)
    }

    /// An attribute of a resource. Those of buckets are as on AWS; others are made up.
    fn attribute(&self, logical: &str, attribute: &str) -> Option<String> {
        let name = self.names.get(logical);
        let pseudo = |name: &str| self.names.get(name).map_or("", String::as_str);
        if let Some(name) = name.filter(|_| self.buckets.iter().any(|bucket| bucket == logical)) {
            return match attribute {
                "Arn" => Some(format!("arn:{}:s3:::{name}", pseudo("AWS::Partition"))),
                "DomainName" => Some(format!("{name}.s3.amazonaws.com")),
                "RegionalDomainName" => {
                    Some(format!("{name}.s3.{}.amazonaws.com", pseudo("AWS::Region")))
                }
                _ => None,
            };
        }
        Some(format!("{}-{logical}-{attribute}", pseudo("AWS::StackName")))
    }
}

/// The only key of an object, and its value.
fn only(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}
