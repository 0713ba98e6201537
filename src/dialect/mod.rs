//! Dialects: languages that clients already speak. They translate, and name neither one another nor a rule.

pub mod vault;
