//! The allocator of the binary and of the benches: mimalloc. Knows nothing of tillgate.
//!
//! The `mimalloc` crate asks for every block by its alignment, and version 3 of mimalloc then makes a block larger than
//! asked for unless its size is a power of two: an account's state took a quarter more memory and twice the time. So what
//! any `malloc` aligns well enough is asked for plainly.

use libmimalloc_sys::{
    mi_free, mi_malloc, mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc, mi_zalloc_aligned,
};
use std::alloc::{GlobalAlloc, Layout};

/// mimalloc as Rust's allocator.
#[derive(Clone, Copy, Debug)]
pub struct Allocator;

/// Whether a `malloc` of `size` bytes suits: it is aligned for every C type that fits into it, and this is an ordinary one.
fn plain(size: usize, align: usize) -> bool {
    align <= size && align <= align_of::<u64>()
}

// SAFETY: mimalloc's blocks are valid until they are freed, overlap no others, are aligned as asked for, or as C asks of
// `malloc`; any of its calls takes a block that any other has given.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: any size may be asked for, and an alignment is a power of two.
        let block =
            unsafe { if plain(size, align) { mi_malloc(size) } else { mi_malloc_aligned(size, align) } };
        block.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as above.
        let block =
            unsafe { if plain(size, align) { mi_zalloc(size) } else { mi_zalloc_aligned(size, align) } };
        block.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller's promise that the block is ours.
        unsafe { mi_free(block.cast()) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (block, align) = (block.cast(), layout.align());
        // SAFETY: the caller's promise that the block is ours; otherwise as above.
        let block = unsafe {
            if plain(size, align) { mi_realloc(block, size) } else { mi_realloc_aligned(block, size, align) }
        };
        block.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_as_asked_for_and_keep_what_they_hold_when_they_grow() {
        for align in (0..13).map(|power| 1_usize << power) {
            for size in (1..200).chain([1_000, 4_096, 100_000, 5 << 20]) {
                let layout = Layout::from_size_align(size, align).expect("a layout");
                // SAFETY: written and read within the size asked for, freed once with the layout of the last call.
                unsafe {
                    let block = Allocator.alloc(layout);
                    assert_eq!(block.addr() % align, 0, "{size} {align}");
                    block.write_bytes(7, size);
                    let grown = Allocator.realloc(block, layout, size * 3);
                    assert_eq!(grown.addr() % align, 0, "{size} {align}");
                    assert!(std::slice::from_raw_parts(grown, size).iter().all(|byte| *byte == 7));
                    Allocator.dealloc(grown, Layout::from_size_align(size * 3, align).expect("a layout"));
                    let zeroed = Allocator.alloc_zeroed(layout);
                    assert_eq!(zeroed.addr() % align, 0, "{size} {align}");
                    assert!(std::slice::from_raw_parts(zeroed, size).iter().all(|byte| *byte == 0));
                    Allocator.dealloc(zeroed, layout);
                }
            }
        }
    }
}
