//! The database file.

use std::path::{Path, PathBuf};

use farshore_core::Records;
use farshore_core::authority::agent::AgentRecord;
use farshore_core::authority::arbiter::{ArbiterRecord, ArbiterRecords};
use farshore_core::record::{GroupRecord, Record, SiteRecord, VERSION};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use thiserror::Error;

/// Group records, by group key.
const GROUPS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("groups");
/// The agent's records, by group key.
const AUTHORITY: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("authority");
/// The arbiter's records, by group key.
const ARBITER: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("arbiter");
/// The site's record and the count of starts, by name.
const SITE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("site");
const BOOT: &str = "boot";
const RECORD: &str = "record";
/// What this file is for: its manager's site.
const OWNER: &str = "owner";
/// When this file was made, seconds: which store this is (O7).
const MADE: &str = "made";

/// The journal could not be opened, read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file is there, and was not to be; or it is not, and was to be.
    #[error("journal {path}: {what}")]
    Presence {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// The database cannot be opened or read.
    #[error(
        "journal {path} cannot be used: {source}. Restore it from a sound copy; never start over from an empty one"
    )]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: Box<redb::Error>,
    },
    /// A record does not read.
    #[error("journal {path}: the record of {of} does not read: {source}. Restore the journal from a sound copy")]
    Record {
        /// The file.
        path: PathBuf,
        /// Whose record.
        of: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The journal was written by a newer build.
    #[error(
        "journal {path} holds a record of version {found}, this build reads up to {VERSION}: start the newer build"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Found.
        found: u16,
    },
    /// The journal is another site's.
    #[error("journal {path} is site {found}'s, not {wanted}'s: point this manager at its own")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it was to be.
        wanted: String,
    },
}

impl JournalError {
    /// Another process has the file open, and it may be tried again once that has ended.
    #[must_use]
    pub fn in_use(&self) -> bool {
        matches!(self, Self::Database { source, .. } if matches!(**source, redb::Error::DatabaseAlreadyOpen))
    }
}

/// An open journal file.
#[derive(Debug)]
pub struct Store {
    database: Database,
    path: PathBuf,
}

impl Store {
    /// Makes a new journal for a site that never had one. Saying so is deliberate: a lost journal can't pass for it.
    ///
    /// # Errors
    /// A file that is there already, or cannot be made.
    pub fn create(path: &Path, site: &str) -> Result<Self, JournalError> {
        if path.exists() {
            let what = "there is one already; open it, or move it away if this site truly never ran before";
            return Err(JournalError::Presence { path: path.into(), what });
        }
        let database = Database::create(path).map_err(|e| failed(path, e))?;
        let store = Self { database, path: path.into() };
        store.write(|tables| {
            let made = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| u32::try_from(since.as_secs()).unwrap_or(0));
            tables.site.insert(OWNER, site.as_bytes())?;
            tables.site.insert(MADE, made.to_le_bytes().as_slice())?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Opens a site's journal.
    ///
    /// # Errors
    /// A file that is missing, damaged, or another site's.
    pub fn open(path: &Path, site: &str) -> Result<Self, JournalError> {
        if !path.exists() {
            let what = "there is none; restore it, or make a new one if this site truly never ran before";
            return Err(JournalError::Presence { path: path.into(), what });
        }
        let database = Database::open(path).map_err(|e| failed(path, e))?;
        let store = Self { database, path: path.into() };
        let found = store.site_value(OWNER)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        match found {
            Some(found) if found == site => Ok(store),
            found => {
                let found = found.unwrap_or_else(|| "nobody".into());
                Err(JournalError::Owner { path: path.into(), found, wanted: site.into() })
            }
        }
    }

    /// Counts one more start and returns its number, from 1.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn next_boot(&self) -> Result<u32, JournalError> {
        let last = self.site_value(BOOT)?.and_then(|b| Some(u32::from_le_bytes(b.try_into().ok()?))).unwrap_or(0);
        let next = last.wrapping_add(1);
        self.write(|tables| {
            tables.site.insert(BOOT, next.to_le_bytes().as_slice())?;
            Ok(())
        })?;
        Ok(next)
    }

    /// Everything that is durable.
    ///
    /// # Errors
    /// Damage, or a record that this build cannot read.
    pub fn records(&self) -> Result<Records, JournalError> {
        let mut records = Records::first_start();
        if let Some(bytes) = self.site_value(RECORD)? {
            records.site = self.read::<SiteRecord>("the site", &bytes, |r| r.version)?;
        }
        let group = |key, bytes: &[u8]| self.read::<GroupRecord>(&format!("group {key:016x}"), bytes, |r| r.version);
        for group in self.each(GROUPS, group)? {
            records.put(Record::Group(group));
        }
        Ok(records)
    }

    /// Makes a batch durable: all of it, or none.
    ///
    /// # Errors
    /// The file cannot be written. Whether the batch is durable is then unknown: the machine must stop (J7).
    pub fn save(&self, batch: &[Record]) -> Result<(), JournalError> {
        self.write(|tables| {
            for record in batch {
                match record {
                    Record::Site(site) => tables.site.insert(RECORD, encode(site).as_slice()).map(drop)?,
                    Record::Group(group) => tables.groups.insert(group.group.0, encode(group).as_slice()).map(drop)?,
                }
            }
            Ok(())
        })
    }

    /// Everything that is durable of the site's agent.
    ///
    /// # Errors
    /// Damage, or a record that this build cannot read.
    pub fn authority(&self) -> Result<Vec<AgentRecord>, JournalError> {
        self.each(AUTHORITY, |key, bytes| {
            self.read::<AgentRecord>(&format!("the authority over group {key:016x}"), bytes, |r| r.version)
        })
    }

    /// Makes an agent's records durable: all of them, or none. In a file of the agent's own (O10).
    ///
    /// # Errors
    /// The file cannot be written. Whether they are durable is then unknown: the agent must stop (J7).
    pub fn save_authority(&self, batch: &[AgentRecord]) -> Result<(), JournalError> {
        self.write(|tables| {
            for record in batch {
                tables.authority.insert(record.group.0, encode(record).as_slice())?;
            }
            Ok(())
        })
    }

    /// Everything that is durable of the arbiter.
    ///
    /// # Errors
    /// Damage, or a record that this build cannot read.
    pub fn arbiter(&self) -> Result<ArbiterRecords, JournalError> {
        let made = self.site_value(MADE)?.and_then(|b| Some(u32::from_le_bytes(b.try_into().ok()?))).unwrap_or(0);
        let groups = self.each(ARBITER, |key, bytes| {
            let of = format!("the arbiter's group {key:016x}");
            self.read::<ArbiterRecord>(&of, bytes, |_| VERSION)
        })?;
        Ok(ArbiterRecords { incarnation: made, groups })
    }

    /// Makes an arbiter's records durable: all of them, or none.
    ///
    /// # Errors
    /// The file cannot be written. Whether they are durable is then unknown: the arbiter must stop (J7).
    pub fn save_arbiter(&self, batch: &[ArbiterRecord]) -> Result<(), JournalError> {
        self.write(|tables| {
            for record in batch {
                tables.arbiter.insert(record.group.0, encode(record).as_slice())?;
            }
            Ok(())
        })
    }

    /// Reads every row of a table.
    fn each<T>(
        &self,
        table: TableDefinition<'_, u64, &[u8]>,
        read: impl Fn(u64, &[u8]) -> Result<T, JournalError>,
    ) -> Result<Vec<T>, JournalError> {
        let tx = self.database.begin_read().map_err(|e| failed(&self.path, e))?;
        let table = match tx.open_table(table) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(e) => return Err(failed(&self.path, e)),
        };
        let rows = table.iter().map_err(|e| failed(&self.path, e))?;
        rows.map(|row| {
            let (key, value) = row.map_err(|e| failed(&self.path, e))?;
            read(key.value(), value.value())
        })
        .collect()
    }

    fn site_value(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let tx = self.database.begin_read().map_err(|e| failed(&self.path, e))?;
        match tx.open_table(SITE) {
            Ok(table) => {
                let value = table.get(key).map_err(|e| failed(&self.path, e))?;
                Ok(value.map(|v| v.value().to_vec()))
            }
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(failed(&self.path, e)),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        of: &str,
        bytes: &[u8],
        version: fn(&T) -> u16,
    ) -> Result<T, JournalError> {
        let path = || self.path.clone();
        let record: T = serde_json::from_slice(bytes).map_err(|source| {
            // A newer record may hold what this build has no name for: say so rather than "damaged".
            let newer =
                serde_json::from_slice::<serde_json::Value>(bytes).ok().and_then(|v| v.get("version")?.as_u64());
            match newer.and_then(|v| u16::try_from(v).ok()) {
                Some(found) if found > VERSION => JournalError::Version { path: path(), found },
                _ => JournalError::Record { path: path(), of: of.into(), source },
            }
        })?;
        let found = version(&record);
        if found > VERSION { Err(JournalError::Version { path: path(), found }) } else { Ok(record) }
    }

    /// One durable transaction.
    fn write(&self, fill: impl FnOnce(&mut Tables<'_>) -> Result<(), redb::StorageError>) -> Result<(), JournalError> {
        let tx = self.database.begin_write().map_err(|e| failed(&self.path, e))?;
        {
            let groups = tx.open_table(GROUPS).map_err(|e| failed(&self.path, e))?;
            let site = tx.open_table(SITE).map_err(|e| failed(&self.path, e))?;
            let authority = tx.open_table(AUTHORITY).map_err(|e| failed(&self.path, e))?;
            let arbiter = tx.open_table(ARBITER).map_err(|e| failed(&self.path, e))?;
            fill(&mut Tables { groups, site, authority, arbiter }).map_err(|e| failed(&self.path, e))?;
        }
        tx.commit().map_err(|e| failed(&self.path, e))
    }
}

struct Tables<'tx> {
    groups: redb::Table<'tx, u64, &'static [u8]>,
    site: redb::Table<'tx, &'static str, &'static [u8]>,
    authority: redb::Table<'tx, u64, &'static [u8]>,
    arbiter: redb::Table<'tx, u64, &'static [u8]>,
}

fn encode<T: serde::Serialize>(record: &T) -> Vec<u8> {
    // Records are plain data with string-like keys: there is nothing in them that JSON cannot hold.
    serde_json::to_vec(record).unwrap_or_default()
}

fn failed(path: &Path, source: impl Into<redb::Error>) -> JournalError {
    JournalError::Database { path: path.into(), source: Box::new(source.into()) }
}
