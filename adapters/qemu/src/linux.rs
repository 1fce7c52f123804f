//! The Linux guest: a kernel of Debian's, and an initramfs made of busybox, a few modules and `guest/init.sh`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::LabError;

const INIT: &[u8] = include_bytes!("../guest/init.sh");
const MODULES: [&str; 6] = [
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "drivers/block/virtio_blk.ko",
];
const APPLETS: [&str; 14] =
    ["sh", "mount", "insmod", "stty", "usleep", "dd", "od", "tr", "printf", "poweroff", "grep", "mkdir", "cat", "["];

/// What QEMU boots directly.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The kernel.
    pub image: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
}

impl Kernel {
    /// Finds the newest cloud kernel and makes the initramfs in a directory.
    ///
    /// # Errors
    /// The kernel, its modules or busybox are not installed.
    pub fn make(dir: &Path) -> Result<Self, LabError> {
        let missing = || LabError::Missing { program: "a cloud kernel (scripts/setup-lab.sh --linux-guest)".into() };
        let names = fs::read_dir("/boot").map_err(|_| missing())?.flatten().map(|e| e.file_name());
        let kernels = names.filter_map(|n| n.to_str()?.strip_prefix("vmlinuz-").map(ToString::to_string));
        let version = kernels.filter(|v| v.contains("cloud")).max().ok_or_else(missing)?;
        let modules = Path::new("/lib/modules").join(&version).join("kernel");
        let mut archive = Archive::default();
        for dir in ["bin", "dev"] {
            archive.add(dir, 0o040_755, b"");
        }
        archive.add("init", 0o100_755, INIT);
        let read = |path: &Path| fs::read(path).map_err(LabError::io(format!("reading {}", path.display())));
        archive.add("bin/busybox", 0o100_755, &read(Path::new("/bin/busybox"))?);
        for applet in APPLETS {
            archive.add(&format!("bin/{applet}"), 0o120_777, b"busybox");
        }
        for module in MODULES {
            let path = modules.join(module);
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_string();
            archive.add(&name, 0o100_644, &read(&path)?);
        }
        let initramfs = dir.join("initramfs");
        fs::write(&initramfs, archive.end()).map_err(LabError::io(format!("making {}", initramfs.display())))?;
        Ok(Self { image: Path::new("/boot").join(format!("vmlinuz-{version}")), initramfs })
    }
}

/// A cpio archive in the "newc" format, which the kernel unpacks.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let sizes = (u32::try_from(content.len()).unwrap_or(0), u32::try_from(name.len() + 1).unwrap_or(0));
        let fields = [self.entries, mode, 0, 0, 1, 0, sizes.0, 0, 0, 0, 0, sizes.1, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn end(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, b"");
        self.bytes
    }
}
