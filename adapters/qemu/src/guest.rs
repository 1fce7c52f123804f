//! The guest: a disk image that runs by itself, and the records that it writes (see `guest/farshore.S`).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::LabError;

/// The assembled guest.
pub const IMAGE: &[u8; 512] = include_bytes!("../guest/farshore.bin");

const NAME_AT: usize = 494;
const NAME: usize = 16;
const SECTOR: u64 = 512;
const HEAD: u64 = 8;
const RING: u64 = 16;

/// How many records a disk holds; the newest replaces the oldest.
pub const RING_RECORDS: u32 = 1024;

/// Size of a LUN, bytes.
pub const LUN_BYTES: u64 = 8 << 20;

/// One record on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The VM that wrote it.
    pub vm: String,
    /// Its number, from 1.
    pub number: u32,
}

/// Reads a sector as a record; `None`: it is none, or its checksum is wrong.
#[must_use]
pub fn parse(sector: &[u8]) -> Option<Record> {
    let (body, sum) = sector.get(..28)?.split_at(24);
    if &body[..4] != b"FSR1" || checksum(body).to_le_bytes() != sum {
        return None;
    }
    let name = body[4..20].split(|&b| b == 0).next().unwrap_or_default();
    let number = u32::from_le_bytes(body[20..24].try_into().ok()?);
    Some(Record { vm: String::from_utf8_lossy(name).into_owned(), number })
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |sum, &b| sum.rotate_left(1).wrapping_add(u32::from(b)))
}

/// Makes an empty disk for a LUN; with a guest on it, if a VM is named (the first 16 bytes of its name count).
///
/// # Errors
/// The file cannot be written.
pub fn format(path: &Path, vm: Option<&str>) -> Result<(), LabError> {
    let what = || format!("making the disk {}", path.display());
    let mut file = File::create(path).map_err(LabError::io(what()))?;
    file.set_len(LUN_BYTES).map_err(LabError::io(what()))?;
    if let Some(vm) = vm {
        let mut sector = *IMAGE;
        let name = &vm.as_bytes()[..vm.len().min(NAME)];
        sector[NAME_AT..NAME_AT + name.len()].copy_from_slice(name);
        file.write_all(&sector).map_err(LabError::io(what()))?;
    }
    Ok(())
}

/// Gives a disk's guest another name (the first 16 bytes of it count): what it writes from now on tells it from the guest
/// that the disk was copied from.
///
/// # Errors
/// The file cannot be read or written.
pub fn rename(path: &Path, vm: &str) -> Result<(), LabError> {
    let what = || format!("renaming the guest on {}", path.display());
    let head = read(path)?.head;
    let mut name = [0; NAME];
    let given = &vm.as_bytes()[..vm.len().min(NAME)];
    name[..given.len()].copy_from_slice(given);
    let mut file = File::options().write(true).open(path).map_err(LabError::io(what()))?;
    let mut write = |at: u64, bytes: &[u8]| {
        file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes)).map_err(LabError::io(what()))
    };
    write(NAME_AT as u64, &name)?;
    let Some(head) = head else { return Ok(()) };
    write(HEAD * SECTOR, &record(&name, head.number))
}

/// The bytes of a record.
fn record(name: &[u8; NAME], number: u32) -> Vec<u8> {
    let mut bytes = [b"FSR1".as_slice(), name, &number.to_le_bytes()].concat();
    let sum = checksum(&bytes).to_le_bytes();
    bytes.extend(sum);
    bytes
}

/// What a disk holds: the number in its head, and every number in its ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// The last record that the guest saw through.
    pub head: Option<Record>,
    /// All records of the ring, by rising number.
    pub ring: Vec<Record>,
}

/// Reads a disk image.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> Result<Disk, LabError> {
    let what = || format!("reading the disk {}", path.display());
    let mut file = File::open(path).map_err(LabError::io(what()))?;
    let mut sectors = |first: u64, count: u64| -> Result<Vec<u8>, LabError> {
        let mut bytes = vec![0; usize::try_from(count * SECTOR).unwrap_or(0)];
        file.seek(SeekFrom::Start(first * SECTOR)).map_err(LabError::io(what()))?;
        file.read_exact(&mut bytes).map_err(LabError::io(what()))?;
        Ok(bytes)
    };
    let head = parse(&sectors(HEAD, 1)?);
    let ring = sectors(RING, RING_RECORDS.into())?;
    let mut ring: Vec<Record> = ring.chunks_exact(512).filter_map(parse).collect();
    ring.sort_by_key(|r| r.number);
    Ok(Disk { head, ring })
}

impl Disk {
    /// The number up to which every record is there, as far as the ring reaches back.
    #[must_use]
    pub fn complete_to(&self) -> u32 {
        let numbers: Vec<u32> = self.ring.iter().map(|r| r.number).collect();
        let gap = numbers.windows(2).position(|w| w[0].checked_add(1) != Some(w[1]));
        match gap {
            Some(at) => numbers[at],
            None => numbers.last().copied().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_guest_goes_on_from_the_same_record() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        format(file.path(), Some("db1")).expect("formatted");
        rename(file.path(), "test-db1").expect("renamed");
        assert_eq!(read(file.path()).expect("read").head, None);
        let mut disk = File::options().write(true).open(file.path()).expect("open");
        disk.seek(SeekFrom::Start(HEAD * SECTOR)).expect("sought");
        disk.write_all(&record(b"db1\0\0\0\0\0\0\0\0\0\0\0\0\0", 41)).expect("written");
        rename(file.path(), "a-name-that-is-too-long").expect("renamed");
        let head = read(file.path()).expect("read").head.expect("a record");
        assert_eq!(head, Record { vm: "a-name-that-is-t".into(), number: 41 });
    }
}
