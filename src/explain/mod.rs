//! Decisions as people read them: the basket as a table with what is wrong in it marked, sums, texts for each reader, and what
//! was booked. Shows what an outcome says beside its event; decides nothing and reads no topic.

pub mod contact;
pub mod decision;
pub mod outcome;
pub mod paint;
