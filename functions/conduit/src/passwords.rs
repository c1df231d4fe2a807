//! Password hashes: Argon2id in PHC string format.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use terrace_sdk::Error;

/// Memory of one hash, in KiB: 19 MiB, the least that OWASP's password storage guide allows with
/// [`PASSES`] and [`LANES`]. More would let fewer people sign in at once within the component's memory.
const MEMORY_KIBIBYTES: u32 = 19 * 1_024;

/// Passes over the memory.
const PASSES: u32 = 2;

/// Lanes; WebAssembly has one thread anyway.
const LANES: u32 = 1;

/// Bytes of salt, as recommended by RFC 9106 §3.1.
const SALT_BYTES: usize = 16;

/// Hashes a password with a salt of its own.
///
/// # Errors
///
/// If there is no memory for it, or the host gives no random bytes.
pub fn hash(password: &str) -> Result<String, Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(describe)?;
    let salt = SaltString::encode_b64(&salt).map_err(describe)?;
    let hash = hasher()?
        .hash_password(password.as_bytes(), &salt)
        .map_err(describe)?;
    Ok(hash.to_string())
}

/// Whether a password is the one that was hashed; `None` stands for a user that does not exist.
///
/// Without a hash it works just as long: how long a sign-in takes must not tell whether there is such a user.
///
/// # Errors
///
/// If there is no memory for it, or the stored hash is damaged.
pub fn matches(password: &str, stored: Option<&str>) -> Result<bool, Error> {
    let Some(stored) = stored else {
        hash(password)?;
        return Ok(false);
    };
    let stored = PasswordHash::new(stored).map_err(describe)?;
    match hasher()?.verify_password(password.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(describe(error)),
    }
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let parameters = Params::new(MEMORY_KIBIBYTES, PASSES, LANES, None).map_err(describe)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

fn describe(error: impl std::fmt::Display) -> Error {
    Error::message(format!("the password could not be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let stored = hash("correct horse").unwrap();
        assert!(matches("correct horse", Some(&stored)).unwrap());
        assert!(!matches("wrong horse", Some(&stored)).unwrap());
        assert!(!matches("correct horse", None).unwrap());
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        assert_ne!(hash("same").unwrap(), hash("same").unwrap());
    }

    #[test]
    fn the_parameters_are_stored_with_the_hash() {
        assert!(
            hash("any")
                .unwrap()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
    }
}
