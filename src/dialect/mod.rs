//! Dialects: languages that clients already speak. They translate, and name neither one another nor a rule.

mod body;
pub mod openziti;
mod path;
pub mod vault;
pub mod zitadel;

pub use body::Bodies;
