//! Events as Avro: by our own schemas, by writers' schemas that are made of the bytes, and by any text as a schema.

use std::sync::LazyLock;

use tillgate::codec::avro::{
    ACCOUNT_EVENT_SCHEMA, AccountEventPlan, POS_EVENT_SCHEMA, PosEventPlan, write_account_event,
    write_pos_event,
};
use tillgate::codec::{KnownSchemas, SchemaRef, decode_account_event, decode_pos_event, guid_of_header};
use tillgate::domain::Field;
use tillgate::domain::account_event::AccountEvent;
use tillgate::domain::pos_event::PosEvent;
use tillgate::pos::Input;

use super::json::{account_or, key_of, time_of};
use super::judge::{SCHEMAS, alone, assert_fault};
use super::writer;

static POS_EVENT: LazyLock<PosEventPlan> =
    LazyLock::new(|| PosEventPlan::compile(POS_EVENT_SCHEMA).unwrap_or_else(|fault| panic!("{fault}")));
static ACCOUNT_EVENT: LazyLock<AccountEventPlan> = LazyLock::new(|| {
    AccountEventPlan::compile(ACCOUNT_EVENT_SCHEMA).unwrap_or_else(|fault| panic!("{fault}"))
});

/// A datum of our schema: what is read is written and read alike, and it is answered once.
pub fn pos_event(bytes: &[u8]) {
    let (mut key, mut time) = ("A".to_owned(), None);
    match POS_EVENT.read(bytes) {
        Ok(event) => {
            same_in_avro(&event);
            (key, time) = (key_of(&event), time_of(&event.time));
        }
        Err(error) => assert_fault(&error),
    }
    alone(&SCHEMAS, Input::PosEvents, Some([1; 16]), &key, time.map(|time| time.0), bytes);
}

/// A datum of our schema, as for POS events.
pub fn account_event(bytes: &[u8]) {
    let (mut key, mut time) = ("A".to_owned(), None);
    match ACCOUNT_EVENT.read(bytes) {
        Ok(event) => {
            same_account_event_in_avro(&event);
            (key, time) = (account_or(Some(event.account.clone())), event.created_at);
        }
        Err(error) => assert_fault(&error),
    }
    alone(&SCHEMAS, Input::AccountEvents, Some([1; 16]), &key, time.map(|time| time.0), bytes);
}

/// Where Avro has a place for the event, it comes back from there as it was.
pub fn same_in_avro(event: &PosEvent<'_>) {
    let mut datum = Vec::new();
    if write_pos_event(event, &mut datum).is_ok() {
        let again = POS_EVENT.read(&datum).expect("what was written reads");
        assert_eq!(with_unrecognized(event), again);
    }
}

/// As [`same_in_avro`].
pub fn same_account_event_in_avro(event: &AccountEvent) {
    let mut datum = Vec::new();
    if write_account_event(event, &mut datum).is_ok() {
        assert_eq!(ACCOUNT_EVENT.read(&datum).as_ref(), Ok(event));
    }
}

/// Symbols that the contract does not have are written as its `Unrecognized`.
fn with_unrecognized<'e>(event: &PosEvent<'e>) -> PosEvent<'e> {
    fn symbol<T>(field: &mut Field<'_, T>) {
        if matches!(field, Field::Invalid(_)) {
            *field = Field::Invalid("Unrecognized".into());
        }
    }
    let mut event = event.clone();
    symbol(&mut event.event_type);
    symbol(&mut event.category_type);
    symbol(&mut event.currency);
    symbol(&mut event.country_code);
    symbol(&mut event.conversation_language);
    event
}

/// A writer's schema and a datum of it, both made of the bytes: Avro's rules say what must be read. Then the datum bent.
pub fn written_elsewhere(bytes: &[u8]) {
    let written = writer::pos_event(bytes);
    let plan = PosEventPlan::compile(&written.schema);
    let plan = plan.unwrap_or_else(|fault| panic!("{fault}\n{}", written.schema));
    match plan.read(&written.datum) {
        Ok(event) => assert_eq!(event, written.event, "{}", written.schema),
        Err(fault) => panic!("{fault}\n{}", written.schema),
    }
    let mut bent = written.datum;
    for pair in written.rest.chunks_exact(2).take(8) {
        let place = usize::from(pair[0]) * bent.len() / 256;
        match bent.get_mut(place) {
            Some(byte) if pair[1] != 0 => *byte ^= pair[1],
            _ => bent.truncate(place),
        }
    }
    by_schema(&written.schema, &bent);
}

/// Any text as a writer's schema up to the first nul byte, and a datum behind it.
pub fn schema(bytes: &[u8]) {
    let (text, datum) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    if let Ok(text) = str::from_utf8(text) {
        by_schema(text, datum);
    }
}

/// A datum of any writer's schema, as both kinds of events.
fn by_schema(schema: &str, datum: &[u8]) {
    let reference = SchemaRef::Id(7);
    let mut schemas = KnownSchemas::default();
    if schemas.add_pos_event(reference, schema).is_ok() {
        let value = [&[0, 0, 0, 0, 7], datum].concat();
        let (mut key, mut time) = ("A".to_owned(), None);
        match decode_pos_event(&schemas, &value, None) {
            Ok(event) => (key, time) = (key_of(&event), time_of(&event.time)),
            Err(error) => assert_fault(&error),
        }
        alone(&schemas, Input::PosEvents, None, &key, time.map(|time| time.0), &value);
    }
    if schemas.add_account_event(reference, schema).is_ok() {
        let value = [&[0, 0, 0, 0, 7], datum].concat();
        let decoded = decode_account_event(&schemas, &value, None);
        if let Err(error) = &decoded {
            assert_fault(error);
        }
        let account = account_or(decoded.ok().map(|event| event.account));
        alone(&schemas, Input::AccountEvents, None, &account, None, &value);
    }
}

/// A header of up to 17 bytes behind its length, and a value in whatever framing.
pub fn framing(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return };
    let (header, value) = rest.split_at(usize::from(length % 18).min(rest.len()));
    let guid = guid_of_header(header);
    assert_eq!(guid.is_some(), header.len() == 17 && header[0] == 1);
    let pos = decode_pos_event(&*SCHEMAS, value, guid);
    let account = decode_account_event(&*SCHEMAS, value, guid);
    for error in pos.as_ref().err().into_iter().chain(account.as_ref().err()) {
        assert_fault(error);
    }
    let account = account_or(account.ok().map(|event| event.account));
    alone(&SCHEMAS, Input::PosEvents, guid, "A", None, value);
    alone(&SCHEMAS, Input::AccountEvents, guid, &account, None, value);
}
