//! Bytes as a source of choices. It never fails: where the bytes have ended, the first of everything is chosen.

use arbitrary::Unstructured;

/// What chooses.
#[derive(Debug)]
pub struct Bytes<'a>(Unstructured<'a>);

impl<'a> Bytes<'a> {
    /// Choices by these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether the bytes have ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        if end < 2 { 0 } else { self.0.int_in_range(0..=end - 1).unwrap_or_default() }
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// True or false.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// True once in `times`; never where the bytes have ended.
    pub fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    /// A number: mostly a small one, at times one at an edge, at times any.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=199 => u64::from(small % 8),
            200..=219 => u64::from(self.0.arbitrary::<u16>().unwrap_or_default()),
            220..=239 => {
                self.pick(&[u64::MAX, u64::MAX - 1, 1 << 63, u64::from(u32::MAX), u64::from(u32::MAX) + 1, 65_535])
            }
            240.. => self.0.arbitrary().unwrap_or_default(),
        }
    }

    /// The same, of 32 bits.
    pub fn number32(&mut self) -> u32 {
        u32::try_from(self.number()).unwrap_or(u32::MAX)
    }

    /// A span that matters: none, a moment, some of the usual times, or any.
    pub fn span(&mut self) -> u64 {
        match self.byte() {
            0..=99 => 0,
            near @ 100..=199 => u64::from(near - 99),
            200..=229 => self.pick(&[100, 1_000, 2_000, 5_000, 15_000, 30_000, 36_000, 140_000, 3_600_000]),
            230..=249 => u64::from(self.0.arbitrary::<u16>().unwrap_or_default()),
            250.. => u64::from(self.0.arbitrary::<u32>().unwrap_or_default()),
        }
    }

    /// Something, or nothing.
    pub fn maybe<T>(&mut self, something: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| something(self))
    }

    /// At most `most` bytes.
    pub fn some(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1).min(self.0.len());
        self.0.bytes(length).map(<[u8]>::to_vec).unwrap_or_default()
    }
}
