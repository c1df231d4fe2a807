//! Promise: whoever types the commands of docs/deploy.md gets from nothing to two servers and an edge with a certificate, deploys a new
//! version, and goes back. Each command is printed by one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use terrace_tests::deploy;
use terrace_tests::process::{Process, binary, workspace};
use terrace_tests::wait::{BUILD_PATIENCE, PATIENCE};
use tokio::time::timeout;

const HEADING: &str = "## From nothing to two servers and an edge\n";

/// The commands that have to be on the page, in this order.
const PATH: [&str; 15] = [
    "terrace new ",
    "terrace build",
    "terrace bundle",
    "terrace up ",
    "terrace up ",
    "terrace edge ",
    "curl ",
    "terrace build",
    "terrace bundle",
    "terrace deploy ",
    "curl ",
    "terrace deploy --list ",
    "terrace deploy --rollback ",
    "curl ",
    "kill ",
];

/// Where the servers of the page are.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// What the user of the page does.
enum Step {
    /// Writes a file.
    File { name: String, text: String },
    /// Types a command, and sees these lines among others.
    Command { line: String, shows: Vec<String> },
}

/// The steps of the page.
fn steps() -> Vec<Step> {
    let page = fs::read_to_string(workspace().join("docs/deploy.md")).expect("the page is there");
    let section = page.split_once(HEADING).expect("the page has it").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```").skip(1).step_by(2);
    blocks.flat_map(steps_of_block).collect()
}

fn steps_of_block(block: &str) -> Vec<Step> {
    if let Some(text) = block.strip_prefix("toml\n# ") {
        let name = text.lines().next().unwrap_or_default().to_owned();
        let text = text.to_owned();
        return vec![Step::File {
            name,
            text: format!("# {text}"),
        }];
    }
    let block = block.strip_prefix("console\n");
    let block = block.expect("a block of the path has commands, or is a file with its name");
    let mut steps = Vec::new();
    for line in block.replace("\\\n", "").lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(line), _) => steps.push(Step::Command {
                line: line.to_owned(),
                shows: Vec::new(),
            }),
            (None, Some(Step::Command { shows, .. })) if !line.trim().is_empty() => {
                shows.push(line.to_owned());
            }
            _ => {}
        }
    }
    steps
}

/// A text with other numbers of ports.
fn with_ports(text: &str, mut port: impl FnMut(&str) -> String) -> String {
    let mut pieces = text.split(':');
    let mut written = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let number = &piece[..piece.len() - rest.len()];
        let is_port = !number.is_empty() && HOSTS.iter().any(|host| written.ends_with(host));
        let number = if is_port {
            port(number)
        } else {
            number.to_owned()
        };
        written = format!("{written}:{number}{rest}");
    }
    written
}

/// A text without the numbers of its ports, and these.
fn without_ports(text: &str) -> (String, Vec<String>) {
    let mut ports = Vec::new();
    let text = with_ports(text, |port| {
        ports.push(port.to_owned());
        String::new()
    });
    (text, ports)
}

/// The ports that servers took in place of those of the page.
#[derive(Default)]
struct Ports {
    taken: BTreeMap<String, String>,
    /// Those of which the servers have not said yet which they took.
    asked: BTreeSet<String>,
}

impl Ports {
    /// What is typed in place of a command of the page, or written in place of a file. A server takes free ports.
    fn typed(&mut self, text: &str, is_server: bool) -> String {
        let Self { taken, asked } = self;
        with_ports(text, |port| {
            let known = taken.get(port).cloned();
            assert!(
                known.is_some() || is_server,
                "no server has said that it is at {port}: {text}"
            );
            known.unwrap_or_else(|| {
                asked.insert(port.to_owned());
                "0".to_owned()
            })
        })
    }

    /// Whether a line is the one that the page shows. It may name the ports that were asked for.
    fn is_shown(&self, shown: &str, line: &str) -> Option<Vec<(String, String)>> {
        let mut found = Vec::new();
        let (shown, line) = (shown.split_whitespace(), line.split_whitespace());
        let (shown, line): (Vec<_>, Vec<_>) = (shown.collect(), line.collect());
        if shown.len() != line.len() {
            return None;
        }
        for (shown, word) in shown.into_iter().zip(line) {
            let (shown, ports) = without_ports(shown);
            let (word, own) = without_ports(word);
            if !is_alike(&shown, &word) || ports.len() != own.len() {
                return None;
            }
            for (port, own) in ports.into_iter().zip(own) {
                match self.taken.get(&port) {
                    None if self.asked.contains(&port) => found.push((port, own)),
                    None if port == own => {}
                    Some(taken) if *taken == own => {}
                    _ => return None,
                }
            }
        }
        Some(found)
    }

    fn learn(&mut self, found: Vec<(String, String)>) {
        for (port, _) in &found {
            self.asked.remove(port);
        }
        self.taken.extend(found);
    }
}

/// Whether two words are the same, or both are a digest, a time, a user or a measured number.
fn is_alike(shown: &str, word: &str) -> bool {
    const MARKS: [char; 4] = ['(', ')', ',', ':'];
    let [shown_core, word_core] = [shown, word].map(|text| text.trim_matches(MARKS));
    let has_the_same_marks = shown.replacen(shown_core, "", 1) == word.replacen(word_core, "", 1);
    let kind = kind(shown_core);
    shown == word || (has_the_same_marks && kind.is_some() && kind == self::kind(word_core))
}

fn kind(word: &str) -> Option<&'static str> {
    let is_of = |set: fn(char) -> bool| word.chars().all(set);
    let dots = word.matches('.').count();
    match word {
        _ if word.ends_with('Z')
            && is_of(|letter| "-:TZ".contains(letter) || letter.is_ascii_digit()) =>
        {
            Some("time")
        }
        _ if word.contains('@') && !word.starts_with("unknown@") => Some("user"),
        _ if word.len() == 12 && is_of(|letter| letter.is_ascii_hexdigit()) => Some("digest"),
        _ if is_of(|letter| letter == '.' || letter.is_ascii_digit())
            && (dots == 1 || (dots == 0 && word.len() > 2)) =>
        {
            Some("number")
        }
        _ => None,
    }
}

/// A user at a terminal.
struct User {
    shell: Process,
    keyboard: File,
    folder: TempDir,
    ports: Ports,
    /// How many lines the terminal has shown before the command that was typed last.
    seen: usize,
    commands: usize,
}

impl User {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).expect("there is room");
        symlink(binary(), programs.join("terrace")).expect("there is room");
        let keyboard = folder.path().join("keyboard");
        let made = Command::new("mkfifo").arg(&keyboard).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("there is room");
        // At a terminal, curl does not count the bytes that it shows.
        let quiet = fs::write(home.join(".curlrc"), "silent\nshow-error\n");
        quiet.expect("there is room");
        let path = env::var("PATH").expect("tests have a PATH");
        let environment = [
            ("PATH", &*format!("{}:{path}", programs.display())),
            // As in a container.
            ("USER", ""),
            ("LOGNAME", ""),
            ("no_proxy", "localhost"),
            (
                "CURL_HOME",
                home.to_str().expect("a path of a test is text"),
            ),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let shell = Process::start_group(Path::new("bash"), &home, &[&keyboard], &environment);
        // Opened for reading too, it does not wait for the shell.
        let mut keyboard = OpenOptions::new();
        let keyboard = keyboard
            .read(true)
            .write(true)
            .open(folder.path().join("keyboard"));
        let mut user = Self {
            folder,
            shell,
            keyboard: keyboard.expect("it was made"),
            ports: Ports::default(),
            seen: 0,
            commands: 0,
        };
        user.types("exec 2>&1");
        user
    }

    fn types(&mut self, line: &str) {
        let typed = writeln!(self.keyboard, "{line}");
        typed.expect("the shell reads, and the buffer has room for a line");
    }

    /// All lines of the terminal.
    fn terminal(&self) -> Vec<String> {
        self.shell.log.text().lines().map(str::to_owned).collect()
    }

    /// Types a command that stays in the background, and waits for the lines that the page shows.
    async fn starts(&mut self, command: &str, shows: &[String]) {
        let typed = self.ports.typed(command, true);
        self.seen = self.terminal().len();
        self.types(&typed);
        for shown in shows {
            let is_shown = |line: &str| self.ports.is_shown(shown, line);
            let found = timeout(PATIENCE, self.shell.log.first(self.seen, is_shown)).await;
            let text = self.shell.log.text();
            assert!(found.is_ok(), "`{typed}` did not print `{shown}`:\n{text}");
            self.ports.learn(found.unwrap_or_default());
        }
    }

    /// Types a command, waits for its end, and looks for the lines that the page shows.
    async fn runs(&mut self, command: &str, shows: &[String], patience: Duration) {
        let typed = self.ports.typed(command, false);
        self.commands += 1;
        let end = format!("::end of {} with ", self.commands);
        self.seen = self.terminal().len();
        self.types(&format!("{typed}\nprintf '\\n{end}%s\\n' $?"));
        let code = |line: &str| line.strip_prefix(&end).map(str::to_owned);
        let code = timeout(patience, self.shell.log.first(self.seen, code)).await;
        let terminal = self.terminal();
        let printed = terminal[self.seen..].join("\n");
        assert_eq!(code.as_deref(), Ok("0"), "`{typed}`:\n{printed}");
        for shown in shows {
            // In any order: servers come in that of their addresses.
            let found = printed
                .lines()
                .any(|line| self.ports.is_shown(shown, line).is_some());
            assert!(found, "`{typed}` did not print `{shown}`:\n{printed}");
        }
    }

    /// Checks that something before has named the command.
    fn knows(&self, command: &str) {
        let Some(rest) = command.strip_prefix("terrace ") else {
            return;
        };
        let is_named = |words: &str| self.shell.log.text().contains(words);
        let verb = rest.split_whitespace().next().unwrap_or_default();
        let options = ["--rollback", "--list"];
        let option = rest.split_whitespace().find(|word| options.contains(word));
        let words = match option {
            Some(option) => format!("terrace {verb} {option}"),
            None => format!("terrace {verb}"),
        };
        let is_first = verb == "new";
        assert!(is_first || is_named(&words), "nothing has named `{words}`");
    }

    async fn takes(&mut self, step: Step) {
        match step {
            Step::File { name, text } => {
                let text = self.ports.typed(&text, true);
                let path = self.folder.path().join("text");
                fs::write(&path, text).expect("there is room");
                let copy = format!("cp {} {name}", path.display());
                self.runs(&copy, &[], PATIENCE).await;
            }
            Step::Command { line, shows } => {
                self.knows(&line);
                let patience = match line.starts_with("terrace build") {
                    true => BUILD_PATIENCE,
                    false => PATIENCE,
                };
                match line.strip_suffix('&') {
                    Some(_) => self.starts(&line, &shows).await,
                    None => self.runs(&line, &shows, patience).await,
                }
            }
        }
    }
}

#[tokio::test]
async fn a_new_user_gets_from_nothing_to_two_servers_an_edge_and_back() {
    let steps = steps();
    let commands = steps.iter().filter_map(|step| match step {
        Step::Command { line, .. } => Some(line),
        Step::File { .. } => None,
    });
    let mut commands = commands.clone();
    for part in PATH {
        let found = commands.any(|line| line.starts_with(part));
        assert!(found, "the page has no `{part}` in its place");
    }
    let mut user = User::new();
    for step in steps {
        user.takes(step).await;
    }
    // The servers end when they are told to.
    user.runs("wait", &[], PATIENCE).await;
}

#[tokio::test]
async fn programs_are_told_no_next_command() {
    let app = deploy::app("one", "");
    let told = app.run(&["bundle"]).await.text;
    let next = "next: `terrace up --from app.terrace` serves it";
    assert!(told.contains(next), "{told}");
    let told = app.run(&["bundle", "--json"]).await.text;
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(serde_json::from_str::<Value>(&told).is_ok(), "{told}");
}
