//! The store against a map that does the same in the plainest way.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, proptest};

use super::{
    CacheGroup, CacheKey, Purge, PurgeMode, Put, Store, has, in_language, key, key_at, response,
    store,
};
use crate::StoredResponse;
use crate::store::Generation;

const GROUPS: [&str; 3] = ["a", "b", "c"];
const LANGUAGES: [&str; 3] = ["de", "en", "fr"];

/// What happens, with keys and groups by number.
#[derive(Clone, Debug)]
enum Step {
    Get(usize),
    Put {
        key: usize,
        language: usize,
        groups: usize,
        late: usize,
    },
    Remove(usize),
    Purge(usize, usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..8).prop_map(Step::Get),
        4 => (0_usize..8, 0_usize..3, 0_usize..8, 0_usize..4)
            .prop_map(|(key, language, groups, late)| Step::Put { key, language, groups, late }),
        1 => (0_usize..8).prop_map(Step::Remove),
        2 => (0_usize..6, 0_usize..8, any::<bool>())
            .prop_map(|(kind, which, soft)| Step::Purge(kind, which, soft)),
    ]
}

fn numbered(number: usize) -> CacheKey {
    let origin = ["http://a.example", "http://b.example"][number % 2];
    key_at(origin, ["/", "/x", "/x/y", "/z"][number / 2])
}

fn groups(bits: usize) -> Vec<&'static str> {
    let groups = GROUPS.iter().enumerate();
    let chosen = groups.filter(|(bit, _)| bits >> bit & 1 == 1);
    chosen.map(|(_, group)| *group).collect()
}

fn purge(kind: usize, which: usize) -> Purge {
    let group = CacheGroup::new(GROUPS[which % 3]);
    let origin = numbered(which).origin().into();
    match kind {
        0 => Purge::Url(numbered(which)),
        1 => Purge::Prefix(numbered(which).as_str().into()),
        2 => Purge::Group {
            origin: None,
            group,
        },
        3 => Purge::Group {
            origin: Some(origin),
            group,
        },
        4 => Purge::Prefix(origin),
        5 => Purge::path_of(&numbered(which)),
        _ => Purge::All,
    }
}

/// What is stored, if there is room for everything.
#[derive(Default)]
struct Model {
    stored: HashMap<CacheKey, Vec<Arc<StoredResponse>>>,
    purges: Vec<Purge>,
}

impl Model {
    fn put(&mut self, key: &CacheKey, response: &Arc<StoredResponse>, since: usize) -> Put {
        let later = &self.purges[since..];
        if later.iter().any(|purge| means(purge, key, response)) {
            return Put::Invalidated;
        }
        let variants = self.stored.entry(key.clone()).or_default();
        variants.retain(|stored| stored.vary != response.vary);
        variants.push(Arc::clone(response));
        Put::Stored
    }

    fn purge(&mut self, what: &Purge, mode: PurgeMode) -> u64 {
        let mut count = 0;
        for (key, variants) in &mut self.stored {
            let meant = variants.iter().filter(|stored| means(what, key, stored));
            count += meant.count() as u64;
            if mode == PurgeMode::Hard {
                variants.retain(|stored| !means(what, key, stored));
            }
        }
        self.purges.push(what.clone());
        count
    }
}

fn means(purge: &Purge, key: &CacheKey, response: &StoredResponse) -> bool {
    match purge {
        Purge::Url(url) => url == key,
        Purge::Path(path) => key.path_and_query() == &**path,
        Purge::Prefix(prefix) => key.as_str().starts_with(&**prefix),
        Purge::Group { origin, group } => {
            let of_origin = origin
                .as_ref()
                .is_none_or(|origin| key.origin() == &**origin);
            of_origin && response.groups.contains(group)
        }
        Purge::All => true,
    }
}

/// Does the same to both and compares.
fn apply(store: &Store, model: &mut Model, generations: &mut Vec<Generation>, step: &Step) {
    match step {
        Step::Get(number) => {
            let key = numbered(*number);
            let modelled = model.stored.get(&key).map_or(0, Vec::len);
            assert_eq!(store.get(&key).map_or(0, |found| found.len()), modelled);
        }
        Step::Put {
            key,
            language,
            groups: bits,
            late,
        } => {
            let key = numbered(*key);
            let response = in_language(LANGUAGES[*language], &groups(*bits));
            let since = generations.len().saturating_sub(1 + late);
            let put = store.put(&key, &response, generations[since]);
            assert_eq!(put, model.put(&key, &response, since));
        }
        Step::Remove(number) => {
            let key = numbered(*number);
            let removed = model.stored.get_mut(&key).and_then(Vec::pop);
            if let Some(removed) = removed {
                assert!(store.remove(&key, &removed));
            }
        }
        Step::Purge(kind, which, soft) => {
            let mode = if *soft {
                PurgeMode::Soft
            } else {
                PurgeMode::Hard
            };
            let what = purge(*kind, *which);
            assert_eq!(store.purge(&what, mode), model.purge(&what, mode));
            generations.push(store.generation());
        }
    }
}

proptest! {
    #[test]
    fn store_with_room_for_everything_has_what_the_model_has(
        steps in collection::vec(step(), 1..60)
    ) {
        let store = store(1 << 20);
        let mut model = Model::default();
        let mut generations = vec![store.generation()];
        for step in &steps {
            apply(&store, &mut model, &mut generations, step);
        }
        for (key, variants) in &model.stored {
            assert!(variants.iter().all(|stored| has(&store, key, stored)));
        }
        let entries = model.stored.values().filter(|variants| !variants.is_empty());
        assert_eq!(store.statistics().entries, entries.count() as u64);
        store.purge(&Purge::All, PurgeMode::Hard);
        assert_eq!(store.statistics().stored_bytes, 0);
    }

    #[test]
    fn bytes_never_exceed_the_capacity_and_the_index_has_what_the_lists_have(
        steps in collection::vec(
            (0_usize..200, prop_oneof![Just(0_usize), 0_usize..3000], any::<bool>()), 1..400
        )
    ) {
        let capacity = 64 * 1024;
        let store = store(capacity);
        for (number, content, is_read) in &steps {
            let key = key(&format!("/{number}"));
            if *is_read {
                let _ = store.get(&key);
            } else {
                let _ = store.put(&key, &response(*content, &["g"]), store.generation());
            }
            assert!(store.statistics().stored_bytes <= capacity);
        }
        let entries = store.statistics().entries;
        let group = CacheGroup::new("g");
        let what = Purge::Group { origin: None, group };
        assert_eq!(store.purge(&what, PurgeMode::Soft), entries);
        assert_eq!(store.purge(&Purge::Prefix("".into()), PurgeMode::Hard), entries);
        assert_eq!(store.statistics().stored_bytes, 0);
    }
}
