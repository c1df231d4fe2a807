//! Plans as Postgres 15 prints them, and what is judged of them.

use super::super::sizes::Size;
use super::*;

/// The steps of a plan. Postgres indents a step by six columns, and what it says of one by two more.
fn steps(lines: &[&str]) -> Vec<PlanStep> {
    let step = |line: &&str| {
        let text = line.trim_start();
        PlanStep {
            depth: (line.len() - text.len()).div_ceil(6),
            text: text.trim_start_matches("->").trim_start().to_owned(),
        }
    };
    lines.iter().map(step).collect()
}

fn candidate(table: &str, parts: &[&str]) -> Candidate {
    Candidate {
        table: table.to_owned(),
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
    }
}

#[track_caller]
fn check(lines: &[&str], all: &[Candidate], rows: u64, expected: Option<(usize, u64)>) {
    let plan = steps(lines);
    let size = Size {
        rows,
        ..Size::default()
    };
    let tables = all.iter().map(|candidate| candidate.table.clone());
    let sizes: Sizes = tables.map(|table| (table, size)).collect();
    let found = index(all, &plan, &sizes, cost(&plan).unwrap());
    assert_eq!(found, expected.map(|(at, cost)| (all[at].clone(), cost)));
}

#[test]
fn a_scan_that_keeps_few_rows_is_judged() {
    let plan = [
        "Seq Scan on orders  (cost=0.00..1888.00 rows=10 width=30)",
        "  Filter: (customer_id = '7'::bigint)",
    ];
    let all = [
        candidate("orders", &["made_at"]),
        candidate("orders", &["id"]),
        candidate("orders", &["customer_id"]),
    ];
    check(&plan, &all, 100_000, Some((2, 48)));
    check(&plan, &all, 20, None);
}

#[test]
fn an_expression_is_known_in_the_words_of_the_server() {
    let plan = [
        "Seq Scan on customers  (cost=0.00..500.00 rows=100 width=30)",
        "  Filter: (lower((email COLLATE \"C\")) = 'a@b.c'::text)",
    ];
    let all = [
        candidate("customers", &["email"]),
        candidate("customers", &["lower(email)"]),
    ];
    check(&plan, &all, 20_000, Some((1, 408)));
    // One row comes back from each call.
    assert_eq!(by_index(&steps(&plan), 1), Some(12));
}

#[test]
fn the_first_rows_in_an_order_are_judged() {
    let plan = [
        "Limit  (cost=500.00..500.03 rows=10 width=30)",
        "  ->  Sort  (cost=500.00..502.50 rows=1000 width=30)",
        "        Sort Key: joined_at DESC",
        "        ->  Seq Scan on customers  (cost=0.00..480.00 rows=1000 width=30)",
        "              Filter: (city = 'City 7'::text)",
    ];
    let all = [
        candidate("customers", &["city"]),
        candidate("customers", &["city", "joined_at"]),
    ];
    check(&plan, &all, 20_000, Some((1, 48)));
    assert_eq!(by_index(&steps(&plan), 10), None);
}

#[test]
fn the_side_of_a_join_without_an_index_is_judged() {
    let plan = [
        "GroupAggregate  (cost=600.00..610.00 rows=5 width=16)",
        "  Group Key: p.id",
        "  ->  Sort  (cost=600.00..601.00 rows=15 width=16)",
        "        Sort Key: p.id",
        "        ->  Hash Right Join  (cost=8.44..600.00 rows=15 width=16)",
        "              Hash Cond: (r.product_id = p.id)",
        "              ->  Seq Scan on reviews r  (cost=0.00..500.00 rows=30000 width=16)",
        "              ->  Hash  (cost=8.38..8.38 rows=5 width=8)",
        "                    ->  Index Only Scan using products_pkey on products p  (cost=0.28..8.38 rows=5 width=8)",
        "                          Index Cond: ((id >= '1'::bigint) AND (id <= '5'::bigint))",
    ];
    let all = [candidate("reviews", &["product_id"])];
    check(&plan, &all, 30_000, Some((0, 10 + 8 + 5 * 8 + 15 * 4)));
}

#[test]
fn a_scan_that_ends_early_is_not_one_of_a_whole_table() {
    let whole = |lines: &[&str]| -> Vec<String> {
        let plan = steps(lines);
        whole_tables(&plan).map(str::to_owned).collect()
    };
    let sum = [
        "Aggregate  (cost=40.00..40.01 rows=1 width=8)",
        "  ->  Seq Scan on \"Visits\" v  (cost=0.00..35.00 rows=2000 width=8)",
    ];
    assert_eq!(whole(&sum), ["Visits"]);
    let page = [
        "Limit  (cost=0.00..0.87 rows=50 width=8)",
        "  ->  Seq Scan on visits  (cost=0.00..35.00 rows=2000 width=8)",
    ];
    assert_eq!(whole(&page), [""; 0]);
}
