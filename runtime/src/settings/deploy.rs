//! `[deploy]`: which apps this node takes.

use crate::bundle::PublicKey;
use crate::document::Table;
use crate::fault::Reason;

/// The keys of which one must have signed a bundle; absent if any app is taken.
pub(super) fn trusted_keys(root: &Table<'_>) -> Option<Vec<PublicKey>> {
    let table = root.table("deploy", "[deploy]")?;
    let list = table.get("trusted_keys");
    table.finish();
    let list = list?;
    let keys = list.strings().into_iter();
    let keys: Vec<_> = keys
        .filter_map(|(place, _)| place.parsed(PublicKey::parse))
        .collect();
    if keys.is_empty() && list.list().is_some_and(|keys| keys.is_empty()) {
        let reason = Reason::new("`trusted_keys` names no key, so no app would be taken");
        list.report(reason.help("name a key, or remove `trusted_keys` to take any app"));
    }
    Some(keys)
}
