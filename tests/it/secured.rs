//! The built binary beside a broker with TLS, authentication and rights: what it says of each thing that is wrong, and
//! that it ends when it is told to. All on one secured broker. Never looks inside.

mod access;
mod connections;
mod modes;
mod rights;
mod starts;
mod stops;
