//! Parses and compares routes: `/exact`, `/users/:id`, `/assets/...`. Matching is [`super::tree`]'s.

use crate::fault::Reason;

/// The prefix of paths that the runtime answers itself.
pub const RESERVED_PREFIX: &str = "/.well-known/spin/";

/// A valid route: literal and named segments, and possibly a wildcard at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    raw: String,
    segments: Vec<Segment>,
    wildcard: bool,
}

/// One segment of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this text, as it stands in a path (percent-encoded, upper and lower case apart).
    Literal(String),
    /// One segment that is not empty, under this name.
    Parameter(String),
}

impl RoutePattern {
    /// Parses a route. Like Spin, it adds a missing `/` at the start and removes one at the end.
    ///
    /// # Errors
    /// The part that is wrong, and the right way to write it.
    pub fn parse(raw: &str) -> Result<Self, Reason> {
        let prefix = raw.strip_suffix("/...").or_else(|| raw.strip_suffix("/*"));
        let wildcard = prefix.is_some();
        let text = prefix.or_else(|| raw.strip_suffix('/')).unwrap_or(raw);
        let text = text.strip_prefix('/').unwrap_or(text);
        let segments: Vec<_> = match text {
            "" => Vec::new(),
            _ => text
                .split('/')
                .map(parse_segment)
                .collect::<Result<_, _>>()?,
        };
        check_names(&segments)?;
        let pattern = Self {
            raw: raw.to_owned(),
            segments,
            wildcard,
        };
        pattern.check_reserved()?;
        Ok(pattern)
    }

    /// The route as it is written in the manifest.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The segments before a wildcard.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether any path below the segments matches as well.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The route without its wildcard, as it is written in the manifest.
    pub fn raw_prefix(&self) -> &str {
        let prefix = self
            .raw
            .strip_suffix("/...")
            .or_else(|| self.raw.strip_suffix("/*"));
        prefix.unwrap_or(&self.raw)
    }

    /// Whether the two match exactly the same paths, whatever they call the parameters.
    pub fn clashes_with(&self, other: &Self) -> bool {
        self.wildcard == other.wildcard
            && self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|pair| match pair {
                    (Segment::Literal(a), Segment::Literal(b)) => a == b,
                    (Segment::Parameter(_), Segment::Parameter(_)) => true,
                    _ => false,
                })
    }

    fn check_reserved(&self) -> Result<(), Reason> {
        let own = format!("/{}/", self.raw_prefix().trim_matches('/'));
        if own.starts_with(RESERVED_PREFIX) && (self.wildcard || own != RESERVED_PREFIX) {
            let message = format!("`{RESERVED_PREFIX}` is answered by the runtime itself");
            return Err(Reason::new(message).help("choose another route"));
        }
        Ok(())
    }
}

fn parse_segment(text: &str) -> Result<Segment, Reason> {
    if let Some(name) = text.strip_prefix(':') {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || !name.bytes().all(allowed) {
            let help =
                "a parameter is a whole segment: `:` and a name of letters, digits, `_` or `-`";
            return Err(Reason::new(format!("`{text}` is not a parameter")).help(help));
        }
        return Ok(Segment::Parameter(name.to_owned()));
    }
    if text.contains('*') || text == "..." {
        let help = "a wildcard is the last segment: `/assets/...`";
        return Err(Reason::new(format!("`{text}` in the middle of a route")).help(help));
    }
    // A byte that no request's path can contain would never match.
    match text.bytes().find(|byte| !is_path_byte(*byte)) {
        Some(_) => {
            let help = "write it as it stands in a URL, percent-encoded";
            Err(Reason::new(format!("`{text}` cannot be part of a path")).help(help))
        }
        None => Ok(Segment::Literal(text.to_owned())),
    }
}

/// RFC 3986 §3.3: the characters of a path segment, with `%` for encoded ones.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte)
}

fn check_names(segments: &[Segment]) -> Result<(), Reason> {
    let mut seen = Vec::new();
    for segment in segments {
        let Segment::Parameter(name) = segment else {
            continue;
        };
        // Names become header names, which lose case and the difference between `-` and `_`.
        let folded = name.to_ascii_lowercase().replace('_', "-");
        if seen.contains(&folded) {
            let message = format!("the parameter `:{name}` stands twice in the route");
            return Err(Reason::new(message).help("give each parameter a name of its own"));
        }
        seen.push(folded);
    }
    Ok(())
}
