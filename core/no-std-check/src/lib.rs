//! Proof that `farshore-core` and everything under it are free of `std`: this builds only if they are.
//!
//! A final artefact has exactly one panic handler. This one brings its own, and `std` brings one too: as soon as any
//! crate in the graph links `std`, the compiler stops with E0152, `found duplicate lang item panic_impl`. The allocator
//! shows, in the same way, that `alloc` is all that is asked for. Nothing here is ever run.
//!
//! ```text
//! cargo build --manifest-path core/no-std-check/Cargo.toml --target-dir target/no-std-check
//! ```

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use farshore_core as _;

struct NoMemory;

// SAFETY: it never hands out memory; null is the documented answer of an allocator that has none.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: NoMemory = NoMemory;

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {}
}
