//! Reads the server's answers. One that its command does not have is a failure.

use redis::Value;

use super::codec::Kept;
use crate::failure::EngineFailure;

/// The entries of a hash. Those that somebody else wrote are none.
pub(super) fn entries(hash: Value) -> Result<Vec<(Vec<u8>, Kept)>, EngineFailure> {
    let mut fields = array(hash)?.into_iter();
    let mut entries = Vec::new();
    while let (Some(Value::BulkString(variant)), Some(Value::BulkString(value))) =
        (fields.next(), fields.next())
    {
        entries.extend(Kept::decode(&value).map(|kept| (variant, kept)));
    }
    Ok(entries)
}

pub(super) fn array(value: Value) -> Result<Vec<Value>, EngineFailure> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(foreign()),
    }
}

pub(super) fn integer(value: Option<Value>) -> Result<u64, EngineFailure> {
    let number = match value {
        Some(Value::Int(number)) => u64::try_from(number).ok(),
        Some(Value::BulkString(text)) => String::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok()),
        _ => None,
    };
    number.ok_or_else(foreign)
}

/// An answer that the command does not have.
pub(super) fn foreign() -> EngineFailure {
    EngineFailure::Other {
        message: "the server's answer is not one of Redis".to_owned(),
    }
}
