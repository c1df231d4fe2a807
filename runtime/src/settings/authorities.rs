//! Reads the settings that name a file of authorities.

use std::path::Path;

use crate::certificates::Authorities;
use crate::document::Value;
use crate::fault::Reason;

/// The authorities of the file that a setting names.
pub(super) fn authorities(value: &Value<'_>, folder: &Path) -> Option<Authorities> {
    let read = Authorities::read(&folder.join(value.string()?));
    let help = "name a file with the authority's certificate in PEM";
    read.map_err(|error| value.report(Reason::new(error.to_string()).help(help)))
        .ok()
}
