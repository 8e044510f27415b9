//! Every bound of the core in one place, each with its reason. Config may tighten some; none may pass these.

use super::Micros;

/// Characters of an id (account, chip, terminal, item, transaction): 100 in the public contract.
pub const ID_CHARS_MAX: usize = 100;
/// Characters of any other text: 4096 in the public contract.
pub const TEXT_CHARS_MAX: usize = 4096;
/// Lines of a basket that will ever be decoded; what a check accepts is a parameter below this. The
/// largest real basket known to us has 1,114.
pub const ITEMS_MAX: usize = 10_000;
/// Events remembered per account for windows and repeats, and as many older ones that corrections may take of: some 50
/// bytes each, so that a hot account costs at most 50 KiB. What is pushed out at this bound is known to be forgotten.
pub const REMEMBERED_MAX: usize = 512;
/// Refused events remembered per account for windows of attempts, at 48 bytes each.
pub const ATTEMPTS_MAX: usize = 512;
/// Answers kept per account for repeats of accepted and Pending events; an older repeat is answered without messages.
pub const ANSWERS_MAX: usize = 64;
/// Refused events kept per account for their repeats; the parameter `checks.repeat.refused_max` stays within.
pub const REFUSED_MAX: usize = 64;
/// Messages kept of an answer.
pub const STORED_MESSAGES_MAX: usize = 8;
/// Repeats of a Pending event by whose outcomes it can be resolved, the last ones.
pub const HOLD_REPEATS_MAX: usize = 16;
/// Account events remembered per account, at most some 50 bytes each; what is pushed out is known to be forgotten.
pub const ACCOUNT_EVENTS_MAX: usize = 512;
/// Things of which an account knows when they last changed: limit, default, patched fields and flags.
pub const MARKS_MAX: usize = 64;
/// Open holds per account; the check's parameter (default 5) stays below it.
pub const HOLDS_MAX: usize = 64;
/// Flags by name per account; a further one is dead-lettered, unless it blocks and one of the others does not.
pub const FLAGS_MAX: usize = 16;
/// Chips registered and chips blocked per account, each.
pub const CHIPS_MAX: usize = 32;
/// Counters of chips per account, one for each chip and currency, 24 bytes each: what is charged to a further chip has to be
/// identified each time. The account's own come on top, one a currency.
pub const COUNTERS_MAX: usize = 256;
/// Holds that one input may run out; the rest follow with the next inputs, in the same order on every replay.
pub const EXPIRIES_PER_INPUT_MAX: usize = 64;
/// Accounts of one partition; an account past it is answered `pos.state.unavailable`.
pub const ACCOUNTS_PER_PARTITION_MAX: usize = 64_000_000;
/// The smallest bound that a journal record may be given, bytes: twice the largest account, of 60 KiB of events, 25 KiB of
/// attempts, 64 KiB of answers and refused events, 25 KiB of account events, 20 KiB of holds, 6 KiB of
/// counters.
pub const JOURNAL_RECORD_BYTES_MIN: usize = 400 << 10;
/// Message of an outcome, characters (contract: 4096).
pub const MESSAGE_CHARS_MAX: usize = 4096;
/// Messages that one check reports for one event; the last says how many more there were.
pub const MESSAGES_PER_CHECK_MAX: usize = 20;
/// Outcomes that `tillgate explain` prints of one id.
pub const EXPLAINED_MAX: usize = 100;
/// Bytes of an encoded outcome. Where messages are many and long they are shortened until it fits
/// ([`super::outcome::Outcome::shorten`]), so an outcome is far below the 1 MiB that a topic takes unless it is told
/// otherwise.
pub const OUTCOME_BYTES_MAX: usize = 256 << 10;

/// Messages that a shortened outcome keeps, the first ones in catalogue order.
pub const SHORTENED_MESSAGES_MAX: usize = 100;

/// Characters of a message and its detail together in a shortened outcome: with up to 6 bytes each in JSON, 100 messages with their fields are
/// under 200 KiB.
pub const SHORTENED_MESSAGE_CHARS_MAX: usize = 200;

/// Characters of what a dead letter says about itself, in a header.
pub const DEAD_LETTER_MESSAGE_CHARS_MAX: usize = 1_000;

/// Bytes of a record of observations; further ones go into another.
pub const OBSERVATIONS_RECORD_BYTES_MAX: usize = 512 << 10;
/// Observations of one terminal or chip in a record, so that the last one that fits does not make it too long.
pub const OBSERVATIONS_OF_KEY_MAX: usize = 500;
/// Accounts that a profile remembers: those that used the terminal or chip last. A fan-out can ask for fewer.
pub const PROFILE_ACCOUNTS_MAX: usize = 64;
/// Accounts that a chip is known to be registered for; of a further one the oldest is forgotten.
pub const PROFILE_OWNERS_MAX: usize = 8;
/// Days of which a terminal's events are counted.
pub const PROFILE_DAYS_MAX: usize = 31;
/// Events of a terminal that are remembered as confirmed fraud; of a further one the oldest is forgotten.
pub const PROFILE_FRAUDS_MAX: usize = 256;
/// How long a terminal or chip is remembered that nobody uses, that no reference record lists and no account has registered.
pub const PROFILE_MEMORY: Micros = Micros(31 * 86_400 * 1_000_000);
/// How far ahead of its record's time what decisions saw may move the time of a partition of profiles.
pub const PROFILE_TIME_AHEAD: Micros = Micros(5 * 60 * 1_000_000);
/// Profiles of one partition; of a further one, the one that was used longest ago is forgotten.
pub const PROFILES_PER_PARTITION_MAX: usize = 1_000_000;
/// Profiles that are forgotten for their age with one record of observations; the rest follow with the next.
pub const PROFILES_FORGOTTEN_AT_ONCE: usize = 256;
/// How far apart two uses of a chip may be to be compared: in a day one can be anywhere.
pub const TRAVEL_MAX: Micros = Micros(24 * 3_600 * 1_000_000);
/// Other terminals whose places one decision looks up.
pub const PLACES_PER_DECISION_MAX: usize = 8;

/// How long an interaction is remembered, by the record times of interactions: 35 days, as account events are.
pub const INTERACTION_MEMORY: Micros = Micros(35 * 86_400 * 1_000_000);
/// How long a person is remembered of whom nothing but interactions is known: a day longer than these.
pub const PARTY_MEMORY: Micros = Micros(36 * 86_400 * 1_000_000);
/// How far an interaction may lie after its record's time.
pub const INTERACTION_AHEAD: Micros = Micros(5 * 60 * 1_000_000);
/// Interactions remembered of one person, at some 80 bytes each. What is pushed out at this bound is known to be forgotten.
pub const INTERACTIONS_MAX: usize = 512;
/// Contacts of one person that requests brought along; of a further one the oldest is forgotten.
pub const FOUND_CONTACTS_MAX: usize = 32;
/// Accounts of one person; a further one is dead-lettered.
pub const PARTY_ACCOUNTS_MAX: usize = 128;
/// Bytes of a party record: it is written into the journal as it is, beside 50 KiB of interactions.
pub const PARTY_RECORD_BYTES_MAX: usize = 64 << 10;
/// Contacts, loans, cases and inconvenient times of a party record, each.
pub const PARTY_LIST_MAX: usize = 64;
/// Zones, places, channels, themes, statuses and days in one list of a party record.
pub const PARTY_WORDS_MAX: usize = 32;
/// Time zones where one person may be; of whom more are told may be anywhere.
pub const ZONES_MAX: usize = 12;
/// Loans of one request.
pub const LOANS_MAX: usize = 64;
/// Persons of one partition; what is told of a further one is a dead letter.
pub const PARTIES_PER_PARTITION_MAX: usize = 16_000_000;
/// Persons that are forgotten for their age with one request; the rest follow with the next.
pub const PARTIES_FORGOTTEN_AT_ONCE: usize = 256;

/// The longest window of a velocity rule, and how long events are remembered for it: 31 days.
pub const WINDOW_MAX: Micros = Micros(31 * 86_400 * 1_000_000);
/// Lines of a file that may be looked at ahead of one, of each file; they are held in memory.
pub const FILE_LINES_AHEAD_MAX: usize = 100;
/// A local day can have 25 hours where a clock is set back.
pub const LOCAL_DAY_MAX: Micros = Micros(25 * 3_600 * 1_000_000);

// One customer text of the contract's length, in four bytes a character and escaped, comes on top of the messages.
const _: () = assert!(
    SHORTENED_MESSAGES_MAX * (6 * SHORTENED_MESSAGE_CHARS_MAX + 6 * ID_CHARS_MAX + 256) + 6 * TEXT_CHARS_MAX
        <= OUTCOME_BYTES_MAX - (4 << 10)
);
