//! The cluster as an operator sees it: topics, brokers, rights and limits, looked at before anything is decided, and
//! changed by commands. While records are decided, `layout` alone looks on, whether the inputs have grown.

pub mod brokers;
pub mod descriptors;
pub mod input_times;
pub mod layout;
pub mod plan_row;
pub mod repartition;
pub mod rights;
pub mod rulesets;
pub(super) mod start;
pub mod topics;
