//! The statements: SQL text, written out once for each table when a store is opened.

use crate::storage::{Error, Expiry, Schema};

/// The tables there are, with their statements written out once.
pub(super) struct Catalogue(pub(super) Vec<Table>);

impl Catalogue {
    pub(super) fn new(schemas: &[&'static Schema]) -> Self {
        Self(schemas.iter().map(|schema| Table::new(schema)).collect())
    }

    pub(super) fn table(&self, schema: &'static Schema) -> Result<&Table, Error> {
        let known = self.0.iter().find(|table| std::ptr::eq(table.schema, schema));
        known.ok_or_else(|| Error::Backend(format!("the table {} is not in this store", schema.name).into()))
    }
}

/// A table's statements. Its name is a constant of the program; everything else is bound when a statement is run.
pub(super) struct Table {
    pub(super) schema: &'static Schema,
    pub(super) create: String,
    pub(super) get: String,
    pub(super) put: String,
    pub(super) insert: String,
    pub(super) delete: String,
    pub(super) scan: String,
    pub(super) find: String,
    pub(super) holder: String,
    pub(super) insert_entry: String,
    pub(super) delete_entries: String,
    pub(super) sweep: String,
    pub(super) sweep_entries: String,
}

impl Table {
    fn new(schema: &'static Schema) -> Self {
        let name = schema.name;
        let columns = "id, version, expires_at_ms, body";
        let values = "(:id, :version, :expires_at_ms, :body)";
        let live = match schema.expiry {
            Expiry::Column => "(r.expires_at_ms IS NULL OR r.expires_at_ms > :now)",
            Expiry::Never | Expiry::IdPrefix => ":now = :now",
        };
        let ended = match schema.expiry {
            Expiry::Never | Expiry::Column => {
                format!("SELECT id FROM {name} WHERE expires_at_ms <= :before ORDER BY expires_at_ms LIMIT :limit")
            }
            Expiry::IdPrefix => format!("SELECT id FROM {name} WHERE id < :before ORDER BY id LIMIT :limit"),
        };
        Self {
            schema,
            create: create(schema),
            get: format!("SELECT {columns} FROM {name} WHERE id = :id"),
            put: format!(
                "INSERT INTO {name} ({columns}) VALUES {values} ON CONFLICT (id) DO UPDATE SET \
                 version = excluded.version, expires_at_ms = excluded.expires_at_ms, body = excluded.body"
            ),
            insert: format!("INSERT INTO {name} ({columns}) VALUES {values} ON CONFLICT (id) DO NOTHING"),
            delete: format!("DELETE FROM {name} WHERE id = :id"),
            scan: format!(
                "SELECT r.id, r.version, r.expires_at_ms, r.body FROM {name} r \
                 WHERE r.id > :after AND {live} ORDER BY r.id LIMIT :limit"
            ),
            find: format!(
                "SELECT r.id, r.version, r.expires_at_ms, r.body FROM {name}_entry e JOIN {name} r ON r.id = e.id \
                 WHERE e.place = :place AND e.key = :key AND e.id > :after AND {live} ORDER BY e.id LIMIT :limit"
            ),
            holder: format!(
                "SELECT r.id, r.version, r.expires_at_ms, r.body FROM {name}_entry e JOIN {name} r ON r.id = e.id \
                 WHERE e.place = :place AND e.key = :key AND e.id <> :id LIMIT 1"
            ),
            insert_entry: format!("INSERT INTO {name}_entry (place, key, id) VALUES (:place, :key, :id)"),
            delete_entries: format!("DELETE FROM {name}_entry WHERE id = :id"),
            sweep: format!("DELETE FROM {name} WHERE id IN ({ended})"),
            sweep_entries: format!("DELETE FROM {name}_entry WHERE id IN ({ended})"),
        }
    }

    pub(super) const fn has_entries(&self) -> bool {
        !self.schema.indexes.is_empty()
    }
}

fn create(schema: &Schema) -> String {
    let name = schema.name;
    let mut sql = format!(
        "CREATE TABLE IF NOT EXISTS {name} (id BLOB PRIMARY KEY, version INTEGER NOT NULL, expires_at_ms INTEGER, \
         body BLOB NOT NULL) STRICT, WITHOUT ROWID;\n"
    );
    if schema.expiry == Expiry::Column {
        let index = format!("CREATE INDEX IF NOT EXISTS {name}_expiry ON {name} (expires_at_ms)");
        sql = sql + &index + " WHERE expires_at_ms IS NOT NULL;\n";
    }
    if !schema.indexes.is_empty() {
        let entries = format!(
            "CREATE TABLE IF NOT EXISTS {name}_entry (place INTEGER NOT NULL, key BLOB NOT NULL, id BLOB NOT NULL, \
             PRIMARY KEY (place, key, id)) STRICT, WITHOUT ROWID;\n\
             CREATE INDEX IF NOT EXISTS {name}_entry_id ON {name}_entry (id);\n"
        );
        sql += &entries;
    }
    sql
}
