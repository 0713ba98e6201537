//! Lists: pages of a collection, and the few filters that are understood.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::error::Error;
use super::request::Head;
use super::wire::Reply;

/// How many are listed unless somebody says otherwise, and at most.
const USUAL_LIMIT: usize = 10;
const LONGEST_LIMIT: usize = 500;

/// What part of a collection is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    limit: usize,
    offset: usize,
    pub(super) filter: Option<Filter>,
}

/// Which of a collection are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// The one with this id.
    Id(String),
    /// The one of this name.
    Name(String),
}

impl Filter {
    /// Whether something with this id and this name is meant.
    fn admits(&self, id: &str, name: &str) -> bool {
        match self {
            Self::Id(wanted) => wanted == id,
            Self::Name(wanted) => wanted == name,
        }
    }
}

impl Page {
    /// What the query asks for.
    ///
    /// # Errors
    /// When it is not understood.
    pub(super) fn read(head: &Head) -> Result<Self, Error> {
        let number = |name, usual| match head.parameter(name).filter(|text| !text.is_empty()) {
            None => Ok(usual),
            Some(text) => text.parse::<usize>().map_err(|_| Error::pagination()),
        };
        let limit = number("limit", USUAL_LIMIT)?.min(LONGEST_LIMIT);
        Ok(Self { limit, offset: number("offset", 0)?, filter: filter(head.parameter("filter").unwrap_or_default())? })
    }

    /// The part of `all` that is asked for, each shown by `show`; `named` tells an id and a name.
    pub(super) fn reply<T>(
        &self,
        all: Vec<T>,
        named: impl Fn(&T) -> (&str, &str),
        mut show: impl FnMut(T) -> Result<Value, Error>,
    ) -> Result<Reply, Error> {
        let admits = |item: &T| {
            let (id, name) = named(item);
            self.filter.as_ref().is_none_or(|filter| filter.admits(id, name))
        };
        let found: Vec<T> = all.into_iter().filter(|item| admits(item)).collect();
        let total = found.len();
        let page = found.into_iter().skip(self.offset).take(self.limit);
        let data = page.map(&mut show).collect::<Result<Vec<_>, _>>()?;
        let pagination = json!({ "limit": self.limit, "offset": self.offset, "totalCount": total });
        let meta = json!({ "pagination": pagination, "filterableFields": ["id", "name"] });
        Ok(Reply::Data { status: StatusCode::OK, data: data.into(), meta })
    }
}

/// `id="…"`, `name="…"`, or all.
fn filter(text: &str) -> Result<Option<Filter>, Error> {
    let text = text.trim();
    if matches!(text, "" | "true") {
        return Ok(None);
    }
    let (field, value) = text.split_once('=').ok_or_else(Error::filter)?;
    // A quoted text is written as in JSON.
    let value: String = serde_json::from_str(value.trim()).map_err(|_| Error::filter())?;
    match field.trim() {
        "id" => Ok(Some(Filter::Id(value))),
        "name" => Ok(Some(Filter::Name(value))),
        _ => Err(Error::filter()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_an_id_or_a_name_and_anything_else_is_refused() {
        assert_eq!(filter("name = \"a \\\"b\\\"\"").ok().unwrap(), Some(Filter::Name("a \"b\"".into())));
        assert_eq!(filter(" id=\"x\"").ok().unwrap(), Some(Filter::Id("x".into())));
        assert_eq!(filter("true").ok().unwrap(), None);
        for text in ["name", "name=x", "name!=\"x\"", "tags=\"x\"", "name=\"x\" or id=\"y\"", "false", "name=1"] {
            assert_eq!(filter(text), Err(Error::filter()), "{text}");
        }
    }
}
