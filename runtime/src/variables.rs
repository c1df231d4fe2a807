//! The values of application variables, and what of them each component may read.

mod name;
mod template;

pub(crate) use name::check_name;
pub use name::is_name;
pub use template::Template;
