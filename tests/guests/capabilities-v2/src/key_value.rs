//! Key-value stores through `wasi:keyvalue`: the calls of the other interfaces at `/wasi/kv/…`, and those that only this one has.

use guest_support::capability::{self, Atomic, Capability, KeyValue, Refusal};
use guest_support::{Answer, Call};

use crate::bindings::atomics::{self, Cas, CasError};
use crate::bindings::batch;
use crate::bindings::bucket::{self, Bucket, Error};

/// How many keys a call for many has.
const MANY: usize = 50;

/// The answer to a request for this interface; `None` for one of another.
pub(crate) fn answer(call: &Call, content: &[u8]) -> Option<Result<Answer, Refusal>> {
    let segments = call.segments();
    if let Some((atomic, label, key)) = Atomic::of(&segments) {
        let outcome = bucket::open(label).and_then(|bucket| match atomic {
            Atomic::Increment => increment(&bucket, key, content),
            Atomic::Swap => swap(&bucket, key),
            Atomic::Lose => lose(&bucket, key, content),
            Atomic::Many => many(&bucket, key),
            Atomic::Hold => hold(&bucket, key),
        });
        return Some(outcome.map_err(refusal));
    }
    let path = call.path.strip_prefix("/wasi")?;
    let same = Call::new(&call.method, path, Vec::new());
    let Some(Capability::KeyValue { label, operation }) = Capability::of(&same) else {
        return None;
    };
    let outcome = bucket::open(&label).and_then(|bucket| key_value(&bucket, &operation, content));
    Some(outcome.map_err(refusal))
}

fn key_value(bucket: &Bucket, operation: &KeyValue, content: &[u8]) -> Result<Answer, Error> {
    match operation {
        KeyValue::Keys => {
            let found = bucket.list_keys(None)?;
            assert_eq!(found.cursor, None, "all keys come at once");
            Ok(capability::keys(found.keys))
        }
        KeyValue::Get(key) => Ok(capability::value(bucket.get(key)?)),
        KeyValue::Set(key) => bucket.set(key, content).map(|()| Answer::text(200, "set")),
        KeyValue::Delete(key) => bucket.delete(key).map(|()| Answer::text(200, "deleted")),
        KeyValue::Exists(key) => Ok(Answer::text(200, bucket.exists(key)?.to_string())),
    }
}

fn increment(bucket: &Bucket, key: &str, content: &[u8]) -> Result<Answer, Error> {
    let delta = number(Some(content.to_vec()));
    let sum = atomics::increment(bucket, key, delta)?;
    Ok(Answer::text(200, sum.to_string()))
}

/// Increments as a guest does that has only swaps.
fn swap(bucket: &Bucket, key: &str) -> Result<Answer, Error> {
    let mut cas = Cas::new(bucket, key)?;
    loop {
        let sum = number(cas.current()?) + 1;
        match atomics::swap(cas, sum.to_string().as_bytes()) {
            Ok(()) => return Ok(Answer::text(200, sum.to_string())),
            Err(CasError::CasFailed(fresh)) => cas = fresh,
            Err(CasError::StoreError(error)) => return Err(error),
        }
    }
}

fn lose(bucket: &Bucket, key: &str, content: &[u8]) -> Result<Answer, Error> {
    let cas = Cas::new(bucket, key)?;
    bucket.set(key, content)?;
    let fresh = match atomics::swap(cas, b"lost") {
        Ok(()) => return Ok(Answer::text(200, "the swap of an old value succeeded")),
        Err(CasError::StoreError(error)) => return Err(error),
        Err(CasError::CasFailed(fresh)) => fresh,
    };
    let found = fresh.current()?;
    match atomics::swap(fresh, b"won") {
        Ok(()) => Ok(capability::value(found)),
        Err(CasError::StoreError(error)) => Err(error),
        Err(CasError::CasFailed(_)) => Ok(Answer::text(200, "nobody changed it in between")),
    }
}

/// The keys that were found after all were set, and after all but one were deleted.
fn many(bucket: &Bucket, prefix: &str) -> Result<Answer, Error> {
    let keys: Vec<String> = (0..MANY)
        .map(|number| format!("{prefix}{number}"))
        .collect();
    let values: Vec<_> = keys
        .iter()
        .map(|key| (key.clone(), key.clone().into_bytes()))
        .collect();
    batch::set_many(bucket, &values)?;
    let right = |found: &[(String, Option<Vec<u8>>)]| {
        let right = found.iter().zip(&keys).filter(|((name, value), key)| {
            name == *key && value.as_deref() == Some(key.as_bytes())
        });
        right.count()
    };
    let set = right(&batch::get_many(bucket, &keys)?);
    batch::delete_many(bucket, &keys[1..])?;
    let left = right(&batch::get_many(bucket, &keys)?);
    Ok(Answer::text(200, format!("{set} {left}")))
}

/// How many handles there were until no more was given, and whether one more is given after another was dropped.
fn hold(bucket: &Bucket, key: &str) -> Result<Answer, Error> {
    let mut held = Vec::new();
    while held.len() < MANY {
        match Cas::new(bucket, key) {
            Ok(handle) => held.push(handle),
            Err(Error::Other(words)) => {
                let most = held.len();
                held.pop();
                let makes_room = Cas::new(bucket, key).is_ok();
                return Ok(Answer::text(200, format!("{most} {makes_room} {words}")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Answer::text(200, format!("{MANY} or more")))
}

/// A number in decimal digits; zero for no value.
fn number(value: Option<Vec<u8>>) -> i64 {
    let text = String::from_utf8(value.unwrap_or_default()).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::NoSuchStore => Refusal::Unknown("no such store".to_owned()),
        Error::AccessDenied => Refusal::AccessDenied,
        Error::Other(words) => Refusal::Other(words),
    }
}
