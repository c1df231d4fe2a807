//! The queries that no index mends, written better. Those that an index mends stay as they are.

use terrace_sdk::sql::{Connection, Error, Statement, Value};
use terrace_sdk::values;

/// Keeps the sum where the visits are noted.
pub(crate) async fn minutes(shop: &Connection) -> Result<usize, Error> {
    let visits =
        "INSERT INTO visits (page, seconds) SELECT page, seconds FROM visits WHERE id <= 100";
    let total = "UPDATE visit_totals SET seconds = seconds + \
                 (SELECT sum(seconds) FROM visits WHERE id <= 100) WHERE id = 1";
    shop.batch(&[Statement::new(visits), Statement::new(total)])
        .await?;
    let sum = "SELECT seconds FROM visit_totals WHERE id = 1";
    Ok(shop.execute(sum, values![]).await?.len())
}

/// The names of forty buyers, with one query.
pub(crate) async fn buyers(shop: &Connection) -> Result<usize, Error> {
    let newest = "SELECT customer_id FROM orders ORDER BY id DESC LIMIT 40";
    let mut customers: Vec<Value> = Vec::new();
    for order in shop.execute(newest, values![]).await?.iter() {
        customers.push(order.get::<i64>(0)?.into());
    }
    let places = vec!["?"; customers.len()].join(", ");
    let names = format!("SELECT id, name FROM customers WHERE id IN ({places})");
    Ok(shop.execute(&names, customers).await?.len())
}

/// Stores forty changes with one statement.
pub(crate) async fn stock(shop: &Connection, product: i64) -> Result<usize, Error> {
    let rows = vec!["(?, ?, ?)"; 40].join(", ");
    let insert = format!("INSERT INTO stock_changes (product_id, amount, reason) VALUES {rows}");
    let changes = (0..40).flat_map(|amount| values![product, amount, "delivery"]);
    shop.execute(&insert, changes.collect::<Vec<_>>()).await?;
    Ok(40)
}

/// A page of the products, after the last one of the page before.
pub(crate) async fn catalogue(shop: &Connection, last: i64) -> Result<usize, Error> {
    let query = "SELECT id, name, price FROM products WHERE id > ? ORDER BY id LIMIT 100";
    Ok(shop.execute(query, values![last]).await?.len())
}

/// How many manuals a product has, as the database counts them.
pub(crate) async fn manuals(shop: &Connection, product: i64) -> Result<usize, Error> {
    let query = "SELECT count(*) FROM manuals WHERE product_id = ?";
    let count = shop.execute(query, values![product % 10]).await?;
    let first = count.iter().next();
    let count: i64 = first.map_or(Ok(0), |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Asks the bank before the transaction.
pub(crate) async fn pay(shop: &Connection, account: i64) -> Result<usize, Error> {
    super::bank();
    let update = "UPDATE accounts SET balance = balance - 1 WHERE id = ?";
    shop.batch(&[Statement::new(update).bind(account)]).await?;
    Ok(1)
}
