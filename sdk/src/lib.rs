//! terrace-sdk
