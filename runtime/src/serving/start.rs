//! `terrace up` and `terrace edge` from files that a user wrote to a server that drains and ends, step by step.
//! Each step is left to its module, answering requests to `pipeline`.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use futures::future::join3;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep_until;

use super::app_digest;
use super::bundles::{self, Taken};
use super::clustered;
use super::consuming::Consumption;
use super::current_app::{Current, CurrentApp, Handles};
use super::deploying;
use super::inputs::{AppInputs, EdgeInputs};
use super::listeners::{Listeners, Overrides};
use super::open;
use super::pipeline::RequestPipeline;
use super::relaying;
use super::reload::{Loaded, Reloader};
use super::{EdgeOptions, ServingOptions, StartError, failed};
use crate::acme::Keeper;
use crate::cache::{CacheStage, EdgeCache, GroupScope};
use crate::clock;
use crate::cluster::{Announcer, Members};
use crate::deployment::Loader;
use crate::edge::{OriginClient, Origins};
use crate::fault::Faults;
use crate::limits::STATE_CLOSE_TIMEOUT;
use crate::manifest::App;
use crate::observe::{Metrics, Observer};
use crate::rate_limit::RateLimits;
use crate::request::{IdSource, WorkerId};
use crate::rollout::Shelf;
use crate::server::{
    Admin, Background, Ending, Handover, PassedSockets, Pipeline, PipelineParts, Signals,
};
use crate::settings::{Edge, OriginEntry};

/// Even then every acknowledged write is safe; the next start reads more of the database's log.
const NOT_CLOSED: &str =
    "the databases were not put in order: `drain_timeout` had passed, or there was a second signal";

/// A server that has its addresses and does not answer yet; [`Self::run`] serves.
pub struct Serving {
    name: String,
    listeners: Listeners,
    rates: Option<Arc<RateLimits>>,
    answering: Answering,
}

/// The last stage of a request, behind the cache.
enum Answering {
    App {
        loader: Arc<Loader>,
        current: Arc<Current>,
        announcer: Option<Arc<Announcer>>,
    },
    Origins {
        origins: Arc<Origins>,
        edge: Box<Edge>,
    },
}

/// `terrace check`: reads and judges everything without serving it. If the app is to be `portable`, or a database is on
/// Postgres, statements of its migrations that Postgres would not take are faults. So is what would tell several `nodes` apart. Gives the app, whose files
/// may be gone.
///
/// # Errors
/// All that is wrong.
pub fn check(options: &ServingOptions, portable: bool, nodes: u32) -> Result<App, Faults> {
    let mut inputs = AppInputs::read(options)?;
    let engine = open::engine(&inputs, None).map_err(|error| open::fault(&inputs, &error))?;
    let checked = open::check(&engine, &inputs, portable, nodes);
    checked.map_err(|faults| inputs.renamed(faults))?;
    if inputs.unpacked.is_some() {
        inputs.app.manifest.clone_from(&options.manifest);
    }
    Ok(inputs.app)
}

impl Serving {
    /// `terrace up`: reads manifest, settings and variables, takes the addresses or the `sockets` for them, opens the state, and loads the components.
    /// The [`Reloader`] replaces the app while it is served.
    ///
    /// # Errors
    /// All faults of the user's files and arguments, else the reason why the server cannot start.
    pub fn up(
        options: &ServingOptions,
        sockets: &PassedSockets,
    ) -> Result<(Self, Reloader), StartError> {
        let (options, shelf) = deploying::deployed(options)?;
        let shelf = RefCell::new(Some(shelf));
        bundles::load_newest(&options, |inputs, taken| {
            let shelf = shelf.take().flatten();
            Self::load(&options, sockets, inputs, taken, shelf)
        })
    }

    fn load(
        options: &ServingOptions,
        sockets: &PassedSockets,
        inputs: &AppInputs,
        taken: Option<Taken>,
        shelf: Option<Shelf>,
    ) -> Result<(Self, Reloader), StartError> {
        let registry = clustered::registry(&inputs.config)?;
        let announced = registry.clone();
        let announcer = announced.map(|registry| Arc::new(Announcer::new(registry)));
        let (config, name) = (&inputs.config, &inputs.app.name);
        let rates = clustered::rate_limits(config, registry.as_ref(), name);
        let pages = announcer.iter().cloned().map(|announcer| {
            let figures = move || announcer.figures();
            clustered::page(figures, rates.as_ref())
        });
        let node = deploying::Slot::default();
        let token = deploying::token(options, config);
        let pages = pages.chain(deploying::pages(&node, token.clone()));
        // Before the components are compiled, which takes longest.
        let listeners = Listeners::open(
            &inputs.config,
            Overrides::of_app(options),
            sockets,
            &inputs.state_directory,
            pages.collect(),
        )?;
        taken.iter().for_each(Taken::report);
        let loader = Arc::new(open_all(inputs, &listeners)?);
        let app = Loaded::new(&loader, inputs)?;
        let cache = listeners.cache.iter();
        cache.for_each(|cache| cache.set_owner(&app.digest));
        clustered::name_node(announcer.as_ref(), inputs, &listeners, &app.digest)?;
        rates.iter().for_each(|of| of.tell(&listeners.metrics));
        let current = Arc::new(Current::new(Handles::new(&app.deployment, &loader)));
        let reloader = Reloader {
            options: Arc::new(options.clone()),
            name: name.clone(),
            taken,
            loader: Arc::clone(&loader),
            current: Arc::clone(&current),
            cache: listeners.cache.clone(),
            announcer: announcer.clone(),
        };
        let known = token.ok().zip(shelf);
        let address = deploying::address(known.is_some(), inputs, &listeners);
        deploying::begin(&node, &reloader, app, known, address)?;
        let serving = Self {
            name: name.clone(),
            listeners,
            rates,
            answering: Answering::App {
                loader,
                current,
                announcer,
            },
        };
        Ok((serving, reloader))
    }

    /// `terrace edge`: reads the settings, and takes the addresses or the `sockets` for them. The origins need not answer yet.
    ///
    /// # Errors
    /// All faults of the user's files and arguments, else the reason why the server cannot start.
    pub fn edge(options: &EdgeOptions, sockets: &PassedSockets) -> Result<Self, StartError> {
        let EdgeInputs {
            config,
            state_directory,
            origins: entries,
        } = EdgeInputs::read(options)?;
        let registry = clustered::registry(&config)?;
        let app = config.cluster.as_ref().and_then(|of| of.app.clone());
        let followed = registry.clone();
        let followed = followed.filter(|_| entries.contains(&OriginEntry::Cluster));
        let members = followed.map(|registry| Members::new(registry, app.clone()));
        let origins = Origins::new(&entries, members, &config.edge, clock::now());
        let origins = Arc::new(origins);
        let names: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let name = names.join(", ");
        // Edges of different apps share nothing, where the settings tell the apps apart.
        let owner = app_digest::of_origins(&format!("{name} {}", app.unwrap_or_default()));
        let rates = clustered::rate_limits(&config, registry.as_ref(), &owner);
        let figures = Arc::clone(&origins);
        let page = clustered::page(move || figures.figures(), rates.as_ref());
        let listeners = Listeners::open(
            &config,
            Overrides::of_edge(options),
            sockets,
            &state_directory,
            vec![page],
        )?;
        for entry in &entries {
            let own = [Some(listeners.http()), listeners.https()];
            for own in own.into_iter().flatten() {
                check_elsewhere(entry, own)?;
            }
        }
        origins.tell(&listeners.metrics);
        rates
            .iter()
            .for_each(|rates| rates.tell(&listeners.metrics));
        let cache = listeners.cache.iter();
        cache.for_each(|cache| cache.set_origins(&owner));
        Ok(Self {
            name,
            listeners,
            rates,
            answering: Answering::Origins {
                origins,
                edge: Box::new(config.edge),
            },
        })
    }

    /// The name of the app, or the URLs of the origins.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address for clients.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.listeners.http()
    }

    /// The address for clients with TLS.
    #[must_use]
    pub fn https(&self) -> Option<SocketAddr> {
        self.listeners.https()
    }

    /// The address for metrics and health.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.listeners.admin()
    }

    /// Serves until SIGTERM or SIGINT, then finishes what was accepted and puts the state in order. Calls `ready`
    /// once requests are answered. Returns at the drain timeout or at the second signal, whatever is left.
    ///
    /// # Errors
    /// When threads, signals or listeners can't be had, or something was cut at the end.
    pub fn run(self, ready: impl FnOnce()) -> Result<(), StartError> {
        let Self {
            listeners, rates, ..
        } = self;
        match self.answering {
            Answering::App {
                loader,
                current,
                announcer,
            } => run_app(
                listeners,
                rates,
                &loader,
                current,
                announcer.as_deref(),
                ready,
            ),
            Answering::Origins { origins, edge } => {
                run_edge(listeners, rates, &origins, *edge, ready)
            }
        }
    }
}

/// Opens the state of an app, and gives the loader of its components.
fn open_all(inputs: &AppInputs, listeners: &Listeners) -> Result<Loader, StartError> {
    open::open_state(inputs, &listeners.state, &listeners.queues)?;
    let compiled_code = &inputs.config.cache_directory;
    let engine = open::engine(inputs, Some(compiled_code)).map_err(failed)?;
    let state = Arc::clone(&listeners.state);
    listeners.metrics.read_databases(move || state.figures());
    open::loader(inputs, listeners, engine)
}

/// Serves an app.
fn run_app(
    listeners: Listeners,
    rates: Option<Arc<RateLimits>>,
    loader: &Loader,
    current: Arc<Current>,
    announcer: Option<&Announcer>,
    ready: impl FnOnce(),
) -> Result<(), StartError> {
    let (queues, workers) = (&loader.queues, loader.workers);
    let (consumed, observer) = (Arc::clone(queues), Arc::clone(&listeners.observer));
    let relayed = Arc::clone(&current);
    let app = move |worker, background: &Background| {
        let consumption = Consumption {
            worker,
            workers,
            queues: Arc::clone(&consumed),
            current: Arc::clone(&current),
            observer: Observer::clone(&observer),
            background: background.clone(),
            ids: IdSource::from_system(),
        };
        spawn_local(consumption.run());
        CurrentApp::new(worker, Arc::clone(&current))
    };
    let pipeline = pipelines(&listeners, rates, GroupScope::AllHosts, app);
    let metrics = Arc::clone(&listeners.metrics);
    let answers = Notify::new();
    let ready = || {
        answers.notify_one();
        ready();
    };
    let company = Company {
        before: async || (),
        beside: async {
            let announced = async {
                answers.notified().await;
                clustered::announce(announcer, &metrics).await
            };
            join3(announced, queues.keep(), relaying::relay(&relayed))
                .await
                .0
        },
        leave: async |ending| {
            queues.stop();
            if ending != Ending::Succession {
                clustered::leave(announcer).await;
            }
        },
        after: async || {
            queues.close(clock::now() + STATE_CLOSE_TIMEOUT).await;
            loader.state.close().await;
        },
    };
    serve(listeners, pipeline, ready, company)
}

/// Serves as an edge.
fn run_edge(
    listeners: Listeners,
    rates: Option<Arc<RateLimits>>,
    origins: &Arc<Origins>,
    edge: Edge,
    ready: impl FnOnce(),
) -> Result<(), StartError> {
    let company = Company {
        before: async || origins.find().await,
        beside: Arc::clone(origins).tend(),
        leave: async |_| (),
        after: async || (),
    };
    let (origins, metrics) = (Arc::clone(origins), Arc::clone(&listeners.metrics));
    let client = move |_, _: &Background| OriginClient::new(Arc::clone(&origins), &edge, &metrics);
    let pipeline = pipelines(&listeners, rates, GroupScope::Origin, client);
    serve(listeners, pipeline, ready, company)
}

/// Makes the pipeline of each worker, with these stages behind the cache.
fn pipelines<N, F: Fn(WorkerId, &Background) -> N>(
    listeners: &Listeners,
    rates: Option<Arc<RateLimits>>,
    scope: GroupScope,
    next: F,
) -> impl Fn(PipelineParts) -> RequestPipeline<N> + use<N, F> {
    let (cache, metrics) = (listeners.cache.clone(), Arc::clone(&listeners.metrics));
    let state = Arc::clone(&listeners.state);
    move |parts| RequestPipeline {
        server: parts.stages,
        rates: rates.clone(),
        next: Rc::new(next(parts.worker, &parts.background)),
        cache: CacheStage::new(cache.as_ref(), &state, scope, parts.background, &metrics),
    }
}

/// The work of a server that belongs to no request.
struct Company<B, W, L, A> {
    /// What is done before requests are answered.
    before: B,
    /// What is done meanwhile.
    beside: W,
    /// What is done when the server is asked to end, before it drains.
    leave: L,
    /// What is done after the last of them.
    after: A,
}

/// An edge that is its own origin would ask itself until its connections are used up.
fn check_elsewhere(entry: &OriginEntry, own: SocketAddr) -> Result<(), StartError> {
    match entry {
        OriginEntry::Server(origin) if origin.authority().as_str() == own.to_string() => {
            let what = format!("the origin {origin} is the address that this edge listens on");
            Err(failed(what))
        }
        _ => Ok(()),
    }
}

/// Answers requests until the first signal, and drains. Each worker has the pipeline that `pipeline` makes for it.
fn serve<P: Pipeline>(
    listeners: Listeners,
    pipeline: impl Fn(PipelineParts) -> P + Send + Sync + 'static,
    ready: impl FnOnce(),
    company: Company<
        impl AsyncFnOnce(),
        impl Future<Output = Infallible>,
        impl AsyncFnOnce(Ending),
        impl AsyncFnOnce(),
    >,
) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let admin = listeners.admin.map(Admin::start).transpose();
    let mut admin = admin.map_err(failed)?;
    let result = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(failed)?;
        (company.before)().await;
        listeners.cache.iter().for_each(EdgeCache::follow);
        let (mut first_signal, mut leave) = (None, Some(company.leave));
        let handover = RefCell::new(Some(listeners.handover));
        let ready = || {
            if let Some(handover) = &mut *handover.borrow_mut() {
                handover.offer();
            }
            ready();
        };
        let next_signal = async || {
            let Some(offered) = handover.take() else {
                signals.next().await;
                return Ending::Cut;
            };
            let ending = asked_to_end(&mut signals, offered).await;
            first_signal = Some(clock::now());
            if ending == Ending::Succession {
                // Those who ask for health or metrics now mean the successor, which has the same socket. So do those who find this
                // server in the registry.
                drop(admin.take());
            }
            if let Some(leave) = leave.take() {
                leave(ending).await;
            }
            ending
        };
        let served = tokio::select! {
            served = listeners.server.run(pipeline, ready, next_signal) => served,
            never = company.beside => match never {},
            never = ordering(listeners.keeper.as_ref(), &listeners.metrics) => match never {},
        };
        served.map_err(failed)?;
        let end = first_signal.unwrap_or_else(clock::now) + listeners.drain_timeout;
        tokio::select! {
            () = (company.after)() => Ok(()),
            () = sleep_until(end.into()) => Err(failed(NOT_CLOSED)),
            () = signals.next() => Err(failed(NOT_CLOSED)),
        }
    });
    // Not dropped, which would wait for calls that block.
    runtime.shutdown_background();
    drop(admin);
    drop(listeners.log_writer);
    result
}

/// Orders certificates for as long as it is polled, if the settings ask for that.
async fn ordering(keeper: Option<&Keeper>, metrics: &Metrics) -> Infallible {
    match keeper {
        Some(keeper) => keeper.run(metrics).await,
        None => std::future::pending().await,
    }
}

/// Waits until the server is asked to end: by a signal, or by a successor that has its sockets.
async fn asked_to_end(signals: &mut Signals, offered: Handover) -> Ending {
    tokio::select! {
        () = signals.next() => Ending::Drain,
        () = offered.taken() => Ending::Succession,
    }
}
