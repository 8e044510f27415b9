//! What decisions of this flow take from outside their partition: all of it is recorded in what is decided, or stands in a
//! registry for good.

use crate::codec::Schemas;
use crate::domain::ProfileView;
use crate::domain::profile_view::ProfileQuestion;
use crate::profiles::Board;

/// What decisions take from outside the partition.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// Writers' schemas.
    pub schemas: &'a dyn Schemas,
    /// The shared profiles, where there are such.
    pub profiles: Option<&'a dyn ProfileSource>,
}

/// Where decisions learn of the shared profiles: as they are just now, or as an outcome has recorded them.
pub trait ProfileSource {
    /// What they say to a question.
    fn view(&self, question: &ProfileQuestion<'_>) -> ProfileView;
}

impl ProfileSource for Board {
    fn view(&self, question: &ProfileQuestion<'_>) -> ProfileView {
        Self::view(self, question)
    }
}

impl<'a, S: Schemas> From<&'a S> for Outside<'a> {
    fn from(schemas: &'a S) -> Self {
        Self { schemas, profiles: None }
    }
}

impl<'a> From<&'a dyn Schemas> for Outside<'a> {
    fn from(schemas: &'a dyn Schemas) -> Self {
        Self { schemas, profiles: None }
    }
}
