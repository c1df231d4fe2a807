//! What clients see of failures.

use super::{Blame, Failure, Retry};

fn all() -> Vec<Failure> {
    vec![
        Failure::NoRoute,
        Failure::MethodNotAllowed,
        Failure::BadRequest {
            detail: "two Host fields",
        },
        Failure::Misdirected,
        Failure::CodingNotImplemented,
        Failure::BodyTooLarge { limit_bytes: 10 },
        Failure::HeadersTooLarge,
        Failure::UriTooLong,
        Failure::RequestTimeout,
        Failure::ClientDisconnected,
        Failure::ResponseTimeout,
        Failure::GuestTrapped,
        Failure::GuestFailed {
            code: "internal-error".into(),
        },
        Failure::NoResponse,
        Failure::StorageUnavailable,
        Failure::StorageFailed,
        Failure::DeadlineExceeded,
        Failure::CpuExceeded,
        Failure::MemoryExceeded,
        Failure::OutOfMemory,
        Failure::Overloaded,
        Failure::QueueFull,
        Failure::ConcurrencyTimeout,
        Failure::ConnectionLimit,
        Failure::InstantiationFailed,
        Failure::OriginUnresolved,
        Failure::OriginRefused,
        Failure::OriginConnectTimeout,
        Failure::OriginUnreachable,
        Failure::OriginCertificate,
        Failure::OriginTls,
        Failure::OriginTerminated,
        Failure::OriginTimeout,
        Failure::OriginIncomplete,
        Failure::OriginMalformed,
        Failure::OriginBusy,
        Failure::LoopDetected,
        Failure::ResponseBroken,
        Failure::Internal,
    ]
}

#[test]
fn every_failure_has_its_own_name() {
    let mut names: Vec<_> = all().iter().map(Failure::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all().len());
}

#[test]
fn every_response_is_problem_details_with_the_request_id() {
    for failure in all() {
        let response = failure.response("the-id");
        let details: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(details["status"], response.status().as_u16());
        assert_eq!(
            details["type"],
            format!("urn:terrace:problem:{}", failure.name())
        );
        assert_eq!(details["request_id"], "the-id");
    }
}

#[test]
fn retry_after_is_sent_exactly_when_a_retry_may_help() {
    for failure in all() {
        let says_when = failure.response("").headers().contains_key("retry-after");
        assert_eq!(
            says_when,
            failure.problem().retry != Retry::Never,
            "{failure}"
        );
    }
}

#[test]
fn client_faults_are_4xx_and_all_others_5xx() {
    for failure in all() {
        let problem = failure.problem();
        assert_eq!(
            problem.status.is_client_error() || failure == Failure::CodingNotImplemented,
            problem.blame == Blame::Client,
            "{failure}; RFC 9112 §6.1 wants 501 of a coding"
        );
    }
}

#[test]
fn the_guests_error_code_stays_inside() {
    let response = Failure::GuestFailed {
        code: "internal-error".into(),
    }
    .response("");
    assert!(!String::from_utf8_lossy(response.body()).contains("internal-error"));
}
