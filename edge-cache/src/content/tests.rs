//! Readers and the writer of one content.

use std::task::{Context, Poll, Waker};

use super::*;

fn next(reader: &mut ContentReader) -> Poll<Option<Result<Bytes, ContentBroken>>> {
    reader.poll_next(&Context::from_waker(Waker::noop()))
}

fn text(poll: Poll<Option<Result<Bytes, ContentBroken>>>) -> Option<String> {
    match poll {
        Poll::Ready(Some(Ok(bytes))) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
        _ => None,
    }
}

#[test]
fn each_reader_gets_all_bytes_in_order_wherever_the_writer_is() {
    let (mut writer, content) = Content::growing(u64::MAX);
    let mut early = content.reader(0..u64::MAX).unwrap();
    assert_eq!(next(&mut early), Poll::Pending);
    writer.push(Bytes::from_static(b"ab"));
    assert_eq!(text(next(&mut early)).unwrap(), "ab");
    let mut late = content.reader(0..u64::MAX).unwrap();
    writer.push(Bytes::from_static(b"cd"));
    assert_eq!(text(next(&mut late)).unwrap(), "ab");
    writer.finish();
    assert_eq!(text(next(&mut early)).unwrap(), "cd");
    assert_eq!(text(next(&mut late)).unwrap(), "cd");
    assert_eq!(next(&mut early), Poll::Ready(None));
    assert_eq!(content.length(), Some(4));
}

#[test]
fn a_reader_of_a_range_gets_only_that_range() {
    let content = Content::whole(Bytes::from_static(b"0123456789"));
    let mut reader = content.reader(2..5).unwrap();
    assert_eq!(reader.remaining(), Some(3));
    assert_eq!(text(next(&mut reader)).unwrap(), "234");
    assert_eq!(next(&mut reader), Poll::Ready(None));
}

#[test]
fn a_writer_that_gives_up_breaks_the_content_for_its_readers() {
    let (mut writer, content) = Content::growing(u64::MAX);
    let mut reader = content.reader(0..u64::MAX).unwrap();
    writer.push(Bytes::from_static(b"ab"));
    drop(writer);
    assert_eq!(next(&mut reader), Poll::Ready(Some(Err(ContentBroken))));
    assert!(content.reader(0..u64::MAX).is_none());
    assert_eq!(content.length(), None);
}

#[test]
fn content_beyond_its_capacity_is_a_window_that_waits_for_its_only_reader() {
    let (mut writer, content) = Content::growing(10);
    let mut reader = content.reader(0..u64::MAX).unwrap();
    let piece = Bytes::from(vec![0; 200_000]);
    writer.push(piece.clone());
    assert!(writer.is_too_large());
    assert!(
        writer
            .poll_ready(&Context::from_waker(Waker::noop()))
            .is_ready()
    );
    writer.push(piece);
    assert!(
        writer
            .poll_ready(&Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert!(next(&mut reader).is_ready());
    assert!(
        writer
            .poll_ready(&Context::from_waker(Waker::noop()))
            .is_ready()
    );
    assert!(
        content.reader(0..u64::MAX).is_none(),
        "its beginning is gone"
    );
    assert_eq!(content.growing.lock().pieces.pieces.len(), 1);
}

#[test]
fn a_reader_that_lags_behind_a_window_loses_its_place_and_stops_nobody() {
    let (mut writer, content) = Content::growing(10);
    let mut fast = content.reader(0..u64::MAX).unwrap();
    let mut slow = content.reader(0..u64::MAX).unwrap();
    let mut stopped = content.reader(0..u64::MAX).unwrap();
    let piece = Bytes::from(vec![0; 100_000]);
    for number in 0..40 {
        let ready = writer.poll_ready(&Context::from_waker(Waker::noop()));
        assert!(ready.is_ready(), "{number}");
        writer.push(piece.clone());
        assert!(matches!(next(&mut fast), Poll::Ready(Some(Ok(_)))));
        // Some pieces behind, and never further.
        if number > 5 {
            assert!(matches!(next(&mut slow), Poll::Ready(Some(Ok(_)))));
        }
        let kept: usize = content.growing.lock().pieces.pieces.len();
        assert!(kept as u64 * 100_000 <= CONTENT_LAG_BYTES + 100_000);
    }
    let broken = Poll::Ready(Some(Err(ContentBroken)));
    assert_eq!(next(&mut stopped), broken);
    writer.finish();
    assert_eq!(next(&mut stopped), broken, "it is not at its end");
    assert_eq!(next(&mut fast), Poll::Ready(None));
    assert!(matches!(next(&mut slow), Poll::Ready(Some(Ok(_)))));
}

#[test]
fn the_last_reader_that_leaves_abandons_the_content() {
    let (mut writer, content) = Content::growing(u64::MAX);
    let context = Context::from_waker(Waker::noop());
    let first = content.reader(0..u64::MAX).unwrap();
    let second = content.reader(0..u64::MAX).unwrap();
    drop(first);
    assert!(!writer.is_abandoned(&context));
    drop(second);
    assert!(writer.is_abandoned(&context));
}

#[test]
fn short_content_ends_up_in_one_piece() {
    let (mut writer, content) = Content::growing(u64::MAX);
    for _ in 0..100 {
        writer.push(Bytes::from_static(b"x"));
    }
    writer.finish();
    assert_eq!(content.pieces().count(), 1);
    assert_eq!(content.length(), Some(100));
}

#[test]
fn a_small_piece_of_a_large_buffer_does_not_hold_the_buffer() {
    let large = Bytes::from(vec![7; 1_000_000]);
    let content = Content::whole(large.slice(0..10));
    let kept = content.pieces().next().unwrap().as_ptr();
    assert_ne!(kept, large.as_ptr());
}

#[test]
fn complete_content_in_one_piece_is_handed_out_whole() {
    let content = Content::whole(Bytes::from_static(b"0123456789"));
    assert_eq!(
        content.reader(0..u64::MAX).unwrap().into_whole().unwrap(),
        "0123456789"
    );
    assert_eq!(content.reader(2..5).unwrap().into_whole().unwrap(), "234");
    let empty = Content::whole(Bytes::new());
    assert_eq!(empty.reader(0..u64::MAX).unwrap().into_whole().unwrap(), "");
    let (mut writer, growing) = Content::growing(u64::MAX);
    writer.push(Bytes::from_static(b"01"));
    assert!(growing.reader(0..u64::MAX).unwrap().into_whole().is_err());
}
