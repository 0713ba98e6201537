//! Groups in groups: never in themselves, and not too many times over, so that walking them ends soon.

use std::collections::BTreeSet;

use super::groups::{Refusal, parents};
use super::{Access, Error};
use crate::id::GroupId;
use crate::model::group::{Group, LONGEST_CHAIN};
use crate::storage::Tx;
use crate::storage::tables::{GROUPS, group_key};

/// Whether `members` may be in the group with this id.
///
/// # Errors
/// [`Refusal::Cycle`], [`Refusal::TooDeep`].
pub(super) fn check(tx: &mut dyn Tx, access: &Access, id: &GroupId, members: &[Group]) -> Result<(), Error> {
    let (above, height) = climb(tx, access, id)?;
    if let Some(member) = members.iter().find(|member| above.contains(&member.id)) {
        return Err(Refusal::Cycle(member.id.clone()).into());
    }
    let mut chain = height + 1 + usize::from(!members.is_empty());
    let mut level: BTreeSet<GroupId> = members.iter().flat_map(|member| &member.groups).cloned().collect();
    while !level.is_empty() && chain <= LONGEST_CHAIN {
        chain += 1;
        level = below(tx, access, &level)?;
    }
    if chain > LONGEST_CHAIN { Err(Refusal::TooDeep.into()) } else { Ok(()) }
}

/// All groups that a group is in, at any depth, and how many are in one another at most. Chains are bounded, so this ends.
fn climb(tx: &mut dyn Tx, access: &Access, id: &GroupId) -> Result<(BTreeSet<GroupId>, usize), Error> {
    let (mut all, mut height) = (BTreeSet::new(), 0);
    let mut level = BTreeSet::from([id.clone()]);
    loop {
        let mut above = BTreeSet::new();
        for id in &level {
            above.extend(parents(tx, access, id)?.into_iter().map(|group| group.id));
        }
        if above.is_empty() {
            return Ok((all, height));
        }
        height += 1;
        all.extend(above.iter().cloned());
        level = above;
    }
}

/// The groups that are right in those of `level`.
fn below(tx: &mut dyn Tx, access: &Access, level: &BTreeSet<GroupId>) -> Result<BTreeSet<GroupId>, Error> {
    let mut below = BTreeSet::new();
    for id in level {
        if let Some(group) = GROUPS.get(tx, access, group_key(access, id))? {
            below.extend(group.groups);
        }
    }
    Ok(below)
}
