//! The cache beside a simple model: over random sequences of reads, writes, changes, purges and time, it never serves what
//! the model forbids.
//!
//! The model knows when each version of each resource was the current one, what the origin lets caches do with it, and
//! what was invalidated when. It says of a response only whether anybody may have it now.

use std::sync::Arc;

use futures::FutureExt;
use http::request::Parts;
use http::{Response, header};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::harness::{Failed, Harness, Pieces, streaming};
use crate::rules::groups::CacheGroup;
use crate::rules::key::CacheKey;
use crate::store::{MemoryLevel, Mood, Purge, PurgeMode};

/// What the origin says about a resource, and what that means for the model.
struct Resource {
    path: &'static str,
    cache_control: &'static str,
    /// How long a version may be served after it was the current one, in seconds; `None` if it is for one user only and
    /// may not be served again at all.
    may_outlive: Option<u64>,
    /// How long it may have been stale when the origin can't be reached, in seconds.
    stale_when_unreachable: u64,
}

const HOUR: u64 = 60 * 60;

const RESOURCES: [Resource; 7] = [
    resource("/fresh", "max-age=10", Some(10), HOUR),
    resource("/shared", "s-maxage=10", Some(10), 0),
    // Fresh for less than five seconds, and used stale for up to five more (RFC 5861 §3).
    resource(
        "/while",
        "max-age=5, stale-while-revalidate=5",
        Some(11),
        HOUR,
    ),
    resource("/strict", "max-age=10, must-revalidate", Some(10), 0),
    resource("/asked", "no-cache", Some(0), 0),
    resource("/private", "private, max-age=60", None, 0),
    resource("/never", "no-store", None, 0),
];

const fn resource(
    path: &'static str,
    cache_control: &'static str,
    may_outlive: Option<u64>,
    stale_when_unreachable: u64,
) -> Resource {
    Resource {
        path,
        cache_control,
        may_outlive,
        stale_when_unreachable,
    }
}

impl Resource {
    /// Whether what was brought for an authorised request is for others as well (RFC 9111 §3.5).
    fn is_for_others(&self) -> bool {
        let permissions = ["s-maxage", "must-revalidate"];
        permissions
            .iter()
            .any(|permission| self.cache_control.contains(permission))
    }
}

/// A resource as the origin has it.
#[derive(Default)]
struct State {
    version: u64,
    /// At which step, and when, each version before the current one ceased to be it.
    ended: Vec<(usize, u64)>,
    /// At which step it was last invalidated.
    invalidated: Option<usize>,
}

#[derive(Default)]
struct World {
    now: u64,
    step: usize,
    is_down: bool,
    resources: [State; RESOURCES.len()],
}

#[derive(Clone, Debug)]
enum Step {
    Read {
        resource: usize,
        language: u8,
        user: Option<u8>,
    },
    /// A request that changes a resource and invalidates it.
    Write {
        resource: usize,
    },
    /// The resource changes and nobody tells the cache.
    Change {
        resource: usize,
    },
    Pass {
        seconds: u64,
    },
    PurgeUrl {
        resource: usize,
        soft: bool,
    },
    PurgeGroup {
        soft: bool,
    },
    PurgeAll,
    Outage {
        is_down: bool,
    },
    /// The level behaves so from now on.
    Level {
        mood: Mood,
    },
}

/// A step, and which of the caches takes it.
type Turn = (usize, Step);

fn turns_of_caches() -> impl Strategy<Value = Vec<Turn>> {
    prop::collection::vec((0..2_usize, step()), 1..60)
}

fn step() -> impl Strategy<Value = Step> {
    let resource = 0..RESOURCES.len();
    let read = (
        resource.clone(),
        0..2_u8,
        prop::option::weighted(0.3, 0..2_u8),
    )
        .prop_map(|(resource, language, user)| Step::Read {
            resource,
            language,
            user,
        });
    let mood = prop_oneof![Just(Mood::Answers), Just(Mood::Fails), Just(Mood::Hangs)];
    prop_oneof![
        12 => read,
        2 => resource.clone().prop_map(|resource| Step::Write { resource }),
        2 => resource.clone().prop_map(|resource| Step::Change { resource }),
        4 => (1..8_u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => (resource, any::<bool>()).prop_map(|(resource, soft)| Step::PurgeUrl { resource, soft }),
        1 => any::<bool>().prop_map(|soft| Step::PurgeGroup { soft }),
        1 => Just(Step::PurgeAll),
        1 => any::<bool>().prop_map(|is_down| Step::Outage { is_down }),
        1 => mood.prop_map(|mood| Step::Level { mood }),
    ]
}

impl World {
    /// What the origin answers.
    fn answer(&mut self, head: &Parts) -> Result<Response<Pieces>, Failed> {
        if self.is_down {
            return Err(Failed);
        }
        let index = RESOURCES
            .iter()
            .position(|resource| resource.path == head.uri.path());
        let index = index.unwrap();
        if head.method == http::Method::PUT {
            self.change(index);
            self.resources[index].invalidated = Some(self.step);
            return Ok(streaming(204, &[]).0);
        }
        let field = |name| {
            head.headers
                .get(name)
                .map_or("", |value: &http::HeaderValue| value.to_str().unwrap())
        };
        let (language, user) = (field(header::ACCEPT_LANGUAGE), field(header::AUTHORIZATION));
        let version = self.resources[index].version;
        let tag = format!("\"{version}-{language}-{user}\"");
        let fields = [
            ("cache-control", RESOURCES[index].cache_control),
            ("vary", "accept-language"),
            ("cache-groups", "\"all\""),
            ("etag", &tag),
        ];
        if field(header::IF_NONE_MATCH) == tag {
            return Ok(streaming(304, &fields).0);
        }
        let (response, pieces) = streaming(200, &fields);
        let content = format!("{index} {version} {language} {user}");
        pieces.unbounded_send(Ok(content.into())).unwrap();
        Ok(response)
    }

    fn change(&mut self, index: usize) {
        let now = (self.step, self.now);
        let state = &mut self.resources[index];
        state.version += 1;
        state.ended.push(now);
    }

    /// Whether a client may have this version now.
    fn allows(&self, index: usize, version: u64, is_own: bool) -> bool {
        let (resource, state) = (&RESOURCES[index], &self.resources[index]);
        let Some((ended_at, ended)) = state.ended.get(usize::try_from(version).unwrap()) else {
            // It is the current one, which is for whoever asked for it, or for all.
            return is_own || resource.may_outlive.is_some();
        };
        let Some(may_outlive) = resource.may_outlive else {
            return false;
        };
        // What was stored before an invalidation may not be served after it.
        if state
            .invalidated
            .is_some_and(|invalidated| invalidated >= *ended_at)
        {
            return false;
        }
        let window = if self.is_down {
            resource.stale_when_unreachable
        } else {
            0
        };
        self.now - ended < may_outlive.max(1) + window || self.now == *ended
    }
}

/// Takes one step.
fn take(harness: &Harness, world: &Mutex<World>, step: &Step) -> Result<(), TestCaseError> {
    match step {
        Step::Read {
            resource,
            language,
            user,
        } => return read(harness, world, *resource, *language, *user),
        Step::Write { resource } => {
            let path = RESOURCES[*resource].path;
            let _ = pollster::block_on(harness.send("PUT", path, &[]));
        }
        Step::Change { resource } => world.lock().change(*resource),
        Step::Pass { seconds } => {
            world.lock().now += seconds;
        }
        Step::PurgeUrl { resource, soft } => {
            let uri = format!("http://h{}", RESOURCES[*resource].path);
            let key = CacheKey::new(&uri.parse().unwrap()).unwrap();
            purge(harness, world, &Purge::Url(key), *soft, &[*resource]);
        }
        Step::PurgeGroup { soft } => {
            let group = CacheGroup::new("all");
            let all: Vec<usize> = (0..RESOURCES.len()).collect();
            purge(
                harness,
                world,
                &Purge::Group {
                    origin: None,
                    group,
                },
                *soft,
                &all,
            );
        }
        Step::PurgeAll => {
            let all: Vec<usize> = (0..RESOURCES.len()).collect();
            purge(harness, world, &Purge::All, false, &all);
        }
        Step::Outage { is_down } => world.lock().is_down = *is_down,
        Step::Level { .. } => {}
    }
    Ok(())
}

/// Reads a resource, and judges what the cache answers.
fn read(
    harness: &Harness,
    world: &Mutex<World>,
    resource: usize,
    language: u8,
    user: Option<u8>,
) -> Result<(), TestCaseError> {
    let language = language.to_string();
    let user = user.map(|user| user.to_string()).unwrap_or_default();
    let mut fields = vec![("accept-language", language.as_str())];
    if !user.is_empty() {
        fields.push(("authorization", &user));
    }
    let path = RESOURCES[resource].path;
    let Ok(reply) = pollster::block_on(harness.send("GET", path, &fields)) else {
        prop_assert!(world.lock().is_down, "it failed while the origin answers");
        return Ok(());
    };
    let parts: Vec<&str> = reply.text().split(' ').collect();
    let [index, version, its_language, its_user] = parts[..] else {
        return Err(TestCaseError::fail(format!(
            "strange content: {}",
            reply.text()
        )));
    };
    prop_assert_eq!(index.parse::<usize>().unwrap(), resource);
    prop_assert_eq!(its_language, language);
    let may_be_shared = its_user.is_empty() || RESOURCES[resource].is_for_others();
    prop_assert!(
        may_be_shared || its_user == user,
        "another user's: {:?}",
        reply
    );
    let is_own = its_user == user;
    let allowed = world
        .lock()
        .allows(resource, version.parse().unwrap(), is_own);
    prop_assert!(allowed, "the model forbids {:?}", reply);
    Ok(())
}

/// Purges in the cache, and in the model what may not be served after it: a soft purge forbids nothing for good.
fn purge(harness: &Harness, world: &Mutex<World>, what: &Purge, soft: bool, resources: &[usize]) {
    let mode = if soft {
        PurgeMode::Soft
    } else {
        PurgeMode::Hard
    };
    harness.cache.purge(what, mode);
    pollster::block_on(harness.cache.tell_shared_level());
    let mut world = world.lock();
    if !soft {
        for index in resources {
            world.resources[*index].invalidated = Some(world.step);
        }
    }
}

/// Has each step taken by its cache. All of them see the same time and the same origin, and hear of each other's purges.
fn play(
    turns: &[Turn],
    caches: &[Harness],
    world: &Mutex<World>,
    mood: impl Fn(Mood),
) -> Result<(), TestCaseError> {
    let mut following: Vec<_> = caches
        .iter()
        .map(|harness| Box::pin(harness.cache.follow_shared_level().fuse()))
        .collect();
    for (cache, step) in turns {
        world.lock().step += 1;
        match step {
            Step::Pass { seconds } => caches.iter().for_each(|harness| harness.pass(*seconds)),
            Step::Level { mood: wanted } => mood(*wanted),
            _ => {}
        }
        take(&caches[cache % caches.len()], world, step)?;
        for following in &mut following {
            let _ = following.as_mut().now_or_never();
        }
    }
    Ok(())
}

/// An origin that is as the world is.
fn origin(
    world: &Arc<Mutex<World>>,
) -> impl Fn(&Parts) -> Result<Response<Pieces>, Failed> + Send + Sync + 'static {
    let world = Arc::clone(world);
    move |head| world.lock().answer(head)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_served_that_the_model_forbids(turns in turns_of_caches()) {
        let world = Arc::default();
        let alone = Harness::new().answered_by(origin(&world));
        play(&turns, &[alone], &world, |_| {})?;
    }

    #[test]
    fn two_caches_that_share_a_level_serve_nothing_that_the_model_forbids(turns in turns_of_caches()) {
        let (world, level) = (Arc::default(), MemoryLevel::default());
        let caches = [(); 2].map(|()| Harness::over(&level).answered_by(origin(&world)));
        play(&turns, &caches, &world, |_| {})?;
    }

    #[test]
    fn a_level_that_fails_and_hangs_brings_nothing_that_the_model_forbids(turns in turns_of_caches()) {
        let (world, level) = (Arc::default(), MemoryLevel::default());
        let cache = Harness::over(&level).answered_by(origin(&world));
        play(&turns, &[cache], &world, |mood| level.is_in(mood))?;
    }
}
