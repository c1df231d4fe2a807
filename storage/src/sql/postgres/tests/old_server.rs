//! A server that only says its version, in the messages of the protocol
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::OpenError;
use crate::sql::Database;
use crate::sql::tests::harness::patient;

/// A message of the server.
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], content].concat()
}

/// A row of texts, with the description of its columns before it.
fn row(texts: &[&str]) -> Vec<u8> {
    let count = u16::try_from(texts.len()).unwrap().to_be_bytes();
    let (mut description, mut row) = (count.to_vec(), count.to_vec());
    for text in texts {
        // A name, no table, no column, the type text, of any length, without modifier, as text.
        description.extend(b"c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
        row.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        row.extend(text.as_bytes());
    }
    [message(b'T', &description), message(b'D', &row)].concat()
}

/// Reads a message whose length follows after `before` bytes.
fn read(client: &mut TcpStream, before: usize) -> io::Result<()> {
    let mut head = vec![0; before + 4];
    client.read_exact(&mut head)?;
    let length = u32::from_be_bytes(head[before..].try_into().unwrap());
    let mut rest = vec![0; usize::try_from(length).unwrap() - 4];
    client.read_exact(&mut rest)
}

fn answer(mut client: TcpStream, version: &str) -> io::Result<()> {
    let ready = message(b'Z', b"I");
    read(&mut client, 0)?;
    let admitted = message(b'R', &0_u32.to_be_bytes());
    client.write_all(&[admitted, ready.clone()].concat())?;
    loop {
        read(&mut client, 1)?;
        let number = format!("{version}0005");
        let judged = row(&[&number, &format!("{version}.5"), "off", "f", "UTF8"]);
        let done = message(b'C', b"SELECT 1\0");
        client.write_all(&[judged, done, ready.clone()].concat())?;
    }
}

#[test]
fn server_that_is_too_old_is_refused_with_its_version() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            // It ends when the client leaves.
            let _ = answer(client.unwrap(), "12");
        }
    });
    let url = format!("postgres://app:hush@{address}/app?sslmode=disable");
    let error = Database::open_postgres(&url, &patient()).unwrap_err();
    assert!(
        matches!(&error, OpenError::TooOld { version, .. } if version == "12.5"),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(words.contains("version 13 or later"), "{words}");
    assert!(!words.contains("hush"), "{words}");
}
