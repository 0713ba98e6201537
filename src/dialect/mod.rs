//! Dialects: languages that clients already speak. They translate, and name neither one another nor a rule.

mod body;
pub mod vault;

pub use body::Bodies;
