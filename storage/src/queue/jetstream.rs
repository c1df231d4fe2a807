//! Queues in the streams of NATS JetStream, a stream for each. A stream has the messages that are to be delivered, those of a key under
//! a subject of their own; a consumer of it gives each message to one process at a time. What a stream cannot keep is in the tables
//! of a database, the *ledger*: messages that are due later, failures, dead letters and schedules.
//!
//! Of a key, only the first message that its subject has may be delivered. A process that gets a later one holds it until then.
//!
//! The number of a message is [`NUMBERS`] more than its place in its stream, so that it is none of the ledger. Together with a number
//! of the queue in this process it tells the messages apart on which the process works.

mod address;
mod channel;
mod claiming;
mod ending;
mod fetching;
mod forgotten;
mod listing;
mod sending;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use async_nats::{Client, Subscriber, connection};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use tokio::time::timeout_at;

use self::address::Address;
use self::channel::Channel;
use self::work::{Given, Work};
use super::error::Error;
use super::limits::{LEASE, MAX_CHANNELS, MIN_NATS_MINOR};
use super::message::{Owner, Room, Schedule};
use super::tables;
use crate::clock;
use crate::driver::Driver;
use crate::failure::EngineFailure;
use crate::sql::open::{self, OpenError};

/// The number before that of the first message of a stream. Programs that read JSON keep such numbers whole.
const NUMBERS: i64 = 1 << 52;

/// The bits of a message's place in its stream. Those above are the number of its queue.
const PLACE_BITS: u32 = 40;

/// How queues use a NATS server.
#[derive(Clone)]
pub struct JetStreamOptions {
    /// The time to wait for the server.
    pub open_timeout: Duration,
    /// The password, in place of one in the URL.
    pub password: Option<String>,
    /// The beginning of the names of streams and subjects, so that apps share a server.
    pub prefix: String,
    /// How many servers keep each message.
    pub replicas: usize,
}

impl std::fmt::Debug for JetStreamOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("JetStreamOptions");
        shown.field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// All queues of one server with one prefix.
#[derive(Clone, Debug)]
pub(super) struct Queues(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    context: Context,
    prefix: String,
    replicas: usize,
    ledger: tables::Queues,
    channels: Mutex<HashMap<String, Arc<Channel>>>,
    work: Work,
    /// Where other processes tell that they have sent something.
    told: tokio::sync::Mutex<Subscriber>,
    /// The leases of this process, by their owners.
    leases: Mutex<HashMap<String, Instant>>,
    /// It drives the connection, and ends with this.
    _driver: Driver,
}

impl Queues {
    pub(super) fn open(
        url: &str,
        options: &JetStreamOptions,
        ledger: tables::Queues,
    ) -> Result<Self, OpenError> {
        let address = Address::read(url, options)?;
        let driver = Driver::start("queue-nats").map_err(|source| OpenError::Thread { source })?;
        let (shown, patience) = (address.shown.clone(), options.open_timeout);
        let prefix = escaped(&options.prefix);
        let opening = connect(address, format!("{prefix}.told.*"), patience);
        let (context, told) = open::wait(&driver, shown, patience, opening)?;
        Ok(Self(Arc::new(Inner {
            client: context.client(),
            context,
            prefix,
            replicas: options.replicas,
            ledger,
            channels: Mutex::default(),
            work: Work::default(),
            told: tokio::sync::Mutex::new(told),
            leases: Mutex::default(),
            _driver: driver,
        })))
    }

    /// What the operator should know of the server.
    pub(super) fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        if self.0.replicas < 3 {
            cautions.push(
                "a NATS server says that it has a message before it is on the disk: have it write through (`sync_interval: always` \
                 of its `jetstream`), or have three servers keep each message (`replicas = 3`)"
                    .to_owned(),
            );
        }
        if !self.0.client.is_server_compatible(2, 10, 0) {
            cautions.push(
                "the NATS server is older than 2.10, and does not know `sync_interval: always`"
                    .to_owned(),
            );
        }
        cautions
    }

    /// Makes the streams of queues that are missing, and checks those that are there.
    pub(super) async fn prepare(
        &self,
        queues: &[String],
        room: Room,
        deadline: Instant,
    ) -> Result<(), Error> {
        for queue in queues {
            self.channel(queue, Some(room), deadline).await?;
        }
        Ok(())
    }

    pub(super) async fn join(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let until = clock::now() + LEASE;
        self.0.ledger.join(owner, deadline).await?;
        // The messages of leases that have ended are others' by now.
        let now = clock::now();
        let ended = self
            .leases()
            .extract_if(|_, until| *until < now)
            .collect::<Vec<_>>();
        for (owner, _) in ended {
            self.0.work.forget(&Owner(owner));
        }
        self.leases().insert(owner.0.clone(), until);
        Ok(())
    }

    /// Renews a lease, and has the server wait longer for the messages of its owner.
    pub(super) async fn renew(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let until = clock::now() + LEASE;
        if !self.has_lease(owner) {
            self.forget(owner);
            return Err(Error::LeaseEnded);
        }
        let renewed = self.0.ledger.renew(owner, deadline).await;
        if renewed == Err(Error::LeaseEnded) {
            self.forget(owner);
        }
        renewed?;
        let messages = self.0.work.of(owner);
        let progress = messages
            .iter()
            .map(|message| message.ack_with(jetstream::AckKind::Progress));
        let asked = self.until(deadline, async { Ok(join_all(progress).await) });
        asked.await?;
        self.until(deadline, async { Ok(self.0.client.flush().await?) })
            .await?;
        self.leases().insert(owner.0.clone(), until);
        Ok(())
    }

    /// Ends a lease, and gives back what its owner had.
    pub(super) async fn leave(&self, owner: &Owner, deadline: Instant) -> Result<(), Error> {
        let [worked_on, held] = self.forget(owner);
        for given in &held {
            // Nobody has tried them.
            if let Some(queue) = self.queue_of(given.number) {
                let place = given.place.cast_signed();
                self.0.ledger.note_release(&queue, place, deadline).await?;
            }
        }
        let given = worked_on.iter().chain(&held);
        let given =
            given.map(|given| self.reply(&given.message, jetstream::AckKind::Nak(None), deadline));
        let given = join_all(given).await;
        self.0.ledger.leave(owner, deadline).await?;
        given.into_iter().collect()
    }

    pub(super) async fn sweep(&self, deadline: Instant) -> Result<(), Error> {
        self.0.ledger.sweep(deadline).await
    }

    pub(super) async fn schedules(&self, deadline: Instant) -> Result<Vec<Schedule>, Error> {
        self.0.ledger.schedules(deadline).await
    }

    pub(super) async fn reschedule(
        &self,
        name: &str,
        from: Option<i64>,
        to: Option<i64>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        self.0.ledger.reschedule(name, from, to, deadline).await
    }

    pub(super) async fn heard(&self) -> String {
        loop {
            let message = self.0.told.lock().await.next().await;
            let subject = message.as_ref().map(|message| message.subject.as_str());
            let queue = subject.and_then(|subject| subject.rsplit('.').next());
            match queue {
                Some(queue) => return unescaped(queue),
                // The client has ended.
                None => std::future::pending().await,
            }
        }
    }

    pub(super) async fn close(&self, deadline: Instant) -> Result<(), Error> {
        self.until(deadline, async { Ok(self.0.client.flush().await?) })
            .await?;
        self.0.ledger.close(deadline).await
    }

    /// Whether an owner has a lease.
    fn has_lease(&self, owner: &Owner) -> bool {
        let until = self.leases().get(&owner.0).copied();
        until.is_some_and(|until| clock::now() < until)
    }

    /// Ends a lease in this process, and returns the messages of its owner.
    fn forget(&self, owner: &Owner) -> [Vec<Given>; 2] {
        self.leases().remove(&owner.0);
        self.0.work.forget(owner)
    }

    /// The queue of a message of this process.
    fn queue_of(&self, number: i64) -> Option<String> {
        let index = usize::try_from((number - NUMBERS) >> PLACE_BITS).ok()?;
        let channels = self.channels();
        let channel = channels.values().find(|channel| channel.index == index)?;
        Some(channel.queue.clone())
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        let leases = self.0.leases.lock();
        leases.unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream of a queue. It is made if it is missing, with this room, or as that of a queue that only gets messages.
    async fn channel(
        &self,
        queue: &str,
        room: Option<Room>,
        deadline: Instant,
    ) -> Result<Arc<Channel>, Error> {
        let known = self.channels().get(queue).cloned();
        if let Some(channel) = known
            && room.is_none_or(|room| channel.room == room)
        {
            return Ok(channel);
        }
        let opening = Channel::open(&self.0, queue, room);
        let mut channel = self.until(deadline, opening).await?;
        let mut channels = self.channels();
        channel.index = match channels.get(queue) {
            // Another call may have been quicker.
            Some(other) if other.room == channel.room => return Ok(Arc::clone(other)),
            Some(other) => other.index,
            None if channels.len() < MAX_CHANNELS => channels.len(),
            None => return Err(EngineFailure::Overloaded.into()),
        };
        let channel = Arc::new(channel);
        channels.insert(queue.to_owned(), Arc::clone(&channel));
        Ok(channel)
    }

    fn channels(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Channel>>> {
        let channels = self.0.channels.lock();
        channels.unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the work on a message at the server, and waits until it has noted that.
    async fn reply(
        &self,
        message: &jetstream::Message,
        kind: jetstream::AckKind,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(reply) = message.reply.clone() else {
            return Ok(());
        };
        let asking = async { Ok(self.0.client.request(reply, kind.into()).await?) };
        self.until(deadline, asking).await.map(drop)
    }

    /// Awaits the server until a deadline. It fails at once while there is no connection.
    async fn until<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Error> {
        if self.0.client.connection_state() == connection::State::Disconnected {
            return Err(unavailable("there is no connection".to_owned()));
        }
        match timeout_at(deadline.into(), work).await {
            Ok(done) => done.map_err(|failed| failed.0),
            Err(_) => Err(unavailable("it does not answer in time".to_owned())),
        }
    }
}

/// Why a call of the server failed.
#[derive(Debug)]
struct Failed(Error);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        // Its words for JetStream's code 10047.
        if message.contains("insufficient storage") {
            return Self(EngineFailure::Full.into());
        }
        Self(unavailable(message))
    }
}

fn unavailable(message: String) -> Error {
    EngineFailure::Unavailable { message }.into()
}

async fn connect(
    address: Address,
    told: String,
    patience: Duration,
) -> Result<(Context, Subscriber), OpenError> {
    let server = address.shown.clone();
    let connecting = tokio::time::timeout(patience, address.options.connect(address.servers));
    let unreachable = |message: String| OpenError::Unreachable {
        server: server.clone(),
        message,
    };
    let client = match connecting.await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(address::unconnected(&error, server)),
        Err(_) => return Err(unreachable("it does not answer in time".to_owned())),
    };
    if !client.is_server_compatible(2, MIN_NATS_MINOR, 0) {
        let version = client.server_info().version;
        let message = format!("it is version {version}; 2.{MIN_NATS_MINOR} or later is needed");
        return Err(OpenError::Server { server, message });
    }
    let told = client.subscribe(told).await;
    let told = told.map_err(|error| unreachable(error.to_string()))?;
    match has_jetstream(&client, clock::now() + patience).await {
        None => return Err(unreachable("its servers have no leader".to_owned())),
        Some(false) => {
            let message = "it has no JetStream for this user; start it with `-js`".to_owned();
            return Err(OpenError::Server { server, message });
        }
        Some(true) => {}
    }
    let mut context = jetstream::new(client);
    context.set_timeout(LEASE);
    Ok((context, told))
}

/// Whether a server has JetStream; `None` if nobody says so. Of several servers the leader answers, and there may be none yet.
async fn has_jetstream(client: &Client, deadline: Instant) -> Option<bool> {
    const PATIENCE: Duration = Duration::from_secs(1);
    while clock::now() < deadline {
        let asking = client.request("$JS.API.INFO", Bytes::new());
        if let Ok(answer) = tokio::time::timeout(PATIENCE, asking).await {
            // It is not read as a whole: servers of each version have other fields.
            return Some(answer.is_ok_and(|answer| !contains(&answer.payload, b"\"error\"")));
        }
    }
    None
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A name as a part of a subject, which may not have each character.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => escaped.push(byte.into()),
            _ => escaped += &format!("={byte:02x}"),
        }
    }
    escaped
}

fn unescaped(escaped: &str) -> String {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match (first, byte) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                &after[2..]
            }
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_subjects() {
        for name in ["mail", "mail.dead", "a=b", "é *>", "=", "=2e"] {
            let escaped = escaped(name);
            assert!(!escaped.contains(['.', '*', '>', ' ']), "{escaped}");
            assert_eq!(unescaped(&escaped), name);
        }
    }
}
