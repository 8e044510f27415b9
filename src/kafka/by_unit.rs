//! Something for each unit, found for every record: by the flow and the number of its partition, without a hash.

use crate::domain::flow::{Flow, Unit};

/// Something for each unit; the default of it where nothing was noted yet.
#[derive(Debug)]
pub struct ByUnit<T>(Vec<(&'static Flow, Vec<T>)>);

impl<T> Default for ByUnit<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> ByUnit<T> {
    /// That of a unit; none for a number that no broker gives.
    pub fn of(&mut self, unit: Unit) -> Option<&mut T> {
        let partition = unit.partition.index();
        let place = self.0.iter().position(|(flow, _)| *flow == unit.flow).unwrap_or_else(|| {
            self.0.push((unit.flow, Vec::new()));
            self.0.len() - 1
        });
        let all = &mut self.0[place].1;
        if partition >= all.len() {
            all.resize_with(partition.checked_add(1)?, T::default);
        }
        all.get_mut(partition)
    }
}
