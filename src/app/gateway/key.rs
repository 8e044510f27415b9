//! `tillgate gateway key`: makes an API key. Prints it once and keeps it nowhere.

use std::io::Write;

use crate::app::AppError;
use crate::cli::GatewayKeyArgs;
use crate::config::{KEY_HASH, Scope};
use crate::gateway::auth::{hash_of_key, new_key};

pub(super) fn run(args: &GatewayKeyArgs) -> Result<(), AppError> {
    let no_chance = |_unspecified| AppError::Start("the system gives no random bytes for a key".to_owned());
    let key = new_key().map_err(no_chance)?;
    let mut scopes = args.scope.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let scopes: Vec<&str> = scopes.into_iter().map(Scope::symbol).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{key}")?;
    writeln!(out, "\"{}\" = \"{} {KEY_HASH}{}\"", args.client, scopes.join(" "), hash_of_key(&key))?;
    writeln!(
        std::io::stderr(),
        "the first line is the key, for {}: it is kept nowhere; the second one belongs below [gateway.auth.api_keys]",
        args.client
    )?;
    Ok(())
}
