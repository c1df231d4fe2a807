//! Addresses that cannot be had.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crate::server::{Admin, AdminConfig, BindError, Inheritance, Readiness};

fn bind(address: SocketAddr) -> Result<Admin, BindError> {
    let config = AdminConfig {
        address,
        hosts: Vec::new(),
    };
    Admin::bind(
        config,
        &mut Inheritance::default(),
        Arc::default(),
        Readiness::default(),
        Vec::new(),
    )
}

#[test]
fn a_taken_port_is_named_with_what_to_do_about_it() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let expected = format!(
        "cannot listen on {address}: the address is in use by another program; stop it or choose another port"
    );
    assert_eq!(bind(address).unwrap_err().to_string(), expected);
}

#[test]
fn an_address_of_another_machine_is_said_to_be_one() {
    let error = bind("192.0.2.1:0".parse().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no network interface of this machine"),
        "{error}"
    );
}
