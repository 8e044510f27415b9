//! `update` account events: a patch of what the account system knows, and the end of a Pending outcome. Each part applies by
//! itself; what does not is told.

use super::account::{Created, INVALID, Refusal, fits, mark, refuse};
use super::pending::PendingEnd;
use super::{Decision, Engine, RecordContext, change};
use crate::domain::account_event::{AccountEvent, Resolve, Update};
use crate::domain::enums::{CountryCode, Currency};
use crate::domain::hashing::hash64;
use crate::domain::ids::TransactionId;
use crate::domain::visible::excerpt;
use crate::domain::{Micros, limits};
use crate::state::{Account, AccountFlags, AppliedEvent, Fact, Facts, Hold, Patch, Thing, id_hash};
use std::borrow::Cow;

impl Engine {
    /// Applies what of an update can be; what cannot is told. Where its sender asked for a reply it applies whole or not at all.
    pub(super) fn update<'a>(
        &'a self,
        account: &Account,
        update: &Update,
        (event, record): (&'a AccountEvent, &RecordContext<'a>),
        (now, applied): (Micros, AppliedEvent),
        mut facts: Facts,
    ) -> Result<Decision<'a>, Refusal> {
        let created = Created { time: event.created_at, asked: record.asked };
        let (changes, mut refusal) = self.patch(account, update, created, now)?;
        let hold = match update.resolve.as_ref().map(|resolve| (open_hold(account, resolve, now), resolve)) {
            Some((Ok(hold), resolve)) => Some((hold, resolve.granted)),
            Some((Err(unresolved), _)) => {
                unresolved.join(&mut refusal);
                None
            }
            None => None,
        };
        match refusal {
            Some(refusal) if record.asked || changes.is_empty() && hold.is_none() => return Err(refusal),
            _ => {}
        }
        facts.push(self.remembering(applied));
        facts.extend(changes);
        let Some((hold, granted)) = hold else {
            let change = change(Cow::Borrowed(event.account.as_str()), facts);
            return Ok(Decision { change, refusal, ..Decision::default() });
        };
        let end = if granted { PendingEnd::Granted } else { PendingEnd::Refused };
        let id = (hash64(event.id.as_bytes()), 0);
        let decision = self.end_pending(record, account, hold, end, id, facts);
        Ok(Decision { refusal, ..decision })
    }

    /// The facts of a patch, each field by itself: what is older than the last of its own does not apply. What makes no sense
    /// refuses the whole update.
    fn patch(
        &self,
        account: &Account,
        update: &Update,
        created: Created,
        now: Micros,
    ) -> Result<(Facts, Option<Refusal>), Refusal> {
        let mut patch = read_patch(update)?;
        let mut facts = Facts::new();
        let mut refusal = None;
        let mut applies = |thing: Thing, what: &str| {
            let marked = mark(account, thing, what, created, &mut facts);
            marked.map_err(|stale| stale.join(&mut refusal)).is_ok()
        };
        patch.party_id = patch.party_id.filter(|_| applies(Thing::PARTY, "update.partyId"));
        patch.country = patch.country.filter(|_| applies(Thing::COUNTRY, "update.countryCode"));
        patch.chips = patch.chips.filter(|_| applies(Thing::CHIPS, "update.nfcIds"));
        patch.blocked_chips =
            patch.blocked_chips.filter(|_| applies(Thing::BLOCKED_CHIPS, "update.blockedNfcIds"));
        let ssn = update.ssn_known.filter(|_| applies(Thing::SSN, "update.ssnKnown"));
        let blocks = patch.currency.and_then(|currency| change_of_currency(account, currency, now));
        patch.currency =
            patch.currency.filter(|_| blocks.is_none() && applies(Thing::CURRENCY, "update.currency"));
        if let Some(blocks) = blocks {
            blocks.join(&mut refusal);
        }
        if let Some(currency) = patch.currency.filter(|_| account.standing.has(AccountFlags::DEFAULT_LIMIT)) {
            let country = account.country.unwrap_or(CountryCode::Unrecognized);
            let limit = self.parameters.of(country, currency).limit.default.get(currency);
            facts.push(Fact::LimitSet(limit.unwrap_or_default()));
        }
        if patch != Patch::default() {
            facts.push(Fact::Patched(Box::new(patch)));
        }
        facts.extend(ssn.map(|on| Fact::StandingSet { bit: AccountFlags::SSN_KNOWN, on }));
        Ok((facts, refusal))
    }
}

/// The hold that is to be resolved.
fn open_hold<'s>(account: &'s Account, resolve: &Resolve, now: Micros) -> Result<&'s Hold, Refusal> {
    TransactionId::parse(&resolve.transaction_id)
        .and_then(|id| account.holds().iter().find(|hold| hold.answers_to(id)))
        .filter(|hold| hold.expires > now)
        .ok_or_else(|| Refusal {
            code: INVALID,
            message: "update.resolve.transactionId names no open Pending outcome of the account: it was resolved or ran \
                      out before"
                .to_owned(),
        })
}

/// Why the account's currency cannot become this one. Holds that run out by the event's own time keep nothing.
fn change_of_currency(account: &Account, currency: Currency, now: Micros) -> Option<Refusal> {
    let own = account.currency.filter(|own| *own != currency)?;
    let holds = account.holds().iter().any(|hold| hold.expires > now);
    if account.standing.has(AccountFlags::CURRENCY_HELD) && !holds {
        return None;
    }
    let is_empty = account.balance.is_zero() && account.fees.is_zero() && !holds;
    (!is_empty).then(|| Refusal {
        code: INVALID,
        message: format!(
            "update.currency {currency} would change the {own} of an account that has a balance, fees or holds: they \
             must be 0"
        ),
    })
}

pub(super) fn read_patch(update: &Update) -> Result<Patch, Refusal> {
    if update.party_id.as_deref().is_some_and(|id| !fits(id)) {
        return refuse(INVALID, "update.partyId is blank or longer than 100 characters");
    }
    Ok(Patch {
        party_id: update.party_id.as_deref().map(Into::into),
        currency: symbol("update.currency", update.currency.as_deref(), |text| {
            Currency::from_symbol(text).filter(|currency| *currency != Currency::Unrecognized)
        })?,
        country: symbol("update.countryCode", update.country_code.as_deref(), |text| {
            CountryCode::from_symbol(text).filter(|country| *country != CountryCode::Unrecognized)
        })?,
        chips: chips("update.nfcIds", update.nfc_ids.as_deref())?,
        blocked_chips: chips("update.blockedNfcIds", update.blocked_nfc_ids.as_deref())?,
        old_hashes: false,
    })
}

fn symbol<T>(
    field: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    match text {
        None => Ok(None),
        Some(text) => match read(text) {
            Some(value) => Ok(Some(value)),
            None => refuse("400.004", format!("{field} \"{}\" is unknown", excerpt(text))),
        },
    }
}

fn chips(field: &str, ids: Option<&[String]>) -> Result<Option<Vec<u64>>, Refusal> {
    let Some(ids) = ids else { return Ok(None) };
    if ids.len() > limits::CHIPS_MAX {
        return refuse(
            INVALID,
            format!("{field} has {} chips, at most {} are kept", ids.len(), limits::CHIPS_MAX),
        );
    }
    let mut hashes: Vec<u64> = ids.iter().map(|id| id_hash(Some(id))).collect();
    hashes.sort_unstable();
    hashes.dedup();
    Ok(Some(hashes))
}
