//! What comes out of each coding.

use std::io::Read;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::*;
use crate::content::Content;

const CODINGS: [ContentCoding; 3] = [
    ContentCoding::Brotli,
    ContentCoding::Zstd,
    ContentCoding::Gzip,
];

fn decoded(coding: ContentCoding, content: &Content) -> Vec<u8> {
    let bytes: Vec<u8> = content.pieces().flat_map(|piece| piece.to_vec()).collect();
    let mut decoded = Vec::new();
    match coding {
        ContentCoding::Brotli => {
            brotli::Decompressor::new(&bytes[..], 4096).read_to_end(&mut decoded)
        }
        ContentCoding::Zstd => zstd::stream::read::Decoder::new(&bytes[..])
            .unwrap()
            .read_to_end(&mut decoded),
        ContentCoding::Gzip => flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut decoded),
    }
    .unwrap();
    decoded
}

/// Polls until the future is done or waits for something other than its turn.
fn run(future: impl Future<Output = ()>) -> Poll<()> {
    let mut future = std::pin::pin!(future);
    for _ in 0..100_000 {
        if future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
        {
            return Poll::Ready(());
        }
    }
    Poll::Pending
}

#[test]
fn compressed_content_decodes_to_the_original_and_is_smaller() {
    let text = "All work and no play makes Jack a dull boy. ".repeat(5_000);
    for coding in CODINGS {
        let content = Content::whole(Bytes::from(text.clone()));
        let renditions = Renditions::default();
        let (rendition, work) = renditions.get(coding, &content, u64::MAX).unwrap();
        assert_eq!(run(work.unwrap().run()), Poll::Ready(()));
        assert_eq!(decoded(coding, &rendition), text.as_bytes(), "{coding:?}");
        assert!(renditions.bytes() < text.len() as u64 / 10, "{coding:?}");
    }
}

#[test]
fn each_coding_is_made_once() {
    let content = Content::whole(Bytes::from_static(b"abc"));
    let renditions = Renditions::default();
    let (first, work) = renditions
        .get(ContentCoding::Gzip, &content, u64::MAX)
        .unwrap();
    let (second, again) = renditions
        .get(ContentCoding::Gzip, &content, u64::MAX)
        .unwrap();
    assert!(work.is_some());
    assert!(again.is_none());
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn what_has_arrived_is_passed_on_while_more_is_awaited() {
    for coding in CODINGS {
        let (mut writer, content) = Content::growing(u64::MAX);
        let renditions = Renditions::default();
        let (rendition, work) = renditions.get(coding, &content, u64::MAX).unwrap();
        let mut work = std::pin::pin!(work.unwrap().run());
        writer.push(Bytes::from_static(b"some text"));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(work.as_mut().poll(context).is_pending());
        assert!(work.as_mut().poll(context).is_pending());
        assert!(rendition.received() > 0, "{coding:?}");
        writer.finish();
        assert_eq!(run(work), Poll::Ready(()));
        assert_eq!(decoded(coding, &rendition), b"some text");
    }
}

#[test]
fn content_that_breaks_breaks_its_compressed_form() {
    let (writer, content) = Content::growing(u64::MAX);
    let renditions = Renditions::default();
    let (rendition, work) = renditions
        .get(ContentCoding::Gzip, &content, u64::MAX)
        .unwrap();
    drop(writer);
    assert_eq!(run(work.unwrap().run()), Poll::Ready(()));
    assert!(rendition.is_broken());
}
