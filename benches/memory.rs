//! What an account costs in memory: bytes on the heap per account, at a million accounts, after their
//! opening and after ten events in their windows. Counted by the allocator, so the figure is the same on every run.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use support::Feed;
use tillgate::codec::json;
use tillgate::pos::OutcomeEncoding;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let accounts: u32 =
        std::env::var("ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let events = 10;
    let world = support::world(accounts, u64::from(accounts) * events);
    let engine = support::engine();
    let before = LIVE.load(Ordering::Relaxed);
    let mut partition = support::partition(&engine, OutcomeEncoding::Json);
    let mut feed = Feed::new();
    for made in support::opening(&world) {
        feed.give(&mut partition, &made);
        partition.committed();
    }
    let per_account = |partition: &tillgate::pos::Partition| {
        (LIVE.load(Ordering::Relaxed) - before) as u64 / partition.state().accounts().len() as u64
    };
    println!("{} accounts", partition.state().accounts().len());
    println!("{:>6} bytes an account after its opening", per_account(&partition));
    for made in support::records(&world, json::write_pos_event) {
        feed.give(&mut partition, &made);
        partition.committed();
    }
    println!("{:>6} bytes an account with {events} events", per_account(&partition));
    let packed = |account: &tillgate::state::Account| account.recent.bytes().len() as u64;
    let accounts = partition.state().accounts();
    let packed = accounts.iter().map(packed).sum::<u64>() / accounts.len() as u64;
    println!("{packed:>6} bytes of that are the remembered events themselves");
}
