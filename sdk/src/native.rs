//! The native target: the host in memory that [`testing::Host`](crate::testing::Host) installs for a test.

mod kv;
mod sql;

pub(crate) use kv::Store;
pub(crate) use sql::Connection;

pub(crate) use crate::sql::transaction::{batch, migrate};

use crate::outbound::{self, target};
use crate::testing::installed;
use crate::{Request, Response, queue, variables};

pub(crate) async fn variable(name: &str) -> Result<String, variables::Error> {
    installed()
        .variables
        .borrow()
        .get(name)
        .cloned()
        .ok_or_else(|| variables::Error::Undefined(name.to_owned()))
}

pub(crate) fn write_log(line: &str) {
    installed()
        .logs
        .borrow_mut()
        .push(line.trim_end().to_owned());
}

pub(crate) async fn send(request: Request) -> Result<Response, outbound::Error> {
    let target = target(&request);
    let answer = installed()
        .outbound
        .borrow()
        .get(&target)
        .cloned()
        .ok_or(outbound::Error::Denied(target))?;
    Ok(answer(request))
}

pub(crate) async fn enqueue(queue: &str, event: queue::Event) -> Result<(), queue::Error> {
    installed().send(queue.to_owned(), event);
    Ok(())
}
