//! The precompressed variants of a file, and the choice among them by `Accept-Encoding` (RFC 9110 §12.5.3).

use terrace_sdk::http::HeaderMap;
use terrace_sdk::http::header::ACCEPT_ENCODING;

/// A content coding, and how the name of a file in it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coding {
    /// Its name in header fields.
    pub(crate) name: &'static str,
    /// What the variant's file name has behind that of the file.
    pub(crate) suffix: &'static str,
}

/// The codings that are looked for; of those that a client likes equally, the first one is sent.
pub(crate) const CODINGS: [Coding; 3] = [
    Coding {
        name: "br",
        suffix: ".br",
    },
    Coding {
        name: "zstd",
        suffix: ".zst",
    },
    Coding {
        name: "gzip",
        suffix: ".gz",
    },
];

/// The coding to send, of those that there are; `None` for the file itself.
///
/// The file itself is sent if the client likes it better, and also if it likes nothing of what there is.
pub(crate) fn choose(headers: &HeaderMap, there_is: &[Coding]) -> Option<Coding> {
    let wishes = Wishes::read(headers);
    let identity = wishes.explicit("identity").unwrap_or(0);
    let mut best: Option<(u16, Coding)> = None;
    for coding in there_is {
        let weight = wishes.of(coding.name);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, *coding));
        }
    }
    best.filter(|(weight, _)| *weight >= identity)
        .map(|(_, coding)| coding)
}

/// What a client says of codings: each with its weight in thousandths.
struct Wishes(Vec<(String, u16)>);

impl Wishes {
    fn read(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter();
        let elements = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        Self(elements.filter_map(element).collect())
    }

    fn explicit(&self, coding: &str) -> Option<u16> {
        let mut named = self.0.iter().filter(|(name, _)| name == coding);
        named.next().map(|(_, weight)| *weight)
    }

    fn of(&self, coding: &str) -> u16 {
        // `x-gzip` is another name of `gzip` (RFC 9110 §8.4.1.3).
        let alias = (coding == "gzip").then(|| self.explicit("x-gzip"));
        self.explicit(coding)
            .or(alias.flatten())
            .or_else(|| self.explicit("*"))
            .unwrap_or(0)
    }
}

/// `coding;q=0.5`; an element with a weight that is none is left out.
fn element(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = match parts.next() {
        Some(parameter) => weight(parameter)?,
        None => 1_000,
    };
    Some((name.to_ascii_lowercase(), weight))
}

/// `q=0.123` in thousandths (RFC 9110 §12.4.2).
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    let value: f32 = value.trim().parse().ok()?;
    let is_weight = name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 1000"
    )]
    is_weight.then(|| (value * 1_000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accepted: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
        let chosen = choose(&headers, &CODINGS).map_or("identity", |coding| coding.name);
        assert_eq!(chosen, expected, "{accepted}");
    }

    #[test]
    fn the_coding_that_the_client_likes_best_is_sent_rfc_9110_12_5_3() {
        check("gzip, deflate, br, zstd", "br");
        check("gzip, zstd", "zstd");
        check("br;q=0.5, gzip;q=0.8", "gzip");
        check("BR", "br");
        check("x-gzip", "gzip");
        check("*", "br");
        check("br;q=0, *", "zstd");
        check("gzip;q=0.001", "gzip");
    }

    #[test]
    fn the_file_itself_is_sent_to_those_who_want_no_coding() {
        check("", "identity");
        check("identity", "identity");
        check("br;q=0, gzip;q=0", "identity");
        check("gzip;q=0.5, identity", "identity");
        check("deflate", "identity");
        check("identity;q=0, deflate", "identity");
    }

    #[test]
    fn a_weight_that_is_none_wishes_nothing() {
        for accepted in [
            "br;q=2",
            "br;q=-1",
            "br;q=x",
            "br;level=3",
            "br;q=NaN",
            ";q=1",
        ] {
            check(accepted, "identity");
        }
    }
}
