//! Dense tables that are addressed by index inside and by key from outside.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::ids::Index;

/// A dense table with a sorted directory of keys. Building it is the only way to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<I, K, T> {
    rows: Vec<T>,
    keys: Vec<(K, u32)>,
    index: PhantomData<I>,
}

impl<I: Index, K: Ord + Copy, T> Table<I, K, T> {
    /// Builds a table from its rows, in order. Two rows with one key: the key, as an error.
    ///
    /// # Errors
    /// The first key that two rows share.
    pub fn new(rows: Vec<T>, key: impl Fn(&T) -> K) -> Result<Self, K> {
        let mut keys: Vec<(K, u32)> = (0..).zip(&rows).map(|(at, row)| (key(row), at)).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|w| w[0].0 == w[1].0) {
            Some(twice) => Err(twice[0].0),
            None => Ok(Self { rows, keys, index: PhantomData }),
        }
    }

    /// The index of a key, or `None` for a key that is not in the inventory. O(log n).
    pub fn find(&self, key: K) -> Option<I> {
        let at = self.keys.binary_search_by_key(&key, |&(k, _)| k).ok()?;
        Some(I::from_at(self.keys[at].1 as usize))
    }

    /// The row of a key, with its index. O(log n).
    pub fn by_key(&self, key: K) -> Option<(I, &T)> {
        let ix = self.find(key)?;
        Some((ix, &self[ix]))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows with their indices, in order.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.rows.iter().enumerate().map(|(at, row)| (I::from_at(at), row))
    }

    /// All indices, in order.
    pub fn indices(&self) -> impl Iterator<Item = I> + use<I, K, T> {
        (0..self.rows.len()).map(I::from_at)
    }
}

impl<I, K, T> Default for Table<I, K, T> {
    /// An empty table.
    fn default() -> Self {
        Self { rows: Vec::new(), keys: Vec::new(), index: PhantomData }
    }
}

impl<I: Index, K, T> core::ops::Index<I> for Table<I, K, T> {
    type Output = T;
    fn index(&self, ix: I) -> &T {
        &self.rows[ix.at()]
    }
}
