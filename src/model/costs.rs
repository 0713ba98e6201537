//! What text messages may cost: where they may go, and how many in a day. Each is paid for, and whoever can make a server send them to numbers
//! of their choosing earns by it.
//!
//! A day is any 24 hours. Messages are counted by the hour, and an hour counts until all of it is a day old: so no 24 hours, wherever they
//! begin, see more than a budget, and some see a little less.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::telephone::{self, Tariff, Telephone};
use crate::id::BlindKey;
use crate::time::Timestamp;

/// Milliseconds of what is counted as one.
const HOUR: u64 = 3_600_000;
/// How many of them a count is kept for, the present one included.
const HOURS: u64 = 25;

/// Where text messages may go, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs {
    /// Which countries they may go to.
    pub countries: Countries,
    /// Whether they may go to numbers that are not known to be assigned to anybody.
    pub unassigned: bool,
    /// How many may be sent in a day.
    pub budgets: Budgets,
}

/// Which countries text messages may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Countries {
    /// All, but no satellite and no international network.
    All,
    /// Those with these names: two capital letters (ISO 3166-1), or a calling code with `+` before it.
    Only(BTreeSet<String>),
}

/// How many text messages may be sent in a day; 0 for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// To one number.
    pub number: u32,
    /// For one entity, whatever its numbers.
    pub entity: u32,
    /// To one range of ten thousand numbers.
    pub prefix: u32,
    /// For the entities of one namespace.
    pub namespace: u32,
    /// In all.
    pub day: u32,
}

/// One of the budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// [`Budgets::number`].
    Number,
    /// [`Budgets::entity`].
    Entity,
    /// [`Budgets::prefix`].
    Prefix,
    /// [`Budgets::namespace`].
    Namespace,
    /// [`Budgets::day`].
    Day,
}

/// Why no text message may go to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// It is no telephone number.
    NoNumber,
    /// It lies in a country that none may go to.
    Country,
    /// It costs more than reaching a person does, or reaches none.
    Premium,
    /// It is not known to be assigned to anybody.
    Unassigned,
}

impl Budget {
    /// What it is called in the log and in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Entity => "entity",
            Self::Prefix => "prefix",
            Self::Namespace => "namespace",
            Self::Day => "day",
        }
    }
}

impl Forbidden {
    /// What it is called in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoNumber => "no telephone number",
            Self::Country => "country not allowed",
            Self::Premium => "premium number",
            Self::Unassigned => "unassigned number",
        }
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self { number: 30, entity: 30, prefix: 200, namespace: 5_000, day: 10_000 }
    }
}

/// No country until some are named.
impl Default for Costs {
    fn default() -> Self {
        Self { countries: Countries::Only(BTreeSet::new()), unassigned: false, budgets: Budgets::default() }
    }
}

impl Costs {
    /// For trying things out: any country and any number, invented ones too, within the budgets.
    pub fn anywhere() -> Self {
        Self { countries: Countries::All, unassigned: true, budgets: Budgets::default() }
    }

    /// The number written as `text`, if text messages may go there.
    ///
    /// # Errors
    /// Why they may not.
    pub fn admit(&self, text: &str) -> Result<Telephone, Forbidden> {
        // A closer look costs thousands of times as much: nobody makes us take one at numbers all over the world.
        let (code, shared_by) = telephone::whereabouts(text).ok_or(Forbidden::NoNumber)?;
        if !self.countries.may_contain(code, &shared_by) {
            return Err(Forbidden::Country);
        }
        let number = Telephone::parse(text).ok_or(Forbidden::NoNumber)?;
        if number.tariff == Tariff::Special {
            return Err(Forbidden::Premium);
        }
        if !self.countries.contain(&number) {
            return Err(Forbidden::Country);
        }
        if number.tariff == Tariff::Unassigned && !self.unassigned {
            return Err(Forbidden::Unassigned);
        }
        Ok(number)
    }
}

impl Budgets {
    /// How many the budget is, if it is one.
    pub fn of(&self, budget: Budget) -> Option<u32> {
        let most = match budget {
            Budget::Number => self.number,
            Budget::Entity => self.entity,
            Budget::Prefix => self.prefix,
            Budget::Namespace => self.namespace,
            Budget::Day => self.day,
        };
        (most > 0).then_some(most)
    }
}

impl Countries {
    /// The countries in this list of names; `*` for all.
    ///
    /// # Errors
    /// The name that is none.
    pub fn parse(list: &str) -> Result<Self, String> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: BTreeSet<String> = names.map(str::to_ascii_uppercase).collect();
        if names.contains("*") {
            return Ok(Self::All);
        }
        let is_name = |name: &&String| {
            let is_country = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
            let code = name.strip_prefix('+').unwrap_or_default();
            is_country || ((1..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()))
        };
        match names.iter().find(|name| !is_name(name)) {
            Some(none) => Err(none.clone()),
            None => Ok(Self::Only(names)),
        }
    }

    fn may_contain(&self, calling_code: u16, shared_by: &[&str]) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => {
                names.contains(&format!("+{calling_code}")) || shared_by.iter().any(|country| names.contains(*country))
            }
        }
    }

    fn contain(&self, number: &Telephone) -> bool {
        match self {
            Self::All => number.tariff != Tariff::Nowhere,
            Self::Only(names) => {
                let by_country = number.country.as_ref().is_some_and(|country| names.contains(country));
                by_country || names.contains(&format!("+{}", number.calling_code))
            }
        }
    }
}

/// How many messages went on one budget of late.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tally {
    /// What it counts, as a keyed hash.
    pub key: BlindKey,
    /// The hours in which there were any, as hours since the epoch, and how many, oldest first.
    hours: Vec<(u64, u32)>,
}

impl Tally {
    /// Nothing counted.
    pub const fn none(key: BlindKey) -> Self {
        Self { key, hours: Vec::new() }
    }

    /// How many there were in the last day.
    pub fn count(&self, now: Timestamp) -> u32 {
        let counts = self.hours.iter().filter(|(hour, _)| counts(*hour, now)).map(|(_, count)| *count);
        counts.fold(0, u32::saturating_add)
    }

    /// Count one more.
    pub fn add(&mut self, now: Timestamp) {
        let present = hour_of(now);
        // With the clock set back, what is counted in hours to come is counted as of now: it neither vanishes nor stays for ever.
        let to_come = self.hours.iter().filter(|(hour, _)| *hour > present).map(|(_, count)| *count);
        let more = to_come.fold(1, u32::saturating_add);
        self.hours.retain(|(hour, _)| *hour <= present && counts(*hour, now));
        match self.hours.last_mut() {
            Some((hour, count)) if *hour == present => *count = count.saturating_add(more),
            _ => self.hours.push((present, more)),
        }
    }

    /// When nothing of it counts any more.
    pub fn expires_at(&self) -> Timestamp {
        let newest = self.hours.last().map_or(0, |(hour, _)| *hour);
        Timestamp::from_millis(newest.saturating_add(HOURS).saturating_mul(HOUR))
    }
}

fn hour_of(now: Timestamp) -> u64 {
    now.as_millis() / HOUR
}

/// Whether an hour is not yet a day old, all of it. One to come is not.
fn counts(hour: u64, now: Timestamp) -> bool {
    hour.saturating_add(HOURS) > hour_of(now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_800_000_015);

    fn at(secs: u64) -> Timestamp {
        START.plus(Duration::from_secs(secs))
    }

    fn tally(moments: &[u64]) -> Tally {
        let mut tally = Tally::none(BlindKey::from([0; 16]));
        for secs in moments {
            tally.add(at(*secs));
        }
        tally
    }

    #[test]
    fn a_message_counts_for_a_day_and_no_longer_than_an_hour_more() {
        let tally = tally(&[0]);
        assert_eq!(tally.count(at(0)), 1);
        assert_eq!(tally.count(at(86_400)), 1, "a day later it counts");
        assert_eq!(tally.count(at(86_400 + 3_600)), 0);
        assert!(tally.expires_at() > at(86_400) && tally.expires_at() <= at(86_400 + 3_600));
    }

    #[test]
    fn no_day_sees_more_than_was_counted_in_it() {
        let moments: Vec<u64> = (0..200).map(|n| n * 1_700).collect();
        let tally = tally(&moments);
        let now = moments[199];
        let within = moments.iter().filter(|moment| now - **moment <= 86_400).count();
        assert!(tally.count(at(now)) as usize >= within);
        assert!(tally.hours.len() <= 25, "what is older is forgotten");
    }

    #[test]
    fn a_clock_set_back_gives_no_budget_back_and_one_set_forward_takes_none_for_ever() {
        let mut tally = tally(&[1_000_000, 1_000_001]);
        assert_eq!(tally.count(at(0)), 2);
        tally.add(at(0));
        assert_eq!(tally.count(at(0)), 3);
        assert_eq!(tally.count(at(86_400 + 3_600)), 0, "it heals within a day");
    }

    #[test]
    fn messages_go_to_listed_countries_only() {
        let to = |list: &str, number: &str| {
            let costs = Costs { countries: Countries::parse(list).unwrap(), ..Costs::default() };
            costs.admit(number).map(|number| number.dialled)
        };
        assert_eq!(to("CH, us", "+41 79 123 45 67").unwrap(), "+41791234567");
        assert_eq!(to("CH, us", "+14155552671").unwrap(), "+14155552671");
        assert_eq!(to("CH, us", "+16137827274"), Err(Forbidden::Country), "Canada has the same calling code");
        assert_eq!(to("+1", "+16137827274").unwrap(), "+16137827274");
        assert_eq!(to("", "+41791234567"), Err(Forbidden::Country));
        assert_eq!(to("*", "+41791234567").unwrap(), "+41791234567");
        assert_eq!(to("*", "+881612345678"), Err(Forbidden::Country), "a satellite is in no country");
        assert_eq!(to("*", "+41900123456"), Err(Forbidden::Premium));
        assert_eq!(to("*,+979", "+979123456789"), Err(Forbidden::Premium));
        assert_eq!(to("+1", "+15551234567"), Err(Forbidden::Unassigned));
        assert_eq!(to("*", "alice"), Err(Forbidden::NoNumber));
        assert!(Costs::anywhere().admit("+15551234567").is_ok());
        assert_eq!(Countries::parse("CH,Germany"), Err("GERMANY".into()));
        assert!(Countries::parse("+").is_err() && Countries::parse("+12345").is_err());
    }
}
