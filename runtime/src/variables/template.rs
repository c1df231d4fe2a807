//! Parses and renders strings with `{{ variable }}` in them.
//! The caller knows the variables and their values.

use std::fmt;

use super::name::check_name;
use crate::fault::Reason;

/// A string that may name application variables in double braces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// `{{` without `}}`, or a name between them that no variable can have.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, expression)) = rest.split_once("{{") {
            let Some((name, after)) = expression.split_once("}}") else {
                let help = "close it: `{{ name }}`";
                return Err(Reason::new("`{{` without `}}`").help(help));
            };
            let name = name.trim();
            check_name(name)?;
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| *part != Part::Literal(String::new()));
        Ok(Self { parts })
    }

    /// The names of the variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// Whether the template names no variable.
    pub fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The string with the values of its variables. A variable without a value becomes empty.
    pub fn render<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Variable(name) => value(name).unwrap_or_default(),
        });
        parts.collect()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => formatter.write_str(text),
            Part::Variable(name) => write!(formatter, "{{{{ {name} }}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rendered(text: &str) -> String {
        let value = |name: &str| (name == "host").then_some("example.com");
        Template::parse(text).unwrap().render(value)
    }

    #[test]
    fn variables_are_replaced_and_the_rest_is_kept() {
        assert_eq!(rendered(""), "");
        assert_eq!(rendered("plain } } { {"), "plain } } { {");
        assert_eq!(
            rendered("https://{{host}}/{{ host }}?"),
            "https://example.com/example.com?"
        );
        assert_eq!(rendered("a{{ absent }}b"), "ab");
    }

    #[test]
    fn unclosed_braces_and_impossible_names_are_refused() {
        for text in [
            "{{",
            "{{ a",
            "{{ a }} {{ b",
            "{{}}",
            "{{ A }}",
            "{{ a-b }}",
            "{{ {{ a }} }}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_refused(text in ".*") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(Template::parse(&template.to_string()), Ok(template));
            }
        }
    }
}
