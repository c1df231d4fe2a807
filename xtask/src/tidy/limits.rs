//! docs/limits.md lists each limit of the code with its value, and nothing else.

use std::{collections::BTreeMap, fs};

use super::{TextFile, root, text_files};

/// The files that define limits, each with the heading under which the page lists them.
const SOURCES: [(&str, &str); 22] = [
    ("runtime/src/limits.rs", "## Functions and instances"),
    ("runtime/src/cli/limits.rs", "## The command line"),
    ("runtime/src/bundle/limits.rs", "## Bundles"),
    ("runtime/src/rollout/limits.rs", "## Deployments"),
    ("runtime/src/settings/limits.rs", "## Connections"),
    ("runtime/src/server/limits.rs", "## Listeners"),
    ("runtime/src/edge/limits.rs", "## Load balancing"),
    ("runtime/src/cluster/limits.rs", "## The cluster"),
    ("runtime/src/acme/limits.rs", "## Ordering certificates"),
    ("runtime/src/rate_limit/limits.rs", "## Rate limits"),
    ("runtime/src/request/limits.rs", "## Requests"),
    ("storage/src/limits.rs", "## Connections to servers"),
    ("storage/src/sql/limits.rs", "## SQL"),
    ("storage/src/sql/transfer/limits.rs", "## Moving a database"),
    ("storage/src/dialect/limits.rs", "## Portable SQL"),
    ("storage/src/kv/limits.rs", "## Key-value stores"),
    ("storage/src/queue/limits.rs", "## Messages"),
    ("runtime/src/queues/limits.rs", "## Delivering messages"),
    ("storage/src/disk/limits.rs", "## The cache on disk"),
    (
        "storage/src/shared/limits.rs",
        "## The shared level of the cache",
    ),
    ("runtime/src/observe/limits.rs", "## Logs"),
    ("edge-cache/src/limits.rs", "## The HTTP cache"),
];

/// Units that the code uses for sizes; they are no limits themselves.
const UNITS: [(&str, u64); 2] = [("KIB", 1 << 10), ("MIB", 1 << 20)];

/// The crates whose limits users meet.
const CRATES: [&str; 3] = ["runtime/src", "edge-cache/src", "storage/src"];

/// How the names of limits and defaults begin.
const PREFIXES: [&str; 3] = ["DEFAULT_", "MAX_", "MIN_"];

/// Files whose limits must still move into a `limits.rs`. Add nothing here.
const KNOWN_ELSEWHERE: &[&str] = &[
    "runtime/src/engine/compiled_cache/prune.rs",
    "runtime/src/settings.rs",
    "runtime/src/settings/cache.rs",
    "runtime/src/settings/listen.rs",
    "runtime/src/settings/same_file.rs",
];

/// Names with values as people write them.
type Limits = BTreeMap<String, String>;

/// The public constants of a source file, as the page writes them.
fn defined(source: &str) -> Limits {
    let mut numbers = BTreeMap::from(UNITS);
    let mut limits = Limits::new();
    for declaration in source.split("pub const ").skip(1) {
        let (name, rest) = declaration.split_once(": ").unwrap();
        if name.starts_with("fn ") {
            continue;
        }
        let (kind, rest) = rest.split_once(" = ").unwrap();
        let (expression, _) = rest.split_once(';').unwrap();
        if UNITS.iter().any(|(unit, _)| *unit == name) {
            continue;
        }
        let text = if kind == "Duration" {
            time(expression, &numbers)
        } else {
            let number = product(expression, &numbers);
            numbers.insert(name, number);
            quantity(name, expression, number)
        };
        limits.insert(name.to_owned(), text);
    }
    limits
}

/// `Duration::from_secs(30)` as `30 s`.
fn time(expression: &str, known: &BTreeMap<&str, u64>) -> String {
    let (unit, number) = expression
        .strip_prefix("Duration::from_")
        .and_then(|call| call.strip_suffix(')')?.split_once('('))
        .expect("times are written as seconds or milliseconds");
    let unit = if unit == "secs" { "s" } else { "ms" };
    format!("{} {unit}", product(number, known))
}

/// The value of a product of numbers and known names.
fn product(expression: &str, known: &BTreeMap<&str, u64>) -> u64 {
    let factors = expression.split(" * ").map(|factor| {
        let number = factor.replace('_', "").parse().ok();
        number.or_else(|| known.get(factor).copied())
    });
    factors
        .map(|factor| factor.unwrap_or_else(|| panic!("`{expression}` is not understood")))
        .product()
}

fn quantity(name: &str, expression: &str, number: u64) -> String {
    if name.ends_with("_KIBIBYTES") {
        bytes(number << 10)
    } else if name.ends_with("_BYTES") || expression.contains("IB") {
        bytes(number)
    } else {
        grouped(number)
    }
}

/// A size in the largest unit that gives a whole number.
fn bytes(number: u64) -> String {
    let units = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("B", 1),
    ];
    let (unit, size) = units
        .into_iter()
        .find(|(_, size)| number.is_multiple_of(*size))
        .unwrap();
    format!("{} {unit}", grouped(number / size))
}

/// A number with a comma before each group of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The rows ``| `NAME` | value | …`` under a heading of the page.
fn listed(page: &str, heading: &str) -> Limits {
    let (_, section) = page.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = section.lines().map(|line| line.split(" | "));
    cells
        .filter_map(|mut cells| {
            let name = cells.next()?.strip_prefix("| `")?.strip_suffix('`')?;
            Some((name.to_owned(), cells.next()?.to_owned()))
        })
        .collect()
}

#[test]
fn page_lists_each_limit_of_the_code_with_its_value() {
    let page = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    for (source, heading) in SOURCES {
        let code = fs::read_to_string(root().join(source)).unwrap();
        assert_eq!(
            listed(&page, heading),
            defined(&code),
            "left: docs/limits.md under `{heading}`, right: {source}"
        );
    }
}

/// The source files of the crates whose limits users meet, without their tests.
fn sources() -> impl Iterator<Item = TextFile> {
    let files = text_files(&root()).into_iter();
    files.filter(|file| {
        let mut parts = file.path.iter().map(|part| part.to_string_lossy());
        let is_test = parts.any(|part| part.starts_with("test"));
        let is_product = CRATES.iter().any(|source| file.path.starts_with(source));
        is_product && !is_test && file.has_extension(&["rs"])
    })
}

/// Whether a line declares a limit: a constant with one of the [`PREFIXES`].
fn declares_a_limit(line: &str) -> bool {
    let name = line.split_once("const ").map(|(_, rest)| rest);
    let is_declaration = line.starts_with("const ") || line.starts_with("pub");
    let is_limit = name.is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
    is_declaration && is_limit
}

#[test]
fn each_file_of_limits_is_on_the_page() {
    let files = sources().filter(|file| file.path.ends_with("limits.rs"));
    let forgotten = files.filter(|file| {
        !SOURCES
            .iter()
            .any(|(source, _)| file.path.ends_with(source))
    });
    let forgotten: Vec<_> = forgotten.map(|file| file.path).collect();
    assert!(forgotten.is_empty(), "not in `SOURCES`: {forgotten:?}");
}

#[test]
fn limits_are_in_a_file_of_limits() {
    let mut faults = Vec::new();
    for file in sources().filter(|file| !file.path.ends_with("limits.rs")) {
        if !KNOWN_ELSEWHERE
            .iter()
            .any(|known| file.path.starts_with(known))
        {
            let lines = file.text.lines().filter(|line| declares_a_limit(line));
            faults.extend(lines.map(|line| format!("{}: {line}", file.path.display())));
        }
    }
    assert!(
        faults.is_empty(),
        "move these into a `limits.rs`:\n{}",
        faults.join("\n")
    );
}

#[test]
fn limits_are_told_from_other_constants() {
    assert!(declares_a_limit("pub(crate) const MAX_KEYS: usize = 4;"));
    assert!(declares_a_limit(
        "const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);"
    ));
    assert!(
        !declares_a_limit("const GREETING: &str = \"a\";") && !declares_a_limit("/// const MAX_A")
    );
}

#[test]
fn limits_are_written_with_their_units() {
    let source = "pub const KIB: u64 = 1024;\npub const A: u64 = 64 * KIB;\n\
        pub const B_BYTES: usize = 8 * 1024 * 1024;\npub const C: u32 = 10_000;\n\
        pub const D: Duration = Duration::from_millis(250);\npub const E_KIBIBYTES: i64 = 8 * 1024;";
    let values: Vec<String> = defined(source).into_values().collect();
    assert_eq!(values, ["64 KiB", "8 MiB", "10,000", "250 ms", "8 MiB"]);
}
