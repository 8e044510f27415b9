//! The group coordinator: members with epochs, ranges that keep the inputs of a unit together, partitions that
//! move only once their former owner has let them go, static names, silent members that are put out, offsets that are
//! pending until their transaction's marker.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tillgate::domain::PartitionId;
use tillgate::kafka::port::{Flow, InputPartition, Positions, Unit};

use super::{transactions::Refusal, world::World};

/// A member as the coordinator knows it.
#[derive(Clone, Debug, Default)]
pub struct Member {
    instance: Option<String>,
    epoch: i32,
    target: BTreeSet<InputPartition>,
    /// What it was given and has not given back.
    given: BTreeSet<InputPartition>,
    expires: Duration,
    /// In the classic protocol: the rebalance that it has let go of everything for.
    ready: i32,
    /// It left for a while and keeps its partitions under its static name.
    away: bool,
}

/// The group.
#[derive(Debug, Default)]
pub struct Group {
    epoch: i32,
    members: BTreeMap<u64, Member>,
    /// Moves every range by so many members: what a changed assignor would do.
    turn: usize,
    pub session_timeout: Duration,
    /// Whether a new member may take a static name over that is still in use (as in the classic protocol).
    pub replaces: bool,
    /// Every rebalance takes everything from everybody first (the classic protocol).
    pub eager: bool,
    committed: BTreeMap<InputPartition, i64>,
    pending: BTreeMap<u64, BTreeMap<InputPartition, i64>>,
}

/// Answer to a heartbeat.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    pub epoch: i32,
    pub assignment: BTreeSet<InputPartition>,
}

impl Group {
    /// Whether the producer has offsets that wait for their marker.
    pub fn has_pending(&self, producer: u64) -> bool {
        self.pending.contains_key(&producer)
    }

    /// Units of which the producer has offsets that wait for their marker.
    pub fn pending_units(&self, producer: u64) -> Vec<Unit> {
        self.pending.get(&producer).into_iter().flatten().map(|(at, _)| at.unit).collect()
    }

    /// The marker of a transaction has come.
    pub fn end_pending(&mut self, producer: u64, commit: bool) {
        let offsets = self.pending.remove(&producer).unwrap_or_default();
        if commit {
            self.committed.extend(offsets);
        }
    }

    /// Committed offsets of a unit, whatever transactions hold.
    pub fn positions(&self, unit: Unit) -> Positions {
        unit.inputs().map(|at| self.committed(at)).collect()
    }

    /// Committed offsets of a unit; nothing while a transaction holds some.
    pub fn stable_positions(&self, unit: Unit) -> Option<Positions> {
        let held = self.pending.values().any(|offsets| unit.inputs().any(|at| offsets.contains_key(&at)));
        (!held).then(|| self.positions(unit))
    }

    /// The committed offset of one input.
    pub fn committed(&self, at: InputPartition) -> Option<i64> {
        self.committed.get(&at).copied()
    }

    /// Sets offsets at once: what no transaction should do.
    pub fn commit_plainly(&mut self, positions: &[(InputPartition, i64)]) {
        self.committed.extend(positions.iter().copied());
    }

    fn share(&mut self, flows: &BTreeMap<&'static Flow, u32>) {
        self.epoch += 1;
        let mut order: Vec<(Option<String>, u64)> =
            self.members.iter().map(|(id, member)| (member.instance.clone(), *id)).collect();
        order.sort();
        let count = order.len();
        for (place, (_, id)) in order.iter().enumerate() {
            let place = (place + self.turn) % count;
            let of_flow = |(flow, partitions): (&&'static Flow, &u32)| {
                let (flow, partitions) = (*flow, *partitions);
                PartitionId::all(partitions)
                    .filter(move |partition| partition.index() * count / partitions.max(1) as usize == place)
                    .flat_map(move |partition| Unit { flow, partition }.inputs())
            };
            let target = flows.iter().flat_map(of_flow);
            if let Some(member) = self.members.get_mut(id) {
                member.target = target.collect();
            }
        }
    }
}

impl World {
    /// A member joins; its number.
    pub fn join(&mut self, instance: Option<String>) -> Result<u64, Refusal> {
        let named = instance.as_ref().and_then(|name| {
            let found = self.group.members.iter().find(|(_, member)| member.instance.as_ref() == Some(name));
            found.map(|(id, member)| (*id, member.clone()))
        });
        let id = self.number();
        let expires = self.now + self.group.session_timeout;
        self.watch(id);
        if let Some((before, member)) = named {
            if !member.away && !self.group.replaces {
                return Err(Refusal::Fenced);
            }
            // The same name has the same partitions.
            self.group.members.remove(&before);
            let given = BTreeSet::new();
            self.group.members.insert(id, Member { given, expires, away: false, epoch: 0, ..member });
            return Ok(id);
        }
        self.group.members.insert(id, Member { instance, expires, ..Member::default() });
        self.group.share(&self.flows);
        self.news = true;
        Ok(id)
    }

    /// Puts a member out once it has been silent for too long.
    fn watch(&mut self, id: u64) {
        let time = self.group.session_timeout;
        self.after(time, move |world| match world.group.members.get(&id) {
            None => {}
            Some(member) if member.expires > world.now => world.watch_again(id),
            Some(_) => {
                world.note(0, "put out of the group", [id as i64, 0]);
                *world.faults.entry("member put out").or_default() += 1;
                world.remove_member(id);
            }
        });
    }

    fn watch_again(&mut self, id: u64) {
        let Some(member) = self.group.members.get(&id) else { return };
        let left = member.expires.saturating_sub(self.now);
        self.after(left, move |world| match world.group.members.get(&id) {
            Some(member) if member.expires <= world.now => {
                world.note(0, "put out of the group", [id as i64, 0]);
                *world.faults.entry("member put out").or_default() += 1;
                world.remove_member(id);
            }
            Some(_) => world.watch_again(id),
            None => {}
        });
    }

    fn remove_member(&mut self, id: u64) {
        if self.group.members.remove(&id).is_some() {
            self.group.share(&self.flows);
            self.news = true;
        }
    }

    /// A member leaves; one with a static name keeps its partitions for as long as a session lasts.
    pub fn leave(&mut self, id: u64) {
        match self.group.members.get_mut(&id) {
            Some(member) if member.instance.is_some() => {
                member.away = true;
                member.epoch = -2;
                member.given.clear();
            }
            _ => self.remove_member(id),
        }
    }

    /// Shares the partitions out again, each to another member where there are several.
    pub fn turn_assignment(&mut self) {
        self.group.turn += 1;
        self.group.share(&self.flows);
        self.news = true;
    }

    /// A member says what it owns, and hears what it shall own. While its loop has not answered it says nothing of what
    /// it owns.
    pub fn heartbeat(
        &mut self,
        id: u64,
        owned: Option<&BTreeSet<InputPartition>>,
    ) -> Result<Heartbeat, Refusal> {
        let expires = self.now + self.group.session_timeout;
        let member = self.group.members.get_mut(&id).filter(|member| !member.away);
        member.ok_or(Refusal::StaleMember)?.expires = expires;
        if self.group.eager {
            self.share_eagerly(id, owned)
        } else {
            self.share_step_by_step(id, owned)
        }
        let member = self.group.members.get(&id).ok_or(Refusal::StaleMember)?;
        let assignment = member.given.intersection(&member.target).copied().collect();
        let under_way = self.group.eager && member.epoch != self.group.epoch;
        let assignment = if under_way { BTreeSet::new() } else { assignment };
        Ok(Heartbeat { epoch: member.epoch, assignment })
    }

    /// What goes is let go first, then the member has the new epoch, then it gets what nobody has any more.
    fn share_step_by_step(&mut self, id: u64, owned: Option<&BTreeSet<InputPartition>>) {
        let epoch = self.group.epoch;
        let others = self.group.members.iter().filter(|(other, _)| **other != id);
        let others: BTreeSet<InputPartition> =
            others.flat_map(|(_, member)| member.given.iter().copied()).collect();
        let Some(member) = self.group.members.get_mut(&id) else { return };
        if let Some(owned) = owned {
            let before = member.given.len();
            member.given.retain(|at| member.target.contains(at) || owned.contains(at));
            self.news |= member.given.len() < before;
        }
        if member.given.is_subset(&member.target) {
            member.epoch = epoch;
            member.given.extend(member.target.difference(&others).copied().collect::<Vec<_>>());
        }
    }

    /// Everybody lets go of everything, then everybody gets what is his.
    fn share_eagerly(&mut self, id: u64, owned: Option<&BTreeSet<InputPartition>>) {
        let epoch = self.group.epoch;
        let Some(member) = self.group.members.get_mut(&id) else { return };
        if member.epoch != epoch && owned.is_some_and(BTreeSet::is_empty) {
            member.ready = epoch;
        }
        let there = |member: &Member| member.away || member.epoch == epoch || member.ready == epoch;
        if self.group.members.values().all(there) {
            for member in self.group.members.values_mut().filter(|member| !member.away) {
                self.news |= member.epoch != epoch;
                member.epoch = epoch;
                member.given.clone_from(&member.target);
            }
        }
    }

    /// Whether the member is in the group with this epoch.
    pub fn check_member(&self, id: u64, epoch: i32) -> Result<(), Refusal> {
        match self.group.members.get(&id) {
            Some(member) if member.epoch == epoch && !member.away => Ok(()),
            _ => Err(Refusal::StaleMember),
        }
    }

    /// Adds positions to the producer's transaction.
    pub fn add_pending(&mut self, producer: u64, positions: &[(InputPartition, i64)]) {
        self.group.pending.entry(producer).or_default().extend(positions.iter().copied());
    }
}
