//! The compressed forms of one stored content.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Encoding;
use crate::content::Content;
use crate::rules::accept_encoding::ContentCoding;

/// The compressed forms that were asked for so far. Responses that share the content share them.
#[derive(Debug, Default)]
pub(crate) struct Renditions {
    made: Mutex<Vec<(ContentCoding, Arc<Content>)>>,
}

impl Renditions {
    /// The form of `content` in `coding`, and the work that makes it if it was not asked for before.
    ///
    /// `None` if the content can no longer be read from its beginning.
    pub(crate) fn get(
        &self,
        coding: ContentCoding,
        content: &Arc<Content>,
        capacity: u64,
    ) -> Option<(Arc<Content>, Option<Encoding>)> {
        let mut made = self.made.lock();
        made.retain(|(_, rendition)| !rendition.is_broken());
        if let Some((_, rendition)) = made.iter().find(|(made, _)| *made == coding) {
            return Some((Arc::clone(rendition), None));
        }
        let source = content.reader(0..u64::MAX)?;
        let (writer, rendition) = Content::growing(capacity);
        made.push((coding, Arc::clone(&rendition)));
        let encoding = Encoding {
            source,
            target: writer,
            coding,
        };
        Some((rendition, Some(encoding)))
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let made = self.made.lock();
        made.iter().map(|(_, rendition)| rendition.received()).sum()
    }
}
