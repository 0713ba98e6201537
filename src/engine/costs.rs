//! The cost guard: text messages are counted in the very job that puts them into the outbox, so that none is sent uncounted, whoever asks, in
//! whatever order, before or after a crash.

use super::{Access, Error};
use crate::model::costs::{Budget, Costs, Forbidden, Tally};
use crate::model::message::Message;
use crate::model::telephone::Telephone;
use crate::storage::Tx;
use crate::storage::tables::costs::{TALLIES, tally_key};

/// What the guard says of a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is counted, and may go to this number.
    Counted(Telephone),
    /// It would cost more than may be spent. It is not counted.
    OverBudget(Budget),
    /// It may not go there. It is not counted.
    Forbidden(Forbidden),
}

/// Count a text message on every budget, or on none if one of them is spent.
///
/// What takes no look at the number comes first: that look is the dearest part, and whoever has spent their budget must not make us take it.
pub(super) fn count(tx: &mut dyn Tx, access: &Access, costs: &Costs, message: &Message) -> Result<Judgement, Error> {
    let mut tallies = Vec::with_capacity(5);
    let whose =
        [(Budget::Day, ""), (Budget::Namespace, message.scope.id.as_str()), (Budget::Entity, message.entity.as_str())];
    if let Some(spent) = look(tx, access, costs, &whose, &mut tallies)? {
        return Ok(Judgement::OverBudget(spent));
    }
    let number = match costs.admit(message.to.expose()) {
        Ok(number) => number,
        Err(forbidden) => return Ok(Judgement::Forbidden(forbidden)),
    };
    let whither = [(Budget::Prefix, number.range()), (Budget::Number, number.subscriber.as_str())];
    if let Some(spent) = look(tx, access, costs, &whither, &mut tallies)? {
        return Ok(Judgement::OverBudget(spent));
    }
    for mut tally in tallies {
        tally.add(tx.now());
        TALLIES.put(tx, access, &tally)?;
    }
    Ok(Judgement::Counted(number))
}

/// Collect the tallies of these budgets. Gives the first that is spent, if one is.
fn look(
    tx: &mut dyn Tx,
    access: &Access,
    costs: &Costs,
    budgets: &[(Budget, &str)],
    tallies: &mut Vec<Tally>,
) -> Result<Option<Budget>, Error> {
    for (budget, whom) in budgets {
        let Some(most) = costs.budgets.of(*budget) else { continue };
        let key = tally_key(access, *budget, whom);
        let tally = TALLIES.get(tx, access, key)?.unwrap_or_else(|| Tally::none(key));
        if tally.count(tx.now()) >= most {
            return Ok(Some(*budget));
        }
        tallies.push(tally);
    }
    Ok(None)
}
