//! Finds which module of a crate uses which, from the paths in its source, for the rules in `layers`.
//!
//! Tests are left out. Uses within one module, and between a module and its own modules, are not arrows.

use std::collections::{BTreeMap, BTreeSet};

use super::{TextFile, root, text_files};

/// The path of a module from the crate root.
type Module = Vec<String>;

/// An arrow between two modules of one folder.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Arrow {
    /// Their parent module; empty for the crate root.
    pub(super) within: Module,
    pub(super) from: String,
    pub(super) to: String,
}

/// The modules of one crate and the paths that they use.
struct Crate {
    modules: BTreeSet<Module>,
    /// Each use: the module that contains it, and the used path from the crate root.
    uses: Vec<(Module, Module)>,
}

/// The arrows of a crate, each with the files that cause it.
pub(super) fn arrows(source_folder: &str) -> BTreeMap<Arrow, BTreeSet<String>> {
    let files = text_files(&root().join(source_folder));
    Crate::read(&files).arrows()
}

/// The top modules of a crate.
pub(super) fn top_modules(source_folder: &str) -> BTreeSet<String> {
    let files = text_files(&root().join(source_folder));
    let modules = Crate::read(&files).modules.into_iter();
    modules
        .filter_map(|module| module.into_iter().next())
        .collect()
}

impl Crate {
    fn read(files: &[TextFile]) -> Self {
        let sources = files
            .iter()
            .filter_map(|file| Some((module_of(file)?, &file.text)));
        let sources: Vec<_> = sources.collect();
        let modules = sources.iter().map(|(module, _)| module.clone()).collect();
        let uses = sources.iter().flat_map(|(module, text)| {
            let paths = paths(&code(text)).into_iter();
            paths.filter_map(|path| Some((module.clone(), from_root(module, &path)?)))
        });
        Self {
            modules,
            uses: uses.collect(),
        }
    }

    fn arrows(&self) -> BTreeMap<Arrow, BTreeSet<String>> {
        let mut arrows = BTreeMap::<_, BTreeSet<String>>::new();
        for (module, path) in &self.uses {
            let target = self.resolve(path);
            let common = module
                .iter()
                .zip(&target)
                .take_while(|(left, right)| left == right)
                .count();
            if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                let (from, to) = (from.clone(), to.clone());
                let arrow = Arrow {
                    within: module[..common].to_vec(),
                    from,
                    to,
                };
                arrows.entry(arrow).or_default().insert(module.join("/"));
            }
        }
        arrows
    }

    /// The module that a path leads to, following re-exports.
    fn resolve(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        // A chain of re-exports is never longer than that.
        for _ in 0..4 {
            let known = (0..=path.len())
                .rev()
                .find(|length| self.modules.contains(&path[..*length]));
            let (module, rest) = path.split_at(known.unwrap_or(0));
            let Some(name) = rest.first() else { break };
            let mut imports = self.uses.iter().filter(|(importer, _)| importer == module);
            let import = imports
                .find(|(_, path)| path.last() == Some(name) && path.len() > module.len() + 1);
            let Some((_, import)) = import else {
                return module.to_vec();
            };
            path.clone_from(import);
        }
        path
    }
}

/// The module of a source file; `None` for tests, programs and build scripts.
fn module_of(file: &TextFile) -> Option<Module> {
    if !file.has_extension(&["rs"]) {
        return None;
    }
    let path = file.path.with_extension("");
    let mut module: Module = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module
        .iter()
        .any(|part| part.starts_with("test") || part == "bin")
    {
        return None;
    }
    if matches!(module.last()?.as_str(), "mod" | "lib" | "main") {
        module.pop();
    }
    Some(module)
}

/// A source without comments and without its tests.
fn code(text: &str) -> String {
    let (product, _) = text
        .split_once("#[cfg(test)]\nmod tests {")
        .unwrap_or((text, ""));
    let lines = product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// All paths that begin with `crate`, `super` or `self`; a group gives one path per name.
fn paths(code: &str) -> Vec<Vec<String>> {
    let starts = ["crate::", "super::", "self::"];
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = starts.iter().filter_map(|start| rest.find(start)).min() {
        let is_word =
            rest[..at].ends_with(|before: char| before.is_alphanumeric() || "_:$".contains(before));
        let (paths, end) = expand(&rest[at..]);
        if !is_word {
            found.extend(paths);
        }
        rest = &rest[at + end..];
    }
    found
}

/// The paths at the start of a text, and where they end: `a::{b, c::d}` is two.
fn expand(text: &str) -> (Vec<Vec<String>>, usize) {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let length = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
    let name = text[..length].to_owned();
    let Some(behind) = text[length..].strip_prefix("::") else {
        return (vec![vec![name]], length.max(1));
    };
    let (tails, end) = if let Some(group) = behind.strip_prefix('{') {
        let (tails, end) = expand_group(group);
        (tails, end + 1)
    } else {
        expand(behind)
    };
    let paths = tails
        .into_iter()
        .map(|tail| [vec![name.clone()], tail].concat());
    (paths.collect(), length + 2 + end)
}

/// The paths of a group up to its closing brace, and where that ends.
fn expand_group(text: &str) -> (Vec<Vec<String>>, usize) {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(next) = text[at..].find(|letter: char| !letter.is_whitespace() && letter != ',')
    {
        at += next;
        if text[at..].starts_with('}') {
            return (found, at + 1);
        }
        let (paths, end) = expand(&text[at..]);
        found.extend(paths.into_iter().filter(|path| path[0] != "as"));
        at += end;
    }
    (found, text.len())
}

/// A path from the crate root.
fn from_root(module: &[String], path: &[String]) -> Option<Module> {
    let mut place = module.to_vec();
    let mut names = path.iter().peekable();
    while let Some(name) = names.next_if(|name| matches!(name.as_str(), "crate" | "super" | "self"))
    {
        match name.as_str() {
            "crate" => place.clear(),
            "super" => drop(place.pop()?),
            _ => {}
        }
    }
    place.extend(names.filter(|name| *name != "self").cloned());
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| TextFile {
            path: path.into(),
            text: (*text).to_owned(),
        });
        let arrows = Crate::read(&files.collect::<Vec<_>>()).arrows();
        let arrows = arrows.into_keys();
        arrows
            .map(|arrow| format!("{}/ {} -> {}", arrow.within.join("/"), arrow.from, arrow.to))
            .collect()
    }

    #[test]
    fn arrows_are_read_from_groups_and_from_paths_in_code() {
        let lib = ("lib.rs", "mod a;\nmod b;\nmod c;\n");
        let a = ("a.rs", "use crate::{b::{One, Two}, c};\n// crate::d\n");
        let b = (
            "b.rs",
            "fn f() { crate::c::g(); }\n#[cfg(test)]\nmod tests { use crate::a; }",
        );
        let found = arrows(&[lib, a, b, ("c.rs", ""), ("c/tests.rs", "use crate::a;")]);
        assert_eq!(found, ["/ a -> b", "/ a -> c", "/ b -> c"]);
    }

    #[test]
    fn re_export_leads_to_the_module_that_has_the_name() {
        let lib = ("lib.rs", "pub use self::b::Thing;\n");
        assert_eq!(
            arrows(&[lib, ("a.rs", "use crate::Thing;"), ("b.rs", "")]),
            ["/ a -> b"]
        );
    }

    #[test]
    fn parent_and_child_are_no_arrow_but_siblings_are() {
        let parent = ("p.rs", "use self::x::X;");
        let found = arrows(&[
            parent,
            ("p/x.rs", "use super::{Y, y::Z};"),
            ("p/y.rs", "use super::X;"),
        ]);
        assert_eq!(found, ["p/ x -> y", "p/ y -> x"]);
    }
}
