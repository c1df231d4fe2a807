//! Checks the fields of a request, and reports all faults at once.

use crate::failure::{Failure, Invalid};
use crate::limits::{
    MAX_EMAIL_CHARACTERS, MAX_PASSWORD_CHARACTERS, MAX_TAG_CHARACTERS, MAX_TAGS_PER_ARTICLE,
    MAX_USERNAME_CHARACTERS, MIN_PASSWORD_CHARACTERS,
};

const BLANK: &str = "can't be blank";

/// Not every database has text with a zero byte.
const ZERO_BYTE: &str = "has a zero byte";

/// Refuses text that not every database has.
pub(crate) fn portable(field: &'static str, text: &str) -> Result<(), Failure> {
    if text.contains('\0') {
        return Err(Invalid::one(field, ZERO_BYTE).into());
    }
    Ok(())
}

/// Collects faults; values pass through it on their way into a command.
#[derive(Default)]
pub(crate) struct Validation(Invalid);

impl Validation {
    /// Text that must be there and not be blank.
    pub(crate) fn text(
        &mut self,
        field: &'static str,
        value: Option<String>,
        max_characters: usize,
    ) -> String {
        let value = value.unwrap_or_default();
        if value.trim().is_empty() {
            self.fault(field, BLANK);
        } else if value.chars().count() > max_characters {
            self.fault(
                field,
                format!("is too long (maximum is {max_characters} characters)"),
            );
        } else if value.contains('\0') {
            self.fault(field, ZERO_BYTE);
        }
        value
    }

    /// Text that may be absent, but not blank or `null`.
    pub(crate) fn change(
        &mut self,
        field: &'static str,
        value: Option<Option<String>>,
        max_characters: usize,
    ) -> Option<String> {
        value.map(|value| self.text(field, value, max_characters))
    }

    /// Text that may be absent, and is cleared by `null` or blank text.
    pub(crate) fn clearable(
        &mut self,
        field: &'static str,
        value: Option<Option<String>>,
        max_characters: usize,
    ) -> Option<Option<String>> {
        value.map(|value| {
            let value = value.filter(|text| !text.trim().is_empty())?;
            Some(self.text(field, Some(value), max_characters))
        })
    }

    /// A name that others see.
    pub(crate) fn username(&mut self, value: Option<String>) -> String {
        self.text("username", value, MAX_USERNAME_CHARACTERS)
    }

    /// An address with something on both sides of its `@`; whether it works only a message to it can tell.
    pub(crate) fn email(&mut self, value: Option<String>) -> String {
        let value = self.text("email", value, MAX_EMAIL_CHARACTERS);
        let plausible = value
            .rsplit_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if !value.trim().is_empty() && (!plausible || value.contains(char::is_whitespace)) {
            self.fault("email", "is invalid");
        }
        value
    }

    /// A new password.
    pub(crate) fn password(&mut self, value: Option<String>) -> String {
        let value = self.text("password", value, MAX_PASSWORD_CHARACTERS);
        if !value.trim().is_empty() && value.chars().count() < MIN_PASSWORD_CHARACTERS {
            self.fault(
                "password",
                format!("is too short (minimum is {MIN_PASSWORD_CHARACTERS} characters)"),
            );
        }
        value
    }

    /// Tags in order, without blanks and repetitions: clients compare the list as it is.
    pub(crate) fn tags(&mut self, values: Vec<String>) -> Vec<String> {
        let mut tags: Vec<String> = Vec::with_capacity(values.len());
        for value in values {
            let tag = value.trim();
            if !tag.is_empty() && !tags.iter().any(|known| known == tag) {
                tags.push(tag.to_owned());
            }
        }
        tags.sort_unstable();
        if tags.len() > MAX_TAGS_PER_ARTICLE {
            self.fault(
                "tagList",
                format!("has too many tags (maximum is {MAX_TAGS_PER_ARTICLE})"),
            );
        }
        if tags.iter().any(|tag| tag.contains('\0')) {
            self.fault("tagList", ZERO_BYTE);
        }
        if tags
            .iter()
            .any(|tag| tag.chars().count() > MAX_TAG_CHARACTERS)
        {
            self.fault(
                "tagList",
                format!("has a tag that is too long (maximum is {MAX_TAG_CHARACTERS} characters)"),
            );
        }
        tags
    }

    /// Records a fault.
    pub(crate) fn fault(&mut self, field: &'static str, fault: impl Into<String>) {
        self.0.0.entry(field).or_default().push(fault.into());
    }

    /// Refuses the request if there was any fault.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.0.0.is_empty() {
            Ok(())
        } else {
            Err(self.0.into())
        }
    }
}
