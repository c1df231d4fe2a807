//! Feeds arbitrary bytes to the property `keys` of the rules.
#![no_main]

use edge_cache::rules::properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| properties::keys(data));
