//! A shop with thirteen slow queries, which `terrace sql advise` finds. Each path has one of them, and with `?mended=1` the
//! version that is written better. `README.md` has the list.

mod written;

use std::fmt::Display;
use std::time::{Duration, Instant};

use terrace_sdk::http::StatusCode;
use terrace_sdk::sql::{Connection, Error};
use terrace_sdk::values;
use terrace_sdk::{Body, Request, Response};

/// How long the bank takes to answer.
const BANK: Duration = Duration::from_millis(150);

/// Runs the query of the path, and answers with what it found.
pub async fn handle(request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let is_mended = query.split('&').any(|field| field == "mended=1");
    let mut fields = form_urlencoded::parse(query.as_bytes());
    let number = fields.find(|(name, _)| name == "n");
    let number = number
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(1);
    match answer(request.uri().path(), number, is_mended).await {
        Ok(Some(found)) => Response::new(Body::from(format!("{found}\n"))),
        Ok(None) => plain(StatusCode::NOT_FOUND, &"see README.md for the paths"),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

fn plain(status: StatusCode, text: &impl Display) -> Response {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    response
}

/// How much was found or changed; nothing if there is no such path.
async fn answer(path: &str, number: i64, is_mended: bool) -> Result<Option<usize>, Error> {
    let shop = Connection::open("default").await?;
    let rows = match (path, is_mended) {
        ("/orders", _) => orders(&shop, number).await,
        ("/neighbours", _) => neighbours(&shop, number).await,
        ("/login", _) => login(&shop, number).await,
        ("/reviewed", _) => reviewed(&shop, number).await,
        ("/empty", _) => empty(&shop, number).await,
        ("/review", _) => review(&shop, number).await,
        ("/minutes", false) => minutes(&shop).await,
        ("/minutes", true) => written::minutes(&shop).await,
        ("/buyers", false) => buyers(&shop).await,
        ("/buyers", true) => written::buyers(&shop).await,
        ("/stock", false) => stock(&shop, number).await,
        ("/stock", true) => written::stock(&shop, number).await,
        ("/catalogue", false) => catalogue(&shop).await,
        ("/catalogue", true) => written::catalogue(&shop, number).await,
        ("/manuals", false) => manuals(&shop, number).await,
        ("/manuals", true) => written::manuals(&shop, number).await,
        ("/pay", false) => pay(&shop, number).await,
        ("/pay", true) => written::pay(&shop, number).await,
        _ => return Ok(None),
    };
    rows.map(Some)
}

/// The orders of a customer. No index has the customer.
async fn orders(shop: &Connection, customer: i64) -> Result<usize, Error> {
    let query = "SELECT id, total FROM orders WHERE customer_id = ?";
    Ok(shop.execute(query, values![customer]).await?.len())
}

/// The newest customers of a city. No index has the city and the time.
async fn neighbours(shop: &Connection, city: i64) -> Result<usize, Error> {
    let query = "SELECT id, name FROM customers WHERE city = ? ORDER BY joined_at DESC LIMIT 10";
    let city = format!("City {}", city % 20);
    Ok(shop.execute(query, values![city]).await?.len())
}

/// The customer with an address. An index on the address would not have it in small letters.
async fn login(shop: &Connection, customer: i64) -> Result<usize, Error> {
    let query = "SELECT id, name FROM customers WHERE lower(email) = ?";
    let email = format!("customer{customer}@example.com");
    Ok(shop.execute(query, values![email]).await?.len())
}

/// How often some products were reviewed. The join has no index on the side of the reviews.
async fn reviewed(shop: &Connection, product: i64) -> Result<usize, Error> {
    let query = "SELECT p.id, count(r.id) FROM products AS p LEFT JOIN reviews AS r ON r.product_id = p.id \
                 WHERE p.id BETWEEN ? AND ? GROUP BY p.id";
    let last = product + 4;
    Ok(shop.execute(query, values![product, last]).await?.len())
}

/// Throws a basket away. The database looks for its items, which have no index on their basket.
async fn empty(shop: &Connection, basket: i64) -> Result<usize, Error> {
    let delete = "DELETE FROM baskets WHERE id = ?";
    shop.execute(delete, values![basket]).await?;
    Ok(1)
}

/// Stores a review, and with it five entries of indexes of which one would do.
async fn review(shop: &Connection, product: i64) -> Result<usize, Error> {
    let insert = "INSERT INTO reviews (product_id, stars, made_at, body) VALUES (?, ?, ?, ?)";
    shop.execute(insert, values![product, product % 5, product, "Fine"])
        .await?;
    let query = "SELECT id FROM reviews WHERE stars = ? ORDER BY made_at DESC LIMIT 10";
    Ok(shop.execute(query, values![product % 5]).await?.len())
}

/// Notes some visits, and adds up the time of all there ever were.
async fn minutes(shop: &Connection) -> Result<usize, Error> {
    let visits =
        "INSERT INTO visits (page, seconds) SELECT page, seconds FROM visits WHERE id <= 100";
    shop.execute(visits, values![]).await?;
    let sum = shop
        .execute("SELECT sum(seconds) FROM visits", values![])
        .await?;
    Ok(sum.len())
}

/// The names of forty buyers, each by a query of its own.
async fn buyers(shop: &Connection) -> Result<usize, Error> {
    let newest = "SELECT customer_id FROM orders ORDER BY id DESC LIMIT 40";
    let mut names = 0;
    for order in shop.execute(newest, values![]).await?.iter() {
        let customer: i64 = order.get(0)?;
        let name = "SELECT name FROM customers WHERE id = ?";
        names += shop.execute(name, values![customer]).await?.len();
    }
    Ok(names)
}

/// Stores forty changes, each with a commit of its own.
async fn stock(shop: &Connection, product: i64) -> Result<usize, Error> {
    for amount in 0..40 {
        let insert = "INSERT INTO stock_changes (product_id, amount, reason) VALUES (?, ?, ?)";
        shop.execute(insert, values![product, amount, "delivery"])
            .await?;
    }
    Ok(40)
}

/// All products at once.
async fn catalogue(shop: &Connection) -> Result<usize, Error> {
    let query = "SELECT id, name, price FROM products ORDER BY id";
    Ok(shop.execute(query, values![]).await?.len())
}

/// How many manuals a product has, found by reading all of them.
async fn manuals(shop: &Connection, product: i64) -> Result<usize, Error> {
    let query = "SELECT id, body FROM manuals WHERE product_id = ?";
    Ok(shop.execute(query, values![product % 10]).await?.len())
}

/// Waits for the bank while the transaction holds up all other writes.
async fn pay(shop: &Connection, account: i64) -> Result<usize, Error> {
    shop.execute("BEGIN", values![]).await?;
    let update = "UPDATE accounts SET balance = balance - 1 WHERE id = ?";
    shop.execute(update, values![account]).await?;
    bank();
    shop.execute("COMMIT", values![]).await?;
    Ok(1)
}

/// A call to a bank, in place of one over the network.
fn bank() {
    let asked = Instant::now();
    while asked.elapsed() < BANK {
        std::hint::spin_loop();
    }
}

terrace_sdk::export!(handle);

#[cfg(test)]
mod tests {
    use terrace_sdk::testing::Host;

    use super::*;

    const MIGRATIONS: [&str; 2] = [
        include_str!("../migrations/0001_slowshop.sql"),
        include_str!("../migrations/0002_rows.sql"),
    ];

    #[test]
    fn each_path_finds_something_in_both_versions() {
        let host = Host::new();
        let migrated = host.run(async {
            let shop = Connection::open("default").await?;
            shop.migrate(&MIGRATIONS).await
        });
        migrated.unwrap();
        for path in [
            "/orders",
            "/neighbours",
            "/login",
            "/reviewed",
            "/empty",
            "/review",
            "/minutes",
            "/buyers",
            "/stock",
            "/catalogue",
            "/manuals",
            "/pay",
        ] {
            for query in ["n=7", "n=7&mended=1"] {
                let mut request = Request::new(Body::empty());
                *request.uri_mut() = format!("{path}?{query}").parse().unwrap();
                let answer = host.call(handle, request);
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                assert_ne!(answer.text(), "0\n", "{path}");
            }
        }
    }
}
