//! The tests of the dialect: texts, refusals, and the same statements on both engines.

mod conduit;
mod corpus;
mod dice;
mod differential;
mod engines;
mod expressions;
mod hostile;
mod page;
mod queries;
mod sql_logic;
mod statements;
mod tables;
mod texts;
mod values;
