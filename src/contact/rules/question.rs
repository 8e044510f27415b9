//! A request as the rules see it: themes, loans, contact and zones found out, or the reasons why it cannot be judged.

use super::parameters::{Policy, Rules};
use super::reason;
use super::times::{When, Zones};
use crate::contact::decision::Reason;
use crate::contact::party::{Party, debt_hash, is_same};
use crate::contact::records::{Contact, ContactDetails, ContactRequest, PartyRecord};
use crate::contact::words::{Channel, ContactKind, Statuses, Theme};
use crate::domain::Micros;

pub const PERSON: &str = "contact.request.person";
pub const THEME: &str = "contact.request.theme";
pub const CHANNEL: &str = "contact.request.channel";
pub const LOAN: &str = "contact.request.loan";
pub const CONTACT: &str = "contact.request.contact";
pub const TIME: &str = "contact.request.time";

/// A request that can be judged.
pub struct Question<'a> {
    pub party: &'a Party,
    pub channel: Channel,
    /// One or two.
    pub themes: Vec<Theme>,
    /// That which the request names, where it is not what its subject implies.
    told: Option<Theme>,
    pub subject: Option<&'a str>,
    pub is_autodialed: bool,
    /// In the order of the request.
    pub debts: Vec<Debt<'a>>,
    pub contact: ContactMeans<'a>,
    pub when: When,
    pub zones: Zones,
}

/// A debt of the person: an account, a loan, or both.
#[derive(Clone, Debug, Default)]
pub struct Debt<'a> {
    /// What it is called first.
    pub name: &'a str,
    /// Each name, and the hash of each.
    pub names: Vec<(&'a str, u64)>,
    pub statuses: Statuses,
}

impl<'a> Debt<'a> {
    fn of(names: [Option<&'a str>; 2], statuses: Statuses) -> Self {
        let names: Vec<&str> = names.into_iter().flatten().collect();
        Self {
            name: names.first().copied().unwrap_or_default(),
            names: names.into_iter().map(|name| (name, debt_hash(name))).collect(),
            statuses,
        }
    }

    fn shares_a_name_with(&self, other: &Self) -> bool {
        self.names.iter().any(|(name, _)| other.is_called(name))
    }

    /// Both as one.
    fn and(mut self, other: Self) -> Self {
        let new = other.names.into_iter().filter(|(name, _)| !self.is_called(name)).collect::<Vec<_>>();
        self.names.extend(new);
        self.statuses.0 |= other.statuses.0;
        self
    }

    /// Whether one of its names has this hash.
    pub fn has(&self, hash: u64) -> bool {
        self.names.iter().any(|(_, own)| *own == hash)
    }

    /// Whether it has this name.
    pub fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|(own, _)| *own == name)
    }
}

/// By what the person is reached.
#[derive(Clone, Copy)]
pub enum ContactMeans<'a> {
    /// A contact of the party record.
    Listed(&'a Contact),
    /// One that a request brought along.
    Found(&'a ContactDetails),
}

impl<'a> ContactMeans<'a> {
    fn kind(self) -> &'a str {
        match self {
            Self::Listed(contact) => &contact.kind,
            Self::Found(found) => &found.kind,
        }
    }

    /// Where it is, in small letters.
    pub fn place(self) -> Option<String> {
        match self {
            Self::Listed(contact) => contact.place.as_ref().map(|place| place.trim().to_lowercase()),
            Self::Found(_) => None,
        }
    }
}

impl<'a> Question<'a> {
    /// The request, or why it cannot be judged.
    pub fn of(
        rules: &'a Rules,
        party: Option<&'a Party>,
        request: &'a ContactRequest,
        now: Option<Micros>,
    ) -> Result<Self, Vec<Reason>> {
        let mut faults = Vec::new();
        let party = party.filter(|party| party.is_known());
        if party.is_none() {
            faults.push(reason(
                PERSON,
                "nothing is known of the person: neither a party record nor an account",
            ));
        }
        let themes = themes(rules, request).map_err(|why| faults.push(reason(THEME, why)));
        let channel = Channel::from_symbol(&request.channel);
        if channel.is_none() {
            faults.push(reason(CHANNEL, "the channel is none of the contract's"));
        }
        let found = party.map(|party| {
            let debts = debts(party, request);
            if let Err(why) = &debts {
                faults.push(reason(LOAN, why.clone()));
            }
            let contact = contact(party, request, channel);
            if let Err(why) = contact {
                faults.push(reason(CONTACT, why));
            }
            (party, debts, contact)
        });
        let when = contact_time(request, now).map_err(|why| faults.push(reason(TIME, why)));
        match (found, themes, channel, when) {
            (Some((party, Ok(debts), Ok(contact))), Ok((themes, told)), Some(channel), Ok(when)) => {
                let zones = zones(rules, party.record.as_deref(), contact);
                let (subject, is_autodialed) = (request.subject.as_deref(), request.is_autodialed);
                Ok(Self { party, channel, themes, told, subject, is_autodialed, debts, contact, when, zones })
            }
            _ => Err(faults),
        }
    }

    /// The themes that are judged where these subjects may go out: then that which the subject implies is not.
    pub fn themes_but(&self, subjects: &[String]) -> Vec<Theme> {
        match self.subject.is_some_and(|subject| subjects.iter().any(|known| known == subject)) {
            true => self.told.into_iter().collect(),
            false => self.themes.clone(),
        }
    }

    /// Whether it is about the collection of a debt.
    pub fn is_collecting(&self, rules: &Rules) -> bool {
        self.themes.iter().any(|theme| rules.collection.contains(theme))
    }

    /// The policy that holds for the person.
    pub fn policy<'r>(&self, rules: &'r Rules) -> Option<&'r Policy> {
        let told = self.record().and_then(|record| record.jurisdiction.as_deref()).map(str::trim);
        let told = told.filter(|name| !name.is_empty()).or(rules.jurisdiction.as_deref())?;
        rules.policy(&told.to_uppercase())
    }

    /// The party record.
    pub fn record(&self) -> Option<&'a PartyRecord> {
        self.party.record.as_deref()
    }

    /// Every debt of the person.
    pub fn all_debts(&self) -> Vec<Debt<'a>> {
        all_debts(self.party)
    }
}

/// The themes of a request, and that which it names besides the one that its subject implies.
fn themes(rules: &Rules, request: &ContactRequest) -> Result<(Vec<Theme>, Option<Theme>), String> {
    let told = match &request.theme {
        None => None,
        Some(theme) => Some(Theme::from_symbol(theme).ok_or("the theme is none of the contract's")?),
    };
    let implied = match &request.subject {
        None => None,
        Some(subject) => *rules.subjects.get(subject).ok_or("the subject is none of the contract's")?,
    };
    let mut themes: Vec<Theme> = told.into_iter().chain(implied).collect();
    themes.dedup();
    // Who is contacted for another reason as well is contacted.
    if themes.iter().any(|theme| !theme.is_inbound()) {
        themes.retain(|theme| !theme.is_inbound());
    }
    match (themes.is_empty(), &request.subject) {
        (false, _) => {
            let own = told.filter(|told| implied != Some(*told) && themes.contains(told));
            Ok((themes, own))
        }
        (true, None) => Err("neither subject nor theme says why the person is to be contacted".to_owned()),
        (true, Some(subject)) => {
            Err(format!("subject {subject} says nothing of why the person is to be contacted: name a theme"))
        }
    }
}

/// Every debt of a person, by account number and then as the party record lists them. Accounts and loans that have an id in
/// common are one.
fn all_debts(party: &Party) -> Vec<Debt<'_>> {
    let loans = party.record.as_ref().map_or(&[][..], |record| &record.loans);
    let accounts = party.accounts.iter().map(|fact| Debt::of([Some(&*fact.account), None], fact.statuses));
    let loans = loans.iter().map(|loan| {
        let statuses = Statuses::of(loan.statuses.iter().map(String::as_str));
        Debt::of([Some(&*loan.loan_id), loan.external_id.as_deref()], statuses)
    });
    let mut debts: Vec<Debt<'_>> = Vec::new();
    for mut debt in accounts.chain(loans) {
        // One may join several that were apart until now; it stands where the first of them stood.
        let mut place = debts.len();
        while let Some(same) = debts.iter().rposition(|known| known.shares_a_name_with(&debt)) {
            debt = debts.remove(same).and(debt);
            place = same;
        }
        debts.insert(place, debt);
    }
    debts
}

fn debts<'a>(party: &'a Party, request: &ContactRequest) -> Result<Vec<Debt<'a>>, String> {
    let all = all_debts(party);
    let mut found: Vec<Debt<'a>> = Vec::new();
    let mut unknown = 0;
    for id in &request.loan_ids {
        match all.iter().find(|debt| debt.is_called(id)) {
            // The same one by two of its names counts once.
            Some(debt) if found.iter().any(|known| known.name == debt.name) => {}
            Some(debt) => found.push(debt.clone()),
            None => unknown += 1,
        }
    }
    match unknown {
        0 => Ok(found),
        _ => Err(format!("{unknown} of the loans are none of the person's")),
    }
}

fn contact<'a>(
    party: &'a Party,
    request: &'a ContactRequest,
    channel: Option<Channel>,
) -> Result<ContactMeans<'a>, &'static str> {
    let listed = party.record.as_ref().map_or(&[][..], |record| &record.contacts);
    let by_id = request.contact_id.as_ref().map(|id| listed.iter().find(|contact| contact.contact_id == *id));
    let external = request.contact_external_id.as_ref();
    let by_external =
        external.map(|id| listed.iter().find(|contact| contact.external_id.as_ref() == Some(id)));
    let by_details = request.contact_details.as_ref().map(|details| {
        let is_it = |contact: &&Contact| is_same((&contact.kind, &contact.value), details);
        listed.iter().find(is_it)
    });
    if [by_id, by_external].contains(&Some(None)) {
        return Err("the contact is none of the person's");
    }
    let mut named = [by_id, by_external, by_details].into_iter().flatten();
    let first =
        named.next().ok_or("one of contactId, contactExternalId and contactDetails says by what contact")?;
    let address = |contact: Option<&Contact>| contact.map(std::ptr::from_ref);
    if !named.all(|other| address(other) == address(first)) {
        return Err("contactId, contactExternalId and contactDetails name different contacts");
    }
    let found = request.contact_details.as_ref().map(ContactMeans::Found);
    let Some(means) = first.map(ContactMeans::Listed).or(found) else {
        return Err("the contact is none of the person's");
    };
    let needs = channel.and_then(|channel| match channel {
        Channel::Voice | Channel::Text | Channel::Fax => Some(ContactKind::Phone),
        Channel::Email => Some(ContactKind::Email),
        Channel::Mail => Some(ContactKind::Address),
        Channel::Chat | Channel::Gui | Channel::Document => None,
    });
    match needs {
        Some(kind) if means.kind() != kind.symbol() => Err("the contact cannot be used by this channel"),
        _ => Ok(means),
    }
}

fn contact_time(request: &ContactRequest, now: Option<Micros>) -> Result<When, &'static str> {
    match (request.start_at, request.start_date) {
        (Some(_), Some(_)) => Err("startAt and startDate are both given"),
        (Some(time), None) => Ok(When::At(time)),
        (None, Some(day)) => Ok(When::On(day)),
        (None, None) => now.map(When::At).ok_or("startAt is missing, and the record has no time"),
    }
}

/// The zones where the person may be. A zone or place that nobody knows may be anywhere.
fn zones(rules: &Rules, record: Option<&PartyRecord>, contact: ContactMeans<'_>) -> Zones {
    let own = record.into_iter().flat_map(|record| &record.time_zones).map(Some);
    let places = record.into_iter().flat_map(|record| &record.places);
    let of_places = places.flat_map(|place| match rules.places.get(place) {
        Some(zones) => zones.iter().map(Some).collect(),
        None => vec![None],
    });
    let of_contact = match contact {
        ContactMeans::Listed(contact) => &*contact.time_zones,
        ContactMeans::Found(_) => &[],
    };
    Zones::of(own.chain(of_places).chain(of_contact.iter().map(Some)).map(|name| name.map(String::as_str)))
}
