//! `rate` of `[limits]` and what is found wrong with it.

use super::{check, config};

#[test]
fn one_rate_is_that_of_all_requests_of_a_client() {
    let one = config("[limits]\nrate = '10/s'").rates;
    assert_eq!(one, config("[limits.rate]\nclient = '10/s'").rates);
    assert!(!one.is_empty() && config("").rates.is_empty());
}

#[test]
fn what_is_no_rate_is_refused() {
    check("[limits]\nrate = 10", "is not a rate");
    check("[limits]\nrate = '10'", "is not a rate");
    check("[limits.rate]\nclients = '10/s'", "did you mean `client`?");
    check("[limits.rate.routes]\n'/a' = '10/d'", "is not a rate");
    check("[limits.rate.routes]\n'/a/:b c' = '1/s'", "`:b c`");
    check(
        "[limits.rate.components]\napi = '0/s'",
        "outside of what rate limits count",
    );
}
