//! Merging entities that turned out to be one.

use std::collections::BTreeSet;

use super::{Access, Error, aliases, contacts, entities, groups, verification};
use crate::id::{Accessor, AliasId, EntityId};
use crate::model::alias::Alias;
use crate::model::entity::Entity;
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    ALIASES, ENROLMENT_BY_ENTITY, ENROLMENTS, ENTITIES, alias_key, enrolment_entity_key, enrolment_key,
};

/// Which entities become one.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The namespace of the request.
    pub scope: Scope,
    /// The entity that stays.
    pub to: EntityId,
    /// Those that go; what is bound to them becomes the other's.
    pub from: Vec<EntityId>,
    /// Where both are enrolled under one method: keep the staying entity's authenticator instead of refusing.
    pub force: bool,
    /// Where both have aliases in one mount: those that stay. The others of these go.
    pub keep: Vec<AliasId>,
}

/// Why aliases stand in the way of a merge: an entity has at most one in each mount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// Two of those that go have one in this mount.
    #[error("mount accessor {0} found in multiple fromEntities, merge should be done with one fromEntity at a time")]
    AmongSources(Accessor),
    /// Which to keep was said, but not one source alone was named.
    #[error("aliases conflicts cannot be resolved with multiple from entity ids - merge one entity at a time")]
    SeveralSources,
    /// Which to keep was said, but neither of these is it.
    #[error(
        "conflicting mount accessors in following alias IDs and neither were present in conflicting_alias_ids_to_keep: \
         {from}, {to}"
    )]
    NeitherKept {
        /// The alias of the one that goes.
        from: AliasId,
        /// The alias of the one that stays.
        to: AliasId,
    },
    /// Both of these were to be kept.
    #[error("conflicting mount accessors in following alias IDs and only one of them can be kept: {from}, {to}")]
    BothKept {
        /// The alias of the one that goes.
        from: AliasId,
        /// The alias of the one that stays.
        to: AliasId,
    },
    /// Nothing was said, and these are in one mount: each of the one that stays with one of one that goes, and their entities.
    #[error("entities to be merged have aliases in the same mounts")]
    Undecided(Vec<[(Alias, Entity); 2]>),
}

impl From<Clash> for Error {
    fn from(clash: Clash) -> Self {
        Self::AliasClash(clash)
    }
}

/// Merge entities. Aliases and memberships move; authenticators move with their secrets, their guards and their spent steps, and contact
/// points where the one that stays has no proven one; names, metadata and
/// policies of those that go are dropped. Their tokens live on and speak for the one that stays.
///
/// # Errors
/// [`Error::UnknownEntity`] for the one that stays, [`Error::MergeSource`] for one that goes, [`Error::ConflictingEnrolments`] without `force`,
/// a [`Clash`].
pub fn merge(tx: &mut dyn Tx, access: &Access, command: &Merge) -> Result<(), Error> {
    let mut target = entities::get(tx, access, &command.scope, &command.to)?.ok_or(Error::UnknownEntity)?;
    let mut sources = Vec::new();
    for from in command.from.iter().filter(|from| **from != command.to) {
        sources.push(entities::get(tx, access, &command.scope, from)?.ok_or(Error::MergeSource)?);
    }
    let dropped = clashing(tx, access, &target, &sources, &command.keep)?;
    for alias in dropped {
        ALIASES.delete(tx, alias_key(access, &alias))?;
    }
    for source in sources {
        // One that was named twice is gone by now.
        entities::get(tx, access, &command.scope, &source.id)?.ok_or(Error::MergeSource)?;
        move_aliases(tx, access, &source, &target)?;
        groups::move_memberships(tx, access, &source.id, &target.id)?;
        move_enrolments(tx, access, &source, &target, command.force)?;
        contacts::carry_over(tx, access, &source.id, &target.id)?;
        entities::destroy(tx, access, &source)?;
        target.merged.push(source.id);
        target.merged.extend(source.merged);
    }
    target.updated_at = tx.now();
    Ok(ENTITIES.put(tx, access, &target)?)
}

/// The aliases that have to go so that no two are in one mount.
fn clashing(
    tx: &mut dyn Tx,
    access: &Access,
    target: &Entity,
    sources: &[Entity],
    keep: &[AliasId],
) -> Result<Vec<AliasId>, Error> {
    let own = aliases::of_entity(tx, access, &target.id)?;
    let (mut mounts, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let (mut pairs, mut shared) = (Vec::new(), None);
    for source in sources.iter().filter(|source| seen.insert(&source.id)) {
        for alias in aliases::of_entity(tx, access, &source.id)? {
            if let Some(mine) = own.iter().find(|mine| mine.mount == alias.mount) {
                pairs.push([(mine.clone(), target.clone()), (alias.clone(), source.clone())]);
            }
            if !mounts.insert(alias.mount.clone()) {
                shared = Some(alias.mount);
            }
        }
    }
    match (pairs.is_empty(), shared) {
        (false, _) if !keep.is_empty() && seen.len() > 1 => return Err(Clash::SeveralSources.into()),
        (_, Some(mount)) => return Err(Clash::AmongSources(mount).into()),
        (false, None) if keep.is_empty() => return Err(Clash::Undecided(pairs).into()),
        (true | false, None) => {}
    }
    let dropped = pairs.into_iter().map(|[(mine, _), (other, _)]| {
        let (from, to) = (other.id, mine.id);
        match (keep.contains(&from), keep.contains(&to)) {
            (true, false) => Ok(to),
            (false, true) => Ok(from),
            (false, false) => Err(Clash::NeitherKept { from, to }),
            (true, true) => Err(Clash::BothKept { from, to }),
        }
    });
    Ok(dropped.collect::<Result<_, _>>()?)
}

fn move_aliases(tx: &mut dyn Tx, access: &Access, source: &Entity, target: &Entity) -> Result<(), Error> {
    for mut alias in aliases::of_entity(tx, access, &source.id)? {
        alias.entity = target.id.clone();
        alias.merged_from.push(source.id.clone());
        ALIASES.put(tx, access, &alias)?;
    }
    Ok(())
}

fn move_enrolments(
    tx: &mut dyn Tx,
    access: &Access,
    source: &Entity,
    target: &Entity,
    force: bool,
) -> Result<(), Error> {
    let bound = enrolment_entity_key(access, &source.id);
    for mut enrolment in ENROLMENTS.find_all(tx, access, ENROLMENT_BY_ENTITY, bound)? {
        let old = enrolment_key(access, &source.id, &enrolment.method);
        let new = enrolment_key(access, &target.id, &enrolment.method);
        if ENROLMENTS.contains(tx, new)? {
            if force {
                continue;
            }
            return Err(Error::ConflictingEnrolments { method: enrolment.method, from: source.id.clone() });
        }
        verification::carry_over(tx, access, &enrolment, &target.id, old, new)?;
        ENROLMENTS.delete(tx, old)?;
        enrolment.entity = target.id.clone();
        enrolment.suspended = target.disabled;
        ENROLMENTS.put(tx, access, &enrolment)?;
    }
    Ok(())
}
