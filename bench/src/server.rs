//! Starts a server, waits until it answers, and ends it by its process id in any case.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

use crate::{
    Outcome, client,
    contestant::{Contestant, free_address},
    limits::{MAX_STOP_TIME, START_POLL_INTERVAL, STOP_POLL_INTERVAL},
    memory::Memory,
};

/// Lines of a server's standard error to show if it fails.
const SHOWN_LINES: usize = 5;

/// A server of a contestant. Dropping it ends its process, with SIGTERM first.
pub(crate) struct Server {
    child: Child,
    id: u32,
    /// Its address.
    pub(crate) address: SocketAddr,
    /// The address of its admin listener, if it is Terrace.
    pub(crate) admin: SocketAddr,
    started_in: Duration,
}

impl Server {
    /// Starts a contestant's server and waits until it gives the expected response.
    ///
    /// # Errors
    /// When it ends, gives another response, or none within `limit`; the message has its last output.
    pub(crate) async fn start(contestant: &Contestant, limit: Duration) -> Outcome<Self> {
        let [address, admin] = [free_address()?, free_address()?];
        let errors = contestant.folder.join("stderr.log");
        let mut command = contestant.command(address, admin)?;
        let began = Instant::now();
        let mut server = Self::spawn(&mut command, [address, admin], &errors)?;
        match server.wait_for(contestant, began + limit).await {
            Ok(()) => server.started_in = began.elapsed(),
            Err(error) => return Err(format!("{error}{}", last_lines(&errors)).into()),
        }
        Ok(server)
    }

    fn spawn(
        command: &mut Command,
        [address, admin]: [SocketAddr; 2],
        errors: &Path,
    ) -> Outcome<Self> {
        // In a process group of its own, so that Ctrl-C reaches only the bench, which ends its servers in order.
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(errors)?)
            .process_group(0)
            .spawn()?;
        let id = child.id().ok_or("it ended at once")?;
        Ok(Self {
            child,
            id,
            address,
            admin,
            started_in: Duration::ZERO,
        })
    }

    async fn wait_for(&mut self, contestant: &Contestant, deadline: Instant) -> Outcome {
        loop {
            match client::get(self.address, contestant.path).await {
                Ok((200, content)) if content.contains(contestant.expects) => return Ok(()),
                Ok((status, content)) => {
                    return Err(format!("it answers {status}: {}", content.trim_end()).into());
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(format!("it did not answer in time: {error}").into());
                }
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("it ended ({status})").into());
            }
            sleep(START_POLL_INTERVAL).await;
        }
    }

    /// The time from the start of its process to its first response.
    pub(crate) fn started_in_milliseconds(&self) -> f64 {
        self.started_in.as_secs_f64() * 1000.0
    }

    /// The memory of its process and children now.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn memory(&self) -> Outcome<Memory> {
        Memory::of(self.id)
    }

    /// Whether the process has ended within [`MAX_STOP_TIME`].
    fn ends(&mut self) -> bool {
        let deadline = Instant::now() + MAX_STOP_TIME;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(STOP_POLL_INTERVAL);
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(id) = i32::try_from(self.id).ok().and_then(Pid::from_raw) else {
            return;
        };
        // `try_wait` first: after the process was waited for, its id may belong to another one.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A signal fails only if the process has just ended.
        let _ = kill_process(id, Signal::TERM);
        if !self.ends() {
            let _ = kill_process_group(id, Signal::KILL);
            self.ends();
        }
    }
}

fn last_lines(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    shown.iter().map(|line| format!("; {line}")).collect()
}
