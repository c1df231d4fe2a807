//! Programs as child processes, `terrace` above all: found, started, signalled, and gone when the test ends.

use std::cell::Cell;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

use crate::log::Log;
use crate::wait::{within, within_a_build};

/// The binary under test.
///
/// # Panics
/// When there is none; the message says how to get it.
#[must_use]
pub fn binary() -> PathBuf {
    let given = env::var_os("TERRACE_BIN").map(PathBuf::from);
    let path = given.unwrap_or_else(|| target_folder().join("debug/terrace"));
    assert!(
        path.is_file(),
        "no binary to test at {}: run `cargo build -p terrace`, or set TERRACE_BIN",
        path.display()
    );
    path
}

/// The program of others that the environment variable names, if there is one, else the one of this name on the `PATH`.
///
/// # Panics
/// When the variable names what is no file.
#[must_use]
pub fn installed(variable: &str, name: &str) -> Option<PathBuf> {
    let named = if variable.is_empty() {
        None
    } else {
        env::var_os(variable)
    };
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        let path = PathBuf::from(named);
        assert!(
            path.is_file(),
            "{variable} names {}, which is no file",
            path.display()
        );
        return Some(path);
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The target folder that this test was built into: tests lie in `TARGET/PROFILE/deps`.
///
/// # Panics
/// When the test does not lie where cargo puts tests.
#[must_use]
pub fn target_folder() -> PathBuf {
    let test = env::current_exe().expect("a running test knows its own file");
    let target = test
        .ancestors()
        .nth(3)
        .expect("cargo puts tests three folders deep");
    target.to_owned()
}

/// The root of the workspace.
///
/// # Panics
/// Never: this crate lies one folder below it.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in the workspace")
}

/// Runs a program and ends it, with all that it has started, when its standard input ends: that is when the test
/// is over, however it ends.
const END_WITH_INPUT: &str = r#"
exec 3<&0 </dev/null
{ cat <&3; kill -s KILL -- -$$; } >/dev/null 2>&1 &
exec 3<&- "$0" "$@"
"#;

/// Runs a program with the descriptors that are named as its descriptors 3, 4 and so on, as systemd does. They are for its process,
/// unless the environment says for which. The shell of Debian knows no number with two digits.
const WITH_SOCKETS: &str = r#"
trap '' XFSZ
next=3
for socket in $SOCKETS; do eval "exec $next<&$socket $socket<&-"; next=$((next + 1)); done
unset SOCKETS
export LISTEN_PID="${LISTEN_PID:-$$}"
exec "$0" "$@"
"#;

/// A running child and what it has printed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Of a group, what keeps it alive.
    _input: Option<ChildStdin>,
    /// What it has printed on either output.
    pub log: Log,
    readers: Vec<JoinHandle<()>>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Both outputs.
    pub text: String,
}

impl Process {
    /// Starts `terrace` with these arguments in `folder`.
    ///
    /// A file that grows beyond its limit is an error to the process, as a full disk is, and not a signal.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(
        folder: &Path,
        arguments: &[A],
        environment: &[(String, String)],
    ) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#])
            .arg(binary())
            .args(arguments);
        command.stdin(Stdio::null());
        Self::spawn(command, folder, environment)
    }

    /// Starts `terrace` as a service manager does that keeps its sockets.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn activate<A: AsRef<OsStr>>(
        folder: &Path,
        arguments: &[A],
        environment: &[(String, String)],
        sockets: &[OwnedFd],
    ) -> Self {
        let numbers = sockets.iter().map(|socket| socket.as_raw_fd().to_string());
        let mut command = Command::new("bash");
        command.args(["-c", WITH_SOCKETS]).arg(binary());
        command.args(arguments).stdin(Stdio::null());
        command.env("SOCKETS", numbers.collect::<Vec<_>>().join(" "));
        Self::spawn(command, folder, environment)
    }

    /// Starts a program of others in `folder`. What it starts in turn ends with it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_group<A: AsRef<OsStr>>(
        program: &Path,
        folder: &Path,
        arguments: &[A],
        environment: &[(String, String)],
    ) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", END_WITH_INPUT]).arg(program);
        command.args(arguments).stdin(Stdio::piped());
        command.process_group(0);
        Self::spawn(command, folder, environment)
    }

    fn spawn(mut command: Command, folder: &Path, environment: &[(String, String)]) -> Self {
        command
            .current_dir(folder)
            .envs(environment.iter().cloned())
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the shell is there");
        let log = Log::default();
        let stdout = log.follow(child.stdout.take().expect("stdout is piped"));
        let stderr = log.follow(child.stderr.take().expect("stderr is piped"));
        Self {
            _input: child.stdin.take(),
            child,
            log,
            readers: vec![stdout, stderr],
        }
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it at once, as a lack of memory or a lost machine would.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Stops it, as a machine does that hangs: its connections stay open, and nothing answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Has it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Limits the size of each file it writes from now on; none lifts the limit.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(Some(self.pid()), Resource::Fsize, limit).expect("one's own child can be limited");
    }

    /// The memory that it holds, in bytes.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("the process runs");
        let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = held.and_then(|held| held.trim().strip_suffix(" kB"));
        let kibibytes = kibibytes.and_then(|number| number.parse::<u64>().ok());
        kibibytes.expect("Linux says how much memory it holds") * 1_024
    }

    /// Waits for its end and for the last of its output.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn wait(mut self) -> Ended {
        let status = within("the end of the process", self.child.wait()).await;
        self.ended(status).await
    }

    /// Kills it after so many lines that have a text, or sees a line that has the text of an end. Whether it was killed before that.
    ///
    /// # Panics
    /// When it fails, or there is no such line in time.
    pub async fn kill_after(self, lines: usize, text: &str, ends: [&str; 2]) -> bool {
        let seen = Cell::new(0);
        let found = self.log.find("so many lines", |line| {
            seen.set(seen.get() + usize::from(line.contains(text)));
            let is_over = ends.iter().any(|end| line.contains(end));
            (seen.get() >= lines || is_over).then_some(is_over)
        });
        let is_over = found.await;
        self.kill();
        let ended = self.wait().await;
        assert!(!ended.text.contains("\"failed\""), "{}", ended.text);
        !is_over
    }

    /// Waits for the end of a process that builds.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn wait_for_build(mut self) -> Ended {
        let status = within_a_build("the end of the build", self.child.wait()).await;
        self.ended(status).await
    }

    async fn ended(self, status: io::Result<ExitStatus>) -> Ended {
        let status = status.expect("the child is ours to wait for");
        // Those that were told to stop never end.
        let read = self.readers.into_iter().filter(|_| !self.log.is_unread());
        for reader in read {
            within("the end of its output", reader)
                .await
                .expect("reading does not panic");
        }
        Ended {
            code: status.code(),
            text: self.log.text(),
        }
    }

    /// Waits for `line` to be printed.
    ///
    /// # Panics
    /// When the process ends before; the message shows what it said.
    pub(crate) async fn until_line<T>(
        &mut self,
        what: &str,
        line: impl Fn(&str) -> Option<T>,
    ) -> T {
        tokio::select! {
            biased;
            found = self.log.find(what, line) => found,
            status = self.child.wait() => {
                panic!("it ended ({status:?}) before it printed {what}:\n{}", self.log.text())
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal)
            .expect("the child was not waited for, so its id is still its own");
    }

    fn pid(&self) -> Pid {
        let id = self.child.id().expect("the child was not waited for");
        Pid::from_raw(id.cast_signed()).expect("no process has the id 0")
    }
}

/// Runs `terrace` to its end.
pub async fn run<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Ended {
    Process::start(folder, arguments, &[]).wait().await
}
