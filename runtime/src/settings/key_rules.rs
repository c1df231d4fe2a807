//! `query` and `cookies` of `[cache]`: the parameters and cookies that make no difference to any response. Leaving them out of
//! requests is `cache`'s.

use crate::document::Table;
use crate::fault::Reason;

/// The parts of a request that make no difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules {
    /// The query parameters that stay; absent if all do.
    pub query: Option<Names>,
    /// Whether the order of query parameters with different names makes no difference.
    pub sorts_query: bool,
    /// The cookies that stay; absent if all do.
    pub cookies: Option<Names>,
}

/// Names of parameters or cookies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// All but these stay.
    Ignore(Vec<Name>),
    /// Only these stay.
    Keep(Vec<Name>),
}

/// A name, or the beginning of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    text: String,
    is_beginning: bool,
}

impl Names {
    /// Whether what has this name stays.
    #[must_use]
    pub fn keeps(&self, name: &str) -> bool {
        let among = |names: &[Name]| names.iter().any(|one| one.means(name));
        match self {
            Self::Ignore(names) => !among(names),
            Self::Keep(names) => among(names),
        }
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, Reason> {
        let (name, is_beginning) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text, false),
        };
        let separates = |letter| matches!(letter, '*' | '&' | '=' | ';' | '?' | '#');
        if name.is_empty() || name.contains(separates) || name.contains(char::is_whitespace) {
            let what = format!("`{text}` is not the name of a parameter or cookie");
            let help = "write names without `=`, such as `fbclid`, or beginnings, such as `utm_*`";
            return Err(Reason::new(what).help(help));
        }
        Ok(Self {
            text: name.to_owned(),
            is_beginning,
        })
    }

    fn means(&self, name: &str) -> bool {
        match self.is_beginning {
            true => name.starts_with(&self.text),
            false => name == self.text,
        }
    }
}

pub(super) fn key_rules(cache: &Table<'_>) -> KeyRules {
    let query = cache.table("query", "`query` of [cache]");
    let cookies = cache.table("cookies", "`cookies` of [cache]");
    let rules = KeyRules {
        query: query.as_ref().and_then(names),
        sorts_query: query.as_ref().and_then(|query| query.boolean("sort")) == Some(true),
        cookies: cookies.as_ref().and_then(names),
    };
    query.iter().chain(&cookies).for_each(Table::finish);
    rules
}

fn names(table: &Table<'_>) -> Option<Names> {
    let of = |key| {
        let given = table.get(key)?.strings().into_iter();
        let names = given.filter_map(|(place, _)| place.parsed(Name::parse));
        Some(names.collect())
    };
    match (of("ignore"), of("keep")) {
        (Some(_), Some(_)) => {
            if let Some(keep) = table.get("keep") {
                let what = "`keep` leaves out all other names, so `ignore` has no use";
                keep.report(Reason::new(what).help("remove one of them"));
            }
            None
        }
        (Some(ignored), None) => Some(Names::Ignore(ignored)),
        (None, Some(kept)) => Some(Names::Keep(kept)),
        (None, None) => None,
    }
}
