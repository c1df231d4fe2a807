//! Orders with a partner who does what each test says.

use std::cell::RefCell;
use std::rc::Rc;

use terrace_sdk::sql::Connection;
use terrace_sdk::testing::Host;
use terrace_sdk::{Body, Request, Response};

const PARTNER: &str = "http://partner:9000";

/// A host with the tables, and what the partner was asked.
struct Shop {
    host: Host,
    asked: Rc<RefCell<Vec<String>>>,
}

impl Shop {
    /// The partner answers with these statuses, by the path, and with 200 if none is left.
    fn new(answers: &[(&'static str, u16)]) -> Self {
        let asked = Rc::<RefCell<Vec<String>>>::default();
        let (noted, answers) = (Rc::clone(&asked), RefCell::new(answers.to_vec()));
        let host = Host::new()
            .variable("partner", PARTNER)
            .outbound(PARTNER, move |request| {
                let path = request.uri().path().to_owned();
                let mut answers = answers.borrow_mut();
                let planned = answers.iter().position(|(of, _)| *of == path);
                let status = planned.map_or(200, |planned| answers.remove(planned).1);
                noted.borrow_mut().push(format!("{path} {status}"));
                let response = Response::builder().status(status);
                response.body(Body::empty()).unwrap()
            });
        host.run(async {
            let database = Connection::open("default").await.unwrap();
            let tables = [include_str!("../migrations/0001_orders.sql")];
            database.migrate(&tables).await.unwrap();
        });
        Self { host, asked }
    }

    fn call(&self, method: &str, path: &str, content: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(content.to_owned())).unwrap();
        let answer = self.host.call(crate::handle, request);
        (answer.status.as_u16(), answer.text())
    }

    fn place(&self, id: &str, item: &str, quantity: u32) {
        let order = format!(r#"{{"id":{id:?},"item":{item:?},"quantity":{quantity}}}"#);
        assert_eq!(self.call("POST", "/orders", &order).0, 202);
    }

    /// Delivers messages, those that failed again, until none is left.
    fn settle(&self) {
        for _ in 0..100 {
            if self.host.deliver("orders", crate::handle).is_empty() {
                return;
            }
        }
        panic!("messages come again and again");
    }

    fn status(&self, id: &str) -> String {
        self.call("GET", &format!("/orders/{id}"), "").1
    }

    fn overview(&self) -> String {
        self.call("GET", "/orders", "").1
    }

    fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }
}

#[test]
fn an_order_is_reserved_charged_and_shipped() {
    let shop = Shop::new(&[]);
    shop.place("1", "lamp", 2);
    assert_eq!(shop.status("1"), "placed");
    shop.settle();
    assert_eq!(shop.status("1"), "shipped");
    assert_eq!(shop.asked(), ["/charges 200", "/shipments 200"]);
    assert_eq!(
        shop.overview(),
        r#"{"orders":{"shipped":1},"left":{"lamp":998,"mirror":1}}"#
    );
}

#[test]
fn a_partner_who_fails_is_asked_again() {
    let shop = Shop::new(&[("/charges", 500), ("/charges", 429), ("/shipments", 503)]);
    shop.place("1", "lamp", 1);
    shop.settle();
    assert_eq!(shop.status("1"), "shipped");
    assert_eq!(shop.asked().len(), 5);
}

#[test]
fn what_is_not_charged_is_released() {
    let shop = Shop::new(&[("/charges", 402), ("/refunds", 500)]);
    shop.place("1", "mirror", 1);
    shop.settle();
    assert_eq!(shop.status("1"), "cancelled");
    assert_eq!(
        shop.asked(),
        ["/charges 402", "/refunds 500", "/refunds 200"]
    );
    assert!(
        shop.overview().contains(r#""mirror":1"#),
        "{}",
        shop.overview()
    );
}

#[test]
fn what_is_not_shipped_is_refunded_and_released() {
    let shop = Shop::new(&[("/shipments", 409)]);
    shop.place("1", "mirror", 1);
    shop.settle();
    assert_eq!(shop.status("1"), "cancelled");
    assert_eq!(
        shop.asked(),
        ["/charges 200", "/shipments 409", "/refunds 200"]
    );
    assert!(
        shop.overview().contains(r#""mirror":1"#),
        "{}",
        shop.overview()
    );
}

#[test]
fn what_is_out_is_refused_before_anybody_is_asked() {
    let shop = Shop::new(&[]);
    shop.place("1", "mirror", 1);
    shop.place("2", "mirror", 1);
    shop.place("3", "unknown", 1);
    shop.settle();
    assert_eq!(
        (&*shop.status("1"), &*shop.status("2"), &*shop.status("3")),
        ("shipped", "refused", "refused")
    );
    assert_eq!(shop.asked().len(), 2);
}

#[test]
fn steps_that_come_twice_are_done_once() {
    let shop = Shop::new(&[]);
    shop.place("1", "lamp", 1);
    shop.place("1", "lamp", 1);
    shop.settle();
    for (queue, event) in shop.host.events() {
        shop.host
            .run(terrace_sdk::queue::send(&queue, event))
            .unwrap();
    }
    shop.settle();
    assert_eq!(shop.asked(), ["/charges 200", "/shipments 200"]);
    assert!(
        shop.overview().contains(r#""lamp":999"#),
        "{}",
        shop.overview()
    );
}

#[test]
fn what_is_no_order_is_refused() {
    let shop = Shop::new(&[]);
    for content in [
        "",
        "{}",
        r#"{"id":"","item":"lamp","quantity":1}"#,
        r#"{"id":"1","item":"lamp","quantity":0}"#,
    ] {
        assert_eq!(shop.call("POST", "/orders", content).0, 400, "{content}");
    }
    assert_eq!(shop.call("GET", "/orders/1", "").0, 404);
}
