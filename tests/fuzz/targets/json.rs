//! Events as JSON.

use tillgate::codec::json::{
    peek_account_event, peek_pos_event, read_account_event, read_pos_event, write_account_event,
    write_pos_event,
};
use tillgate::domain::pos_event::PosEvent;
use tillgate::domain::{Field, Micros};
use tillgate::pos::Input;

use super::judge::{SCHEMAS, alone, assert_fault};

/// What is read is written and read alike; a look at the line sees what reading it does; it is answered once.
pub fn pos_event(bytes: &[u8]) {
    let (mut account, mut time) = (None, None);
    match read_pos_event(bytes) {
        Ok(event) => {
            let mut written = Vec::new();
            write_pos_event(&event, &mut written);
            let again = read_pos_event(&written).expect("what was written reads");
            assert_eq!(event, again);
            let peek = peek_pos_event(bytes);
            assert_eq!((&peek.account, peek.time), (&event.account_number, time_of(&event.time)));
            super::avro::same_in_avro(&event);
            (account, time) =
                (event.account_number.map(|account| account.into_owned()), time_of(&event.time));
        }
        Err(error) => {
            assert_fault(&error);
            let _ = peek_pos_event(bytes);
        }
    }
    alone(&SCHEMAS, Input::PosEvents, None, &account_or(account), time.map(|time| time.0), bytes);
}

/// As for POS events.
pub fn account_event(bytes: &[u8]) {
    let (mut account, mut time) = (None, None);
    match read_account_event(bytes) {
        Ok(event) => {
            let mut written = Vec::new();
            write_account_event(&event, &mut written);
            assert_eq!(read_account_event(&written).as_ref(), Ok(&event));
            let peek = peek_account_event(bytes);
            assert_eq!((peek.account.as_deref(), peek.time), (Some(&*event.account), event.created_at));
            super::avro::same_account_event_in_avro(&event);
            (account, time) = (Some(event.account), event.created_at);
        }
        Err(error) => {
            assert_fault(&error);
            let _ = peek_account_event(bytes);
        }
    }
    alone(&SCHEMAS, Input::AccountEvents, None, &account_or(account), time.map(|time| time.0), bytes);
}

/// A key that is one, whatever the event says.
pub fn account_or(account: Option<String>) -> String {
    account
        .filter(|account| !account.trim().is_empty() && account.chars().count() <= 100)
        .unwrap_or_else(|| "A".into())
}

/// The time, where it is one.
pub fn time_of(time: &Field<'_, Micros>) -> Option<Micros> {
    time.value()
}

/// The account that the event names, as a key.
pub fn key_of(event: &PosEvent<'_>) -> String {
    account_or(event.account_number.as_deref().map(str::to_owned))
}
